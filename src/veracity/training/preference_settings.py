"""What the trainers from preferences share: what holds the trained model near where it started."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from veracity.training.settings import OptimizationSettings, PhaseSettings, ReferenceSync, Schedule


class PreferenceSettings(OptimizationSettings, PhaseSettings):
    """Learning what is preferred, beside a reference model; DPO and KTO extend it."""

    beta: float = Field(default=0.1, gt=0, description="How strongly the reference holds.")
    precompute_reference: bool = Field(
        default=False, description="Score all rows by the reference before, so that it need not stay in memory."
    )
    sync_reference: ReferenceSync | None = Field(
        default=None, description="A reference that follows the trained model (TR-DPO); null keeps it as it was."
    )
    disable_dropout: bool = Field(default=True, description="Train without the model's own dropout.")
    max_length: int = Field(default=1024, ge=2, description="Longest prompt with response, in tokens; never cut.")
    schedule: Schedule = Field(default="constant_with_warmup", description="How the learning rate moves.")
    warmup: float = Field(default=0.1, ge=0, description="Steps of rising learning rate; below 1, a share of all.")
    weight_decay: float = Field(default=0.0, ge=0, description="AdamW's decoupled weight decay.")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="AdamW's decay of the mean of squared gradients.")

    @model_validator(mode="after")
    def _reference_fits(self) -> Self:
        if self.sync_reference and (self.lora or self.precompute_reference):
            raise ValueError(
                "a reference that follows must be held in memory: switch lora and precompute_reference off"
            )
        return self
