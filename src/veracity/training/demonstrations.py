"""Supervised fine-tuning on conversations: the response carries the loss, the conversation before it does not.

Loss: −Σ log π(y_t | x, y_<t) over the tokens of the response, its end mark included, as a mean over the tokens of a
step.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from veracity.training.arguments import lora_config, shared_arguments
from veracity.training.exchanges import Exchange, ExchangeEncoder, longest
from veracity.training.fitting import Fit, fit, within_context, without_card
from veracity.training.lineage import data_hash
from veracity.training.loading import device_of, load_tokenizer
from veracity.training.memory import MemoryShape
from veracity.training.records import Demonstration
from veracity.training.settings import OptimizationSettings, PhaseSettings, Schedule
from veracity.training.watch import StepEnd, TrainingLog


class DemonstrationSettings(OptimizationSettings, PhaseSettings):
    """Supervised fine-tuning on conversations."""

    batch_size: int = Field(default=32, ge=1, description="Responses in one optimizer step, over all processes.")
    epochs: int = Field(default=3, ge=1, description="Passes over the demonstrations.")
    learning_rate: float = Field(default=2e-5, gt=0, description="Highest learning rate.")
    schedule: Schedule = Field(default="linear", description="How the learning rate moves.")
    warmup: float = Field(default=0.1, ge=0, description="Steps of rising learning rate; below 1, a share of all.")
    weight_decay: float = Field(default=0.0, ge=0, description="AdamW's decoupled weight decay.")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="AdamW's decay of the mean of squared gradients.")
    max_length: int = Field(default=1024, ge=2, description="Longest prompt with response, in tokens; never cut.")
    group_by_length: bool = Field(default=False, description="Put rows of similar length into one batch.")


def train_demonstrations(
    start: Path,
    demonstrations: Sequence[Demonstration],
    settings: DemonstrationSettings,
    *,
    seed: int,
    folder: Path,
    out: Path,
    on_step: StepEnd | None = None,
    run: str = "",
    recipe: str = "",
) -> TrainingLog:
    """Train the model in `start` to answer as demonstrated, and write it to `out`.

    Args:
        start: A complete model folder.
        demonstrations: What to imitate.
        settings: How.
        seed: Of the order of rows and of adapters.
        folder: For checkpoints of this training alone; a killed training goes on from there to the same weights.
        out: The finished model's folder; if it is the result of this very training, nothing is done.
        on_step: Told of each optimizer step.
        run: For the lineage.
        recipe: For the lineage.

    Raises:
        CapabilityError: no chat template or end mark.
        ContextLengthError: a row is too long.
        DataError: there are no rows.
        ConfigError, ModelError, NonFiniteError: as `fit`.
    """
    tokenizer, context = load_tokenizer(start)
    encoder = ExchangeEncoder(tokenizer, within_context(settings.max_length, context))
    rows = [encoder.encode(d.item, d.messages, d.response) for d in demonstrations]
    work = Fit(
        trainer="sft",
        start=start,
        settings=settings,
        seed=seed,
        folder=folder,
        out=out,
        data={"demonstrations": data_hash(demonstrations)},
        memory=MemoryShape(rows=1, tokens=longest(rows)),
        on_step=on_step,
        run=run,
        recipe=recipe,
    )
    return fit(work, lambda model, tok, batch: demonstration_trainer(model, tok, rows, settings, seed, folder, batch))


def demonstration_trainer(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Exchange],
    settings: DemonstrationSettings,
    seed: int,
    folder: Path,
    batch: int,
) -> Any:
    """TRL's trainer with every setting in it; `batch` is the rows of one forward pass."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    examples = [row.example() for row in rows]
    arguments = {
        **shared_arguments(settings, settings, seed=seed, folder=folder, batch=batch, device=device_of(model)),
        "max_length": settings.max_length,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "train_sampling_strategy": "group_by_length" if settings.group_by_length else "random",
    }
    with warnings.catch_warnings():  # TRL and Transformers tell each other about names that they will change
        warnings.simplefilter("ignore", FutureWarning)
        return without_card(SFTTrainer)(
            model=model,
            args=SFTConfig(**arguments),
            train_dataset=Dataset.from_dict(
                {"input_ids": [list(e.input_ids) for e in examples], "labels": [list(e.labels) for e in examples]}
            ),
            processing_class=tokenizer,
            peft_config=lora_config(settings.lora),
        )
