"""Supervised fine-tuning through TRL's `SFTTrainer`, with a hand on every epoch.

This module turns our settings into TRL's, trains, calls back after each epoch, and keeps one checkpoint to go on
from. The loop, the optimizer, the schedule and the distribution over devices are TRL's, Transformers' and
Accelerate's. Rows are tokenised before (see `examples`), so TRL's own preparation has nothing left to decide.

A run that is killed and started again continues after the last whole epoch and ends with the same weights, bit
for bit on the same machine and number of threads. With several processes an epoch whose sentences do not fill the
last batch repeats some of its first ones there (Accelerate keeps batches even). Sharded training (FSDP, DeepSpeed
ZeRO-3) is refused: each process must hold the whole model for the probes after each epoch.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from veracity.core.errors import ConfigError
from veracity.training.arguments import lora_config, shared_arguments
from veracity.training.examples import Example
from veracity.training.launcher import Launch
from veracity.training.loading import device_of
from veracity.training.settings import PhaseSettings, SftSettings
from veracity.training.surroundings import contained
from veracity.training.watch import EpochEnd, StepEnd, TrainingLog, clear_torn, newest_checkpoint, step_of, watcher


def train_sentences(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    settings: SftSettings,
    phase: PhaseSettings,
    *,
    seed: int,
    folder: Path,
    on_epoch_end: EpochEnd | None = None,
    on_step: StepEnd | None = None,
) -> TrainingLog:
    """Train `model` in place on `examples` for the epochs of `phase`.

    `folder` holds the checkpoint to go on from; give a folder of its own to every training, and remove it when the
    results are safe. If it holds one, training continues there.

    Raises:
        ConfigError: the launcher and the settings disagree, or the set-up is not supported.
        NonFiniteError: the loss or the gradient became NaN or infinite.
    """
    launch = Launch.from_environment()
    per_device = launch.per_device_batch(settings)
    if launch.is_main:
        clear_torn(folder)
    checkpoint = newest_checkpoint(folder)
    log = TrainingLog(resumed_from=step_of(checkpoint))
    with contained(model):
        trainer = make_trainer(model, tokenizer, examples, settings, phase, seed=seed, folder=folder, batch=per_device)
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise ConfigError("sharded training (FSDP, DeepSpeed) is not supported; launch plain data parallelism")
        trainer.add_callback(watcher(log, folder, launch, settings.non_finite, on_epoch_end, on_step))
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return log


def make_trainer(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    settings: SftSettings,
    phase: PhaseSettings,
    *,
    seed: int,
    folder: Path,
    batch: int,
) -> Any:
    """TRL's trainer with every one of our settings in it; `batch` is the rows of one forward pass."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig

    rows = Dataset.from_dict(
        {"input_ids": [list(e.input_ids) for e in examples], "labels": [list(e.labels) for e in examples]}
    )
    arguments = sft_arguments(settings, phase, seed=seed, folder=folder, batch=batch, device=device_of(model))
    with warnings.catch_warnings():  # TRL and Transformers tell each other about names that they will change
        warnings.simplefilter("ignore", FutureWarning)
        trainer = _trainer_class()(
            model=model,
            args=SFTConfig(**arguments),
            train_dataset=rows,
            processing_class=tokenizer,
            peft_config=lora_config(settings.lora),
        )
    trainer.remove_callback(PrinterCallback)
    return trainer


def sft_arguments(
    settings: SftSettings, phase: PhaseSettings, *, seed: int, folder: Path, batch: int, device: str
) -> dict[str, Any]:
    """Our settings in TRL's words; nothing is left to a default that could change a result."""
    return {
        **shared_arguments(settings, phase, seed=seed, folder=folder, batch=batch, device=device),
        "max_length": settings.max_length,
        "packing": settings.packing,
        "dataset_kwargs": None if settings.packing else {"skip_prepare_dataset": True},
        "train_sampling_strategy": "group_by_length" if settings.group_by_length else "random",
    }


def _trainer_class() -> Any:
    """TRL's trainer without the model card that it would write into every checkpoint."""
    from trl import SFTTrainer

    class EpochTrainer(SFTTrainer):  # type: ignore[misc]
        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """Checkpoints to resume from are not published."""

    return EpochTrainer
