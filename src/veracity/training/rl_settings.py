"""Settings of reinforcement learning from group rewards: what GRPO and RLOO share, and what each has of its own."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from veracity.core.config import Settings
from veracity.training.settings import OptimizationSettings, PhaseSettings, ReferenceSync, Schedule

LossType = Literal["grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo"]
Generator = Literal["local", "transformers", "vllm"]


class VllmSettings(Settings):
    """Generation by vLLM, where it is installed."""

    mode: Literal["colocate", "server"] = Field(
        default="colocate", description="In the training process, or in a server of its own."
    )
    memory: float = Field(default=0.3, gt=0, le=1, description="Share of each GPU that vLLM may take (`colocate`).")
    tensor_parallel: int = Field(default=1, ge=1, description="GPUs that share one copy of the model (`colocate`).")
    server_url: str | None = Field(default=None, description="Address of the server, as http://host:8000 (`server`).")
    correction: bool = Field(
        default=True, description="Weigh samples by trainer over sampler probability (importance sampling)."
    )
    correction_limit: float = Field(default=3.0, gt=0, description="Largest weight; what is above it does not count.")


class OtherPrompt(Settings):
    """A share of each group is sampled under another system prompt: a group then holds what one prompt never gives."""

    system: str = Field(description="The other system prompt; it takes the place of the prompt's own, if it has one.")
    share: float = Field(gt=0, lt=1, description="Share of each group, rounded to whole samples, at least one.")
    learn_under: Literal["own", "sampled"] = Field(
        default="own",
        description="Which prompt the loss sees before such a sample. `own`: the problem's, so that the model learns "
        "to do unasked what the other prompt asks for (off-policy, uncorrected). `sampled`: that of the sample.",
    )


class Resampling(Settings):
    """Before each epoch, sample every problem with the current model, and train on those that are right sometimes.

    This is the dynamic sampling of DAPO (Yu et al., 2025, arXiv 2503.14476, §3.2), for epochs in place of batches.
    """

    samples: int = Field(default=8, ge=2, description="Samples of each problem that its pass rate is measured on.")
    problems: int | None = Field(
        default=None, ge=1, description="Problems of an epoch; as many as there are prompts if null."
    )
    caution: float = Field(
        default=0.0, ge=0, lt=1, description="Share of an epoch kept for problems that were never answered right."
    )


class EntropySettings(Settings):
    """A bonus for entropy, and which tokens learn."""

    coefficient: float = Field(default=0.0, ge=0, description="Weight of the mean token entropy in the objective.")
    adaptive: bool = Field(default=False, description="Move the coefficient so that the entropy stays near `target`.")
    target: float = Field(default=0.2, ge=0, description="Entropy to stay above, nats a token (`adaptive`).")
    step: float = Field(default=0.005, gt=0, description="Change of the coefficient at each step (`adaptive`).")
    least: float = Field(default=0.0, ge=0, description="Smallest coefficient (`adaptive`).")
    most: float = Field(default=1.0, gt=0, description="Largest coefficient (`adaptive`).")
    top_quantile: float = Field(
        default=1.0, gt=0, le=1, description="Share of the tokens, those of highest entropy, that carry the loss."
    )


class RlSettings(OptimizationSettings, PhaseSettings):
    """What every trainer on group rewards shares."""

    batch_size: int = Field(
        default=64, ge=2, description="Completions in one optimizer step, over all processes and accumulation."
    )
    group_size: int = Field(default=8, ge=2, description="Completions of one prompt, judged against each other.")
    warmup: float = Field(default=0, ge=0, description="Steps in which the learning rate rises; below 1, a share.")
    weight_decay: float = Field(default=0.0, ge=0, description="AdamW's decoupled weight decay.")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="AdamW's decay of the mean of squared gradients.")
    learning_rate: float = Field(default=1e-6, gt=0, description="Highest learning rate; about 1e-5 with adapters.")
    schedule: Schedule = Field(default="constant", description="How the learning rate moves over the training.")
    epochs: int = Field(default=1, ge=1, description="Passes over the prompts, each prompt once a pass.")
    steps: int | None = Field(default=None, ge=1, description="Optimizer steps; null leaves it to `epochs`.")
    updates_per_generation: int = Field(
        default=1, ge=1, description="Optimizer steps for which completions are drawn at once."
    )
    iterations: int = Field(default=1, ge=1, description="How often each completion is learned from (μ).")
    temperature: float = Field(default=1.0, gt=0, description="Of sampling, and of the probabilities in the loss.")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Sample among the likeliest tokens up to this mass.")
    top_k: int = Field(default=0, ge=0, description="Sample among so many likeliest tokens; 0 takes all.")
    max_completion_length: int = Field(default=256, ge=1, description="Longest completion in tokens.")
    mask_truncated: bool = Field(
        default=False, description="Learn nothing from completions that ended at the token limit."
    )
    beta: float = Field(default=1e-3, ge=0, description="Weight of the divergence from the reference; 0 has none.")
    epsilon: float = Field(default=0.2, gt=0, description="Ratios are clipped below at 1 − ε.")
    epsilon_high: float | None = Field(default=None, gt=0, description="… and above at 1 + this; ε if null.")
    sync_reference: ReferenceSync | None = Field(default=None, description="A moving reference; null keeps the start.")
    disable_dropout: bool = Field(default=False, description="Switch dropout off while training.")
    generator: Generator = Field(
        default="local",
        description="What draws completions from the current weights: `local` (our engine), `transformers` "
        "(TRL's default) or `vllm`.",
    )
    vllm: VllmSettings = Field(default=VllmSettings(), description="How vLLM generates.")
    injected: tuple[str, ...] = Field(
        default=(), description="Responses put in place of the last samples of every group, as a forced abstention."
    )
    other_prompt: OtherPrompt | None = Field(default=None, description="A share of each group under another prompt.")
    resampling: Resampling | None = Field(
        default=None, description="Choose the problems of each epoch; null takes all."
    )
    max_missing: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="Share of a batch without a value of some reward above which training stops.",
    )
    equal_batches: int = Field(
        default=25,
        ge=1,
        description="Batches in a row in which all groups are equal, after which `when_equal` applies.",
    )
    when_equal: Literal["stop", "warn"] = Field(
        default="stop", description="What happens then: nothing is learned from groups without differences."
    )

    @property
    def prompts_per_step(self) -> int:
        """Different prompts in one optimizer step."""
        return self.batch_size // self.group_size

    @property
    def cycle(self) -> int:
        """Optimizer steps between two generations."""
        return self.updates_per_generation * self.iterations

    @property
    def others(self) -> int:
        """Samples of each group that are drawn under the other prompt."""
        return 0 if self.other_prompt is None else max(1, round(self.other_prompt.share * self.group_size))

    @model_validator(mode="after")
    def _fits_together(self) -> RlSettings:
        if self.batch_size % self.group_size:
            below = self.batch_size // self.group_size * self.group_size
            sizes = " or ".join(str(n) for n in (below, below + self.group_size) if n)
            fitting = [n for n in range(2, self.batch_size + 1) if self.batch_size % n == 0]
            near = sorted(sorted(fitting, key=lambda n: (abs(n - self.group_size), n))[:2])
            raise ValueError(
                f"batch_size={self.batch_size} is no multiple of group_size={self.group_size}; "
                f"set batch_size to {sizes}, or group_size to {' or '.join(map(str, near))}"
            )
        if self.save_every % self.cycle:
            raise ValueError(
                f"save_every={self.save_every} falls between two generations, which come every {self.cycle} steps "
                "(updates_per_generation × iterations); make it a multiple of that"
            )
        if len(self.injected) + self.others >= self.group_size:
            raise ValueError(
                f"a group of {self.group_size} has no sample of the prompt itself left beside {len(self.injected)} "
                f"injected and {self.others} under the other prompt; make group_size larger"
            )
        if self.generator == "vllm" and (self.injected or self.other_prompt):
            raise ValueError(
                "injected and other_prompt need generator=local or transformers; vLLM has one prompt a group"
            )
        if self.sync_reference and (self.beta == 0 or self.lora):
            raise ValueError("sync_reference needs a reference of its own: beta above 0, and no adapters (lora: null)")
        return self


class GrpoSettings(RlSettings):
    """Group relative policy optimisation (Shao et al., 2024, arXiv 2402.03300) and its relatives."""

    loss_type: LossType = Field(
        default="dapo",
        description="How token losses are averaged: `grpo` a sequence, `dapo` all tokens of a batch, `bnpo` those of "
        "a device, `dr_grpo` by a constant; `cispo`, `sapo`, `luspo`, `vespo` have their own objectives.",
    )
    delta: float | None = Field(default=None, gt=1, description="Hard upper limit of the ratio for both signs.")
    scale_rewards: Literal["group", "batch", "none"] = Field(
        default="group", description="What advantages are divided by: the group's deviation, the batch's, or nothing."
    )
    multi_objective_aggregation: Literal["sum_then_normalize", "normalize_then_sum"] = Field(
        default="sum_then_normalize",
        description="Whether the weighted sum of rewards is normalised in its group, or each reward before the sum.",
    )
    importance_sampling_level: Literal["token", "sequence"] = Field(
        default="token", description="One ratio a token, or one a sequence (GSPO)."
    )
    off_policy_mask_threshold: float | None = Field(
        default=None, gt=0, description="Leave out samples with negative advantage that are further off-policy."
    )
    bias_corrected_kl: bool = Field(default=True, description="Weigh the divergence's estimate by the ratio.")
    cast_lm_head_to_fp32: bool = Field(default=False, description="Compute the output head in float32.")
    entropy: EntropySettings = Field(default=EntropySettings(), description="Bonus for entropy; high-entropy tokens.")

    @model_validator(mode="after")
    def _losses_fit(self) -> GrpoSettings:
        if self.delta is not None and self.loss_type not in ("grpo", "bnpo", "dr_grpo", "dapo"):
            raise ValueError(f"delta limits the ratio of clipped losses; loss_type={self.loss_type} has no use for it")
        return self


class RlooSettings(RlSettings):
    """REINFORCE with the mean of the other samples as baseline (Ahmadian et al., 2024, arXiv 2402.14740)."""

    beta: float = Field(default=0.05, ge=0, description="Weight of the divergence in the reward; 0 has none.")
    normalize_advantages: bool = Field(default=False, description="Divide advantages by the batch's deviation.")
    reward_clip: tuple[float, float] | None = Field(default=None, description="Rewards are held between these two.")
