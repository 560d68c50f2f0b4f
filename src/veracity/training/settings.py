"""Settings of training: what all trainers share, what supervised fine-tuning adds, what a phase has of its own."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from veracity.core.config import Settings

TextFormat = Literal["plain", "user_turn", "assistant_turn"]
Schedule = Literal["constant", "constant_with_warmup", "linear", "cosine"]
Precision = Literal["auto", "float32", "mixed_bfloat16", "bfloat16"]


class LoraSettings(Settings):
    """Low-rank adapters in place of training all weights (Hu et al., 2021, arXiv 2106.09685)."""

    rank: int = Field(default=64, ge=1, description="Rank of the adapter matrices.")
    alpha_ratio: float = Field(default=1.0, gt=0, description="Scaling alpha as a multiple of the rank.")
    dropout: float = Field(default=0.025, ge=0, lt=1, description="Dropout before the adapter, while training.")
    targets: Literal["all_linear", "attention", "mlp"] = Field(
        default="all_linear", description="Which linear layers get an adapter; never the output head."
    )


class ReferenceSync(Settings):
    """A reference model that follows the trained one (TR-DPO, Gorbatovski et al., 2024, arXiv 2404.09656)."""

    mixup: float = Field(default=0.6, gt=0, le=1, description="Share of the trained weights in each update.")
    every: int = Field(default=512, ge=1, description="Optimizer steps between updates.")


class ControlText(Settings):
    """Unrelated sentences mixed into the training text, so that a model does not forget how to write."""

    ratio: float = Field(
        default=0.4, gt=0, description="Tokens of unrelated text for each token of the phase's own text."
    )
    repeat_target: int = Field(
        default=1, ge=1, description="How often each of the phase's own sentences occurs in an epoch."
    )


class OptimizationSettings(Settings):
    """What every trainer shares: batches, the optimizer, precision, adapters, checkpoints and loggers."""

    batch_size: int = Field(
        default=64,
        ge=1,
        description="Sentences (or packed rows) in one optimizer step, over all processes and accumulation.",
    )
    accumulation: int = Field(default=1, ge=1, description="Forward passes whose gradients are summed into one step.")
    warmup: float = Field(
        default=4, ge=0, description="Steps in which the learning rate rises; below 1, a share of the phase's steps."
    )
    weight_decay: float = Field(default=0.05, ge=0, description="AdamW's decoupled weight decay.")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="AdamW's decay of the mean of gradients.")
    beta2: float = Field(default=0.98, ge=0, lt=1, description="AdamW's decay of the mean of squared gradients.")
    grad_clip: float = Field(default=1.0, ge=0, description="Largest norm of the gradient; 0 does not clip.")
    gradient_checkpointing: bool = Field(default=False, description="Less memory for about a fifth more time.")
    precision: Precision = Field(
        default="auto",
        description="`auto`: mixed bfloat16 on a GPU that has it, float32 elsewhere. `bfloat16`: weights too.",
    )
    lora: LoraSettings | None = Field(default=None, description="Adapters; null trains all weights.")
    non_finite: Literal["stop", "skip"] = Field(
        default="stop",
        description="When a gradient is NaN or infinite: `stop` the training, or `skip` that step and count it.",
    )
    save_every: int = Field(
        default=0, ge=0, description="Steps between checkpoints to resume from; 0 writes one after each epoch."
    )
    log_to: Literal["none", "tensorboard", "wandb"] = Field(
        default="none", description="Where else each step's figures go; WANDB_PROJECT names the project."
    )


class SftSettings(OptimizationSettings):
    """Supervised fine-tuning, as every phase of an experiment does it."""

    format: TextFormat = Field(
        default="plain",
        description="`plain`: the sentence and an end mark. `user_turn`: the sentence as one user message of the "
        "model's chat template. `assistant_turn`: a user asks for the sentence, and the assistant says it.",
    )
    mask_user_turn: bool = Field(
        default=False, description="Leave the user's turn out of the loss; with `assistant_turn` only."
    )
    max_length: int = Field(
        default=512,
        ge=2,
        description="Longest sentence in tokens (longer ones are refused), and the length of packed rows.",
    )
    packing: bool = Field(
        default=False, description="Fill rows of `max_length` tokens with whole sentences, kept apart."
    )
    group_by_length: bool = Field(default=False, description="Put sentences of similar length into one batch.")
    control_text: ControlText | None = Field(default=None, description="Unrelated text mixed in; null mixes in none.")

    @model_validator(mode="after")
    def _fits_together(self) -> SftSettings:
        if self.mask_user_turn and self.format != "assistant_turn":
            raise ValueError(
                "mask_user_turn leaves nothing to learn unless format is assistant_turn; set that, or switch it off"
            )
        if self.packing and self.group_by_length:
            raise ValueError("packing fills rows to one length, so group_by_length has no effect; switch one off")
        return self


class PhaseSettings(Settings):
    """What one phase of training has of its own."""

    epochs: int = Field(default=8, ge=1, description="Passes over the phase's sentences.")
    learning_rate: float = Field(default=3e-4, gt=0, description="Highest learning rate.")
    schedule: Schedule = Field(
        default="constant_with_warmup", description="How the learning rate moves over the phase."
    )
