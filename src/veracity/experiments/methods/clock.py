"""How long a method trained and what it asked while it did, over all sessions that worked at this very training."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from veracity.core.identity import content_hash
from veracity.experiments.desk import Desk, Policy
from veracity.experiments.methods.settings import folder_name


class Clock:
    """Runs one training and logs what it took; a session that was killed between two steps is lost to it."""

    def __init__(self, desk: Desk, name: str, work: Any) -> None:
        self.desk, self.name, self.work = desk, name, content_hash(work)
        self.samples = self.judged = self.steps = 0

    def count(self, samples: int, judged: int) -> None:
        """Add to what was asked."""
        self.samples += samples
        self.judged += judged

    def run(self, train: Callable[..., object], *, seed: int) -> Policy:
        """`train(folder=…, out=…, seed=…, run=…, on_step=…)`, and a line in the log unless the model was there."""
        show, run = self.desk.steps(self.name), self.desk.run_folder

        def on_step(done: int, total: int) -> None:
            self.steps += 1
            show(done, total)

        began = time.monotonic()
        try:
            return self.desk.trained(
                folder_name(self.name),
                lambda folder, out: train(folder=folder, out=out, seed=seed, run=run.path.name, on_step=on_step),
            )
        finally:
            if self.steps:
                told = {"samples": self.samples, "judged": self.judged, "steps": self.steps}
                self.desk.log("trained", method=self.name, work=self.work, seconds=time.monotonic() - began, **told)

    def total(self) -> tuple[float, int, int]:
        """Seconds, samples and judgements of all sessions."""
        own = [e for e in self.desk.run_folder.events() if e.get("event") == "trained" and e.get("work") == self.work]
        return sum(e["seconds"] for e in own), sum(e["samples"] for e in own), sum(e["judged"] for e in own)
