"""From a start folder to a finished model folder: what every trainer of TRL goes through, once.

A trainer's module says how its configuration and its rows are made; here the model is loaded, the memory estimated,
the trainer run (or run on after a kill), and its model written with its lineage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from veracity.core.errors import ConfigError, NonFiniteError, TrainingStoppedError
from veracity.store.atomic import atomic_write_text
from veracity.training.launcher import Launch
from veracity.training.lineage import Lineage, finished, parent_hash, save_trained
from veracity.training.loading import load_model
from veracity.training.memory import MemoryShape, check_memory
from veracity.training.settings import OptimizationSettings
from veracity.training.surroundings import contained
from veracity.training.watch import StepEnd, TrainingLog, clear_torn, newest_checkpoint, step_of, watcher

_KEY_FILE = "training-key.txt"


@dataclass(frozen=True, slots=True)
class Fit:
    """One training to be done."""

    trainer: str
    """Its name in lineage and messages: `dpo`."""
    start: Path
    settings: OptimizationSettings
    seed: int
    folder: Path
    """For checkpoints; of this training alone."""
    out: Path
    """The model folder to be."""
    data: Mapping[str, str]
    """Content hash of each set of rows, by name."""
    memory: MemoryShape
    """Of one forward pass, so that too little memory is noticed before the start."""
    on_step: StepEnd | None = None
    run: str = ""
    recipe: str = ""

    @property
    def lineage(self) -> Lineage:
        """What will have made the model, but for its steps."""
        return Lineage(
            trainer=self.trainer,
            parent=parent_hash(self.start),
            parent_name=str(self.start),
            data=self.data,
            settings=self.settings.model_dump(mode="json"),
            seed=self.seed,
            run=self.run,
            recipe=self.recipe,
        )


MakeTrainer = Callable[[Any, Any, int], Any]
"""(model, tokenizer, rows of one forward pass) → a Transformers trainer that logs every step."""


def fit(work: Fit, make_trainer: MakeTrainer) -> TrainingLog:
    """Do `work`, or go on with it where a killed process left it, or read its log if its model is finished.

    Raises:
        ConfigError: launcher and settings disagree, or `folder` holds the checkpoints of another training.
        ModelError: `start` holds no model; too little memory is free.
        NonFiniteError: a loss or gradient was not finite; the weights so far are in `folder`/stopped.
        TrainingStoppedError: the trainer found that going on makes no sense; the weights so far are there too.
    """
    lineage = work.lineage
    done = finished(work.out, lineage)
    if done is not None:
        return done
    launch = Launch.from_environment()
    batch = launch.per_device_batch(work.settings)
    check_memory(work.start, work.settings, replace(work.memory, rows=batch * work.memory.rows))
    launch.from_main(lambda: _claim(work.folder, lineage))
    checkpoint = newest_checkpoint(work.folder)
    log = TrainingLog(resumed_from=step_of(checkpoint))
    model, tokenizer = load_model(work.start, work.settings)
    with contained(model):
        trainer = make_trainer(model, tokenizer, batch)
        _silence(trainer)
        trainer.add_callback(watcher(log, work.folder, launch, work.settings.non_finite, on_step=work.on_step))
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        except (NonFiniteError, TrainingStoppedError) as error:
            stopped = work.folder / "stopped"
            _write(trainer, tokenizer, work, replace(lineage, notes={"stopped": str(error)}), log, launch, stopped)
            raise type(error)(f"{error}; the weights before it are in {stopped}") from error
        _write(trainer, tokenizer, work, lineage, log, launch, work.out)
    return log


def within_context(max_length: int, context: int | None) -> int:
    """`max_length`, or the model's context length where that is less."""
    return max_length if context is None else min(max_length, context)


def without_card(trainer_class: Any) -> Any:
    """TRL's trainer without the model card that it would write into every checkpoint."""

    class Plain(trainer_class):  # type: ignore[misc]
        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """Checkpoints to resume from are not published."""

    Plain.__name__ = trainer_class.__name__
    return Plain


def _claim(folder: Path, lineage: Lineage) -> None:
    """Make `folder` this training's own, or refuse it."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / _KEY_FILE
    clear_torn(folder)
    if newest_checkpoint(folder) is not None and (not mark.is_file() or mark.read_text("utf-8") != lineage.key):
        raise ConfigError(
            f"{folder} holds a checkpoint of another training (another start model, other rows or settings); "
            "give each training a folder of its own, or remove this one"
        )
    atomic_write_text(mark, lineage.key)


def _silence(trainer: Any) -> None:
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def _write(
    trainer: Any, tokenizer: Any, work: Fit, lineage: Lineage, log: TrainingLog, launch: Launch, out: Path
) -> None:
    """Every process helps to collect a sharded model; the first writes."""
    sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped) if sharded else None
    model = trainer.accelerator.unwrap_model(trainer.model)
    with ExitStack() as last:
        last.callback(launch.wait)
        if launch.is_main:
            save_trained(model, tokenizer, out, lineage, log, state=state, settings=work.settings, start=work.start)
