"""What is watched at every step of any training: figures, progress, broken numbers, and whole checkpoints.

A checkpoint counts only once it has its final name.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from veracity.core.errors import NonFiniteError
from veracity.training.launcher import Launch

EpochEnd = Callable[[int, Any], None]
"""`on_epoch_end(epoch, model)`, epoch counting from 1; called in process 0 while the others wait."""
StepEnd = Callable[[int, int], None]
"""`on_step(done, total)`, optimizer steps of this training; called in process 0."""

_RESUME = "resume-step-"
_HOPELESS = 10
"""So many steps skipped in a row mean that the weights themselves are broken."""
_NO_METRICS = ("loss", "learning_rate", "epoch", "step", "num_tokens")
"""Kept elsewhere in the log, or (`num_tokens`) counted from the start of a process rather than of the training."""


@dataclass(slots=True)
class TrainingLog:
    """What happened, step by step, from the first step on: what a resumed training did before is in it."""

    steps: list[int] = field(default_factory=list)
    """Steps with a finite loss and gradient, counting from 1; the lists below have one entry for each."""
    losses: list[float] = field(default_factory=list)
    """Mean training loss of each step; nats a token where the loss is a likelihood."""
    learning_rates: list[float] = field(default_factory=list)
    metrics: list[dict[str, float]] = field(default_factory=list)
    """Whatever else the trainer reports of the step (`rewards/margins`, `kl`, …), under its own names."""
    skipped: list[int] = field(default_factory=list)
    """Steps that changed nothing, because the loss or the gradient was not finite."""
    resumed_from: int = 0
    """The step that was already done when this process began."""

    def add(self, logs: dict[str, Any], step: int) -> None:
        """Take in what a trainer logged for `step`, unless that step was skipped or it is a closing summary."""
        if "loss" not in logs or step in self.skipped:
            return
        self.steps.append(step)
        self.losses.append(float(logs["loss"]))
        self.learning_rates.append(float(logs["learning_rate"]))
        others = {k: float(v) for k, v in logs.items() if k not in _NO_METRICS and isinstance(v, int | float)}
        self.metrics.append(others)


def newest_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint of the latest step in `folder`, or None."""
    return max(folder.glob(f"{_RESUME}*"), default=None)


def step_of(checkpoint: Path | None) -> int:
    """The step that a checkpoint was written after; 0 for none."""
    return int(checkpoint.name.removeprefix(_RESUME)) if checkpoint else 0


def clear_torn(folder: Path) -> None:
    """Remove what a killed process left half-written in `folder`."""
    for torn in folder.glob("checkpoint-*"):
        shutil.rmtree(torn)


def watcher(
    log: TrainingLog,
    folder: Path,
    launch: Launch,
    non_finite: Literal["stop", "skip"],
    on_epoch_end: EpochEnd | None = None,
    on_step: StepEnd | None = None,
) -> Any:
    """The callback for a Transformers trainer that logs every step; it fills `log` and seals checkpoints in `folder`.

    A gradient that is not finite never reaches the weights: `stop` raises NonFiniteError before the step is taken,
    `skip` drops the gradient, so that neither weights nor the optimizer's moments change, and counts the step.
    """
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            for entry in state.log_history:  # of the checkpoint that this training goes on from
                if entry.get("skipped"):
                    log.skipped.append(entry["step"])
                log.add(entry, entry["step"])

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            if not _somewhere(_gradient_is_broken(model), launch):
                return
            step = state.global_step + 1
            if non_finite == "stop":
                raise _broken(step, "the gradient is not finite")
            log.skipped.append(step)
            state.log_history.append({"skipped": 1, "step": step})
            if log.skipped[-_HOPELESS:] == list(range(step - _HOPELESS + 1, step + 1)):
                raise _broken(step, f"{_HOPELESS} gradients in a row were not finite")
            for parameter in model.parameters():
                parameter.grad = None

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            broken = [k for k in ("loss", "grad_norm") if not math.isfinite(logs.get(k, 0.0))]
            if broken and state.global_step not in log.skipped:
                raise _broken(state.global_step, f"{broken[0]} is {logs[broken[0]]}")
            log.add(logs, state.global_step)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if on_step is not None and launch.is_main:
                on_step(state.global_step, state.max_steps)

        def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            if on_epoch_end is not None and launch.is_main:
                on_epoch_end(round(state.epoch), model)
            launch.wait()

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            launch.wait()
            if launch.is_main:
                _seal(folder, state.global_step)
            launch.wait()

    return Watch()


def log_to_json(log: TrainingLog) -> str:
    """The log as JSON, for a file beside the model."""
    return json.dumps({name: getattr(log, name) for name in TrainingLog.__slots__})


def log_from_json(text: str) -> TrainingLog:
    """The log that `log_to_json` wrote."""
    return TrainingLog(**json.loads(text))


def _broken(step: int, what: str) -> NonFiniteError:
    return NonFiniteError(f"training step {step}: {what}; lower the learning rate or train in float32")


def _gradient_is_broken(model: Any) -> bool:
    """Whether the norm of all gradients is NaN or infinite; False where the trainer keeps them elsewhere."""
    import torch

    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    if not gradients:
        return False
    norm = torch.nn.utils.get_total_norm(gradients)
    whole = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
    return not bool(torch.isfinite(whole))


def _somewhere(flag: bool, launch: Launch) -> bool:
    """Whether `flag` is true in any process, so that all of them take the same step."""
    if launch.processes == 1:
        return flag
    import torch
    from accelerate import PartialState
    from accelerate.utils import reduce

    total = reduce(torch.tensor(float(flag), device=PartialState().device), reduction="sum")
    return bool(total > 0)


def _seal(folder: Path, step: int) -> None:
    """Give a written checkpoint the name that makes it count, and drop the one before it."""
    written, sealed = folder / f"checkpoint-{step}", folder / f"{_RESUME}{step:09d}"
    if not written.exists():
        return  # saved twice at one step (the end of an epoch): the first is sealed
    for path in [*written.rglob("*"), written]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    if sealed.exists():
        shutil.rmtree(sealed)
    written.rename(sealed)
    for old in folder.glob(f"{_RESUME}*"):
        if old != sealed:
            shutil.rmtree(old)
