"""Training on group rewards with TRL, whichever of its trainers: rows, order of the problems, figures, reasons to stop.

A training that is killed goes on to the same weights, bit for bit on the same machine: the checkpoint holds weights,
optimizer, schedule and random state (and a reference that moves); the order of the problems is a function of seed and
epoch, and where an epoch was chosen by pass rates a file keeps the choice; completions are drawn with noise that the
step names. Checkpoints fall between generations only.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veracity.core.errors import ConfigError, TrainingStoppedError
from veracity.training.arguments import lora_config, shared_arguments
from veracity.training.fitting import Fit, fit, without_card
from veracity.training.generation import check_lengths, turns, with_generation
from veracity.training.launcher import Launch
from veracity.training.lineage import data_hash
from veracity.training.loading import device_of, load_tokenizer
from veracity.training.memory import MemoryShape
from veracity.training.problem_order import Chooser, ProblemOrder
from veracity.training.records import Judge, Prompt, RewardPart
from veracity.training.reference import keep_reference, sync_arguments
from veracity.training.reward_functions import RewardStage, check_prompts
from veracity.training.rl_settings import RlSettings
from veracity.training.unpadded import without_padding
from veracity.training.watch import StepEnd, TrainingLog

logger = logging.getLogger("veracity.training")

Arguments = Callable[..., dict[str, Any]]
"""(settings, seed=, folder=, batch=, device=) → the arguments of TRL's configuration."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A trainer of TRL for group rewards."""

    name: str
    load: Callable[[], tuple[Any, Any]]
    """Its classes: trainer and configuration."""
    arguments: Arguments
    logprobs: bool
    """Whether generation gives log-probabilities beside token ids."""


@dataclass(frozen=True, slots=True)
class GroupTraining:
    """What is trained on, and by what it is rewarded."""

    prompts: Sequence[Prompt]
    judge: Judge
    rewards: Sequence[RewardPart]
    judged_by: str
    """Content hash of all that the judge's word depends on."""


def train_on_groups(
    kind: Kind,
    what: GroupTraining,
    start: Path,
    settings: RlSettings,
    *,
    seed: int,
    folder: Path,
    out: Path,
    on_step: StepEnd | None = None,
    run: str = "",
    recipe: str = "",
) -> TrainingLog:
    """Train `start` by a trainer of TRL; `train_grpo` and `train_rloo` say what all this means."""
    launch = Launch.from_environment()
    check_sharing(settings, launch)
    stage = RewardStage(what.judge, what.rewards, settings.group_size, settings.max_missing, launch)
    launch.from_main(lambda: _check(stage, what.prompts, settings))
    tokenizer, context = load_tokenizer(start)
    longest = check_lengths(what.prompts, tokenizer, settings, context)
    parts = [(part.reward.spec, part.weight) for part in what.rewards]
    work = Fit(
        trainer=kind.name,
        start=start,
        settings=settings,
        seed=seed,
        folder=folder,
        out=out,
        data={"prompts": data_hash(what.prompts), "rewards": data_hash(parts), "judge": what.judged_by},
        memory=MemoryShape(
            1, longest + settings.max_completion_length, reference=settings.beta > 0 and settings.lora is None
        ),
        on_step=on_step,
        run=run,
        recipe=recipe,
    )

    def make(model: Any, tokenizer: Any, batch: int) -> Any:
        return make_trainer(kind, what, stage, model, tokenizer, settings, seed=seed, folder=folder, batch=batch)

    with _hushed("trl"):
        return fit(work, make)


@contextmanager
def _hushed(name: str) -> Iterator[None]:
    """TRL prints, in every batch, a completion that has no reward; here such are counted."""
    theirs = logging.getLogger(name)
    before = theirs.level
    theirs.setLevel(logging.ERROR)
    try:
        yield
    finally:
        theirs.setLevel(before)


def check_sharing(settings: RlSettings, launch: Launch) -> None:
    """Raises ConfigError unless every process gets whole groups of each generation."""
    rows = settings.batch_size * settings.updates_per_generation
    if rows % (settings.group_size * launch.processes):
        fits = settings.group_size * launch.processes
        raise ConfigError(
            f"{rows} completions of a generation cannot be shared out over {launch.processes} processes in whole "
            f"groups of {settings.group_size}; make batch_size a multiple of {fits}, as "
            f"{-(-settings.batch_size // fits) * fits}"
        )


def _check(stage: RewardStage, prompts: Sequence[Prompt], settings: RlSettings) -> None:
    groups = check_prompts(prompts, stage, settings.prompts_per_step * settings.updates_per_generation)
    wanted = {need for part in stage.rewards for need in part.reward.needs}
    if settings.resampling and not wanted & {"outcome", "gold"}:
        raise ConfigError("resampling goes by the share of right answers, which no reward here reads; switch it off")
    if settings.resampling and (settings.resampling.problems or 0) > len(groups):
        raise ConfigError(f"resampling.problems={settings.resampling.problems}, but there are {len(groups)} prompts")


def make_trainer(
    kind: Kind,
    what: GroupTraining,
    stage: RewardStage,
    model: Any,
    tokenizer: Any,
    settings: RlSettings,
    *,
    seed: int,
    folder: Path,
    batch: int,
) -> Any:
    """TRL's trainer with every setting in it; `batch` is the completions of one forward pass of one process."""
    from datasets import Dataset

    trainer_class, config_class = kind.load()
    rows = Dataset.from_list([{"prompt": turns(p.messages), "item": p.item} for p in what.prompts])
    arguments = kind.arguments(settings, seed=seed, folder=folder, batch=batch, device=device_of(model))
    weights = [part.weight for part in stage.rewards]
    kept: dict[str, Any] = {}
    choose = Chooser(what.prompts, stage, settings, seed, folder, lambda: kept["trainer"])
    sampler = ProblemOrder(len(rows), settings, choose)
    ordered = _with_order(
        with_generation(without_padding(without_card(trainer_class)), settings, seed, logprobs=kind.logprobs), sampler
    )
    with warnings.catch_warnings():  # TRL and Transformers tell each other about names that they will change
        warnings.simplefilter("ignore", FutureWarning)
        trainer = ordered(
            model=model,
            reward_funcs=list(stage.functions()),
            args=config_class(**arguments, reward_weights=weights),
            train_dataset=rows,
            processing_class=tokenizer,
            peft_config=lora_config(settings.lora),
        )
    kept["trainer"] = trainer
    stage.end_with([*trainer.eos_token_ids, tokenizer.pad_token_id])
    _refuse_sharded(trainer, settings)
    trainer.add_callback(_figures(trainer, settings))
    return keep_reference(trainer)


def rl_arguments(settings: RlSettings, *, seed: int, folder: Path, batch: int, device: str) -> dict[str, Any]:
    """What GRPO and RLOO are both told, in TRL's words."""
    vllm = settings.vllm
    return {
        **shared_arguments(settings, settings, seed=seed, folder=folder, batch=batch, device=device),
        "max_steps": settings.steps or -1,
        "num_generations": settings.group_size,
        "steps_per_generation": settings.accumulation * settings.updates_per_generation,
        "num_iterations": settings.iterations,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "top_k": settings.top_k,
        "max_completion_length": settings.max_completion_length,
        "mask_truncated_completions": settings.mask_truncated,
        "beta": settings.beta,
        "epsilon": settings.epsilon,
        "epsilon_high": settings.epsilon_high,
        "disable_dropout": settings.disable_dropout,
        **sync_arguments(settings.sync_reference),
        "use_vllm": settings.generator == "vllm",
        "vllm_mode": vllm.mode,
        "vllm_gpu_memory_utilization": vllm.memory,
        "vllm_tensor_parallel_size": vllm.tensor_parallel,
        "vllm_server_base_url": vllm.server_url,
        "remove_unused_columns": False,
        "shuffle_dataset": False,  # the order is `ProblemOrder`'s
    }


def _with_order(trainer_class: Any, sampler: ProblemOrder) -> Any:
    class Ordered(trainer_class):  # type: ignore[misc]
        def _get_train_sampler(self, dataset: Any = None) -> Any:
            return sampler

    Ordered.__name__ = trainer_class.__name__
    return Ordered


def _refuse_sharded(trainer: Any, settings: RlSettings) -> None:
    sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    if sharded and (settings.generator == "local" or settings.resampling):
        raise ConfigError(
            "generator=local and resampling need the whole model in each process, which sharded training (FSDP, "
            "DeepSpeed) does not have; set generator=transformers or vllm, and resampling=null"
        )


def _figures(trainer: Any, settings: RlSettings) -> Any:
    """Times each optimizer step, and ends or warns when nothing has been learned from for too long."""
    from transformers import TrainerCallback

    class Figures(TrainerCallback):  # type: ignore[misc]
        began = 0.0
        equal = 0

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            figures = trainer._metrics["train"]
            other = sum(figures["seconds/generation"]) + sum(figures["seconds/reward"])
            figures["seconds/update"].append(time.perf_counter() - self.began - other)

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            for entry in state.log_history:
                self._count(entry)

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            if not self._count(logs) or self.equal % settings.equal_batches:
                return
            what = (
                f"step {state.global_step}: in {self.equal} batches in a row all completions of each group had the "
                "same reward, so nothing was learned; take problems that are neither too easy nor too hard "
                "(resampling), larger groups, a reward that tells responses apart, or injected responses"
            )
            if settings.when_equal == "stop":
                raise TrainingStoppedError(what)
            logger.warning(what)

        def _count(self, logs: dict[str, Any]) -> bool:
            """Whether these figures are of one more batch without differences."""
            if "groups/equal" in logs:
                self.equal = self.equal + 1 if logs["groups/equal"] == 1 else 0
            return bool(logs.get("groups/equal") == 1)

    return Figures()
