"""Several processes, one run: who writes, who waits, and whether the launcher agrees with the recipe.

`accelerate launch` starts the same command in every process. All of them train; the first alone asks the model
and writes to the run folder, and tells the others what it decided.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from veracity.core.errors import ConfigError
from veracity.training.settings import OptimizationSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Launch:
    """How this process was started; a plain `python` is process 0 of 1."""

    rank: int
    processes: int
    accumulation: int | None
    """What the launcher was told, if anything."""

    @classmethod
    def from_environment(cls) -> Launch:
        """Read what `accelerate launch` and `torchrun` leave in the environment."""
        told = os.environ.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "")
        return cls(
            rank=int(os.environ.get("RANK", "0")),
            processes=int(os.environ.get("WORLD_SIZE", "1")),
            accumulation=int(told) if told.isdigit() else None,
        )

    @property
    def is_main(self) -> bool:
        """Whether this process asks and writes."""
        return self.rank == 0

    def per_device_batch(self, settings: OptimizationSettings) -> int:
        """Sentences of one forward pass of one process.

        Raises ConfigError when the launcher accumulates differently, or when the batch cannot be shared out.
        """
        if self.accumulation is not None and self.accumulation != settings.accumulation:
            raise ConfigError(
                f"training.accumulation is {settings.accumulation}, but the accelerate launcher accumulates "
                f"{self.accumulation}; set training.accumulation={self.accumulation}, or launch with "
                f"--gradient_accumulation_steps {settings.accumulation}"
            )
        shares = self.processes * settings.accumulation
        if settings.batch_size % shares:
            raise ConfigError(
                f"training.batch_size={settings.batch_size} cannot be shared out over {self.processes} processes × "
                f"{settings.accumulation} accumulation steps; make it a multiple of {shares}"
            )
        return settings.batch_size // shares

    def wait(self) -> None:
        """Until every process has come here."""
        if self.processes > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    def from_main(self, decide: Callable[[], T]) -> T:
        """What `decide()` returned in process 0, in every process; an error there ends them all."""
        if self.processes == 1:
            return decide()
        import torch
        from accelerate import PartialState
        from accelerate.utils import broadcast_object_list

        # The others wait here while process 0 asks its probes. Without `cpu`, Accelerate joins GPU processes alone.
        PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(days=1))
        box: list[Any] = [None, None]
        if self.is_main:
            try:
                box[0] = decide()
            except BaseException as error:
                broadcast_object_list([None, f"{type(error).__name__}: {error}"])
                raise
        broadcast_object_list(box)
        if box[1] is not None:
            raise ConfigError(f"process 0 stopped: {box[1]}")
        value: T = box[0]
        return value
