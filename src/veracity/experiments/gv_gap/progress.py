"""How far `gv-gap` is, how long what is left will take, and where the time went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from veracity.engine.display import PLAIN_S, clock

if TYPE_CHECKING:
    from rich.console import Console

Activity = Literal["training", "probing"]


class Stopwatch:
    """Seconds by activity; an activity inside another stops the outer one's clock."""

    def __init__(self) -> None:
        self._seconds: dict[Activity, float] = {"training": 0.0, "probing": 0.0}
        self._running: list[Activity] = []
        self._since = self._started = time.monotonic()

    @contextmanager
    def measure(self, activity: Activity) -> Iterator[None]:
        """Count the time of the block towards `activity`."""
        self._switch()
        self._running.append(activity)
        try:
            yield
        finally:
            self._switch()
            self._running.pop()

    def spent(self, activity: Activity) -> float:
        """Seconds of `activity` up to now."""
        self._switch()
        return self._seconds[activity]

    @property
    def total(self) -> float:
        """Seconds since the watch was made."""
        return time.monotonic() - self._started

    def shares(self) -> dict[str, float]:
        """Seconds of training, probing and everything else, and the total."""
        total, training, probing = self.total, self.spent("training"), self.spent("probing")
        parts = {"training": training, "probing": probing, "other": total - training - probing, "total": total}
        return {name: round(seconds, 3) for name, seconds in parts.items()}

    def _switch(self) -> None:
        now = time.monotonic()
        if self._running:
            self._seconds[self._running[-1]] += now - self._since
        self._since = now


@dataclass(slots=True)
class Pace:
    """Work of both kinds: what was planned, what is done, and how long that took."""

    sentences: int = 0
    """Sentences to train on, over all epochs of all phases."""
    examinations: int = 0
    """Checkpoints to examine."""
    sentences_done: float = 0.0
    examinations_done: int = 0
    training_s: float = 0.0
    probing_s: float = 0.0

    @property
    def remaining_s(self) -> float | None:
        """Seconds that the rest will take at the pace so far; None until both kinds were seen once."""
        per_sentence = self.training_s / self.sentences_done if self.sentences_done else None
        per_examination = self.probing_s / self.examinations_done if self.examinations_done else None
        trained, examined = self.sentences - self.sentences_done, self.examinations - self.examinations_done
        if (per_sentence is None and trained > 0) or (per_examination is None and examined > 0):
            return None
        return max(0.0, trained) * (per_sentence or 0.0) + max(0, examined) * (per_examination or 0.0)


class Display:
    """A progress bar on `console`, or plain lines where that is no terminal; use it in a `with` block."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        self.console = console
        self.watch = Stopwatch()
        self.pace = Pace()
        self._line_at = 0.0
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        self._progress = Progress(
            *columns, TextColumn("{task.fields[left]}"), console=console, disable=not console.is_terminal
        )
        self._task = self._progress.add_task("starting", total=1.0, left="")

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def plan(self, sentences: int, examinations: int) -> None:
        """Add work (or, with negative numbers, take away what need not be done)."""
        self.pace.sentences += sentences
        self.pace.examinations += examinations

    def trained(self, sentences: float, label: str) -> None:
        """A step over so many sentences is done."""
        self.pace.sentences_done += sentences
        self.show(label)

    def examined(self, label: str) -> None:
        """A checkpoint was examined."""
        self.pace.examinations_done += 1
        self.show(label)

    def show(self, label: str) -> None:
        """Redraw, with the time that is left."""
        self.pace.training_s, self.pace.probing_s = self.watch.spent("training"), self.watch.spent("probing")
        left = self.pace.remaining_s
        done = 0.0 if left is None else self.watch.total / (self.watch.total + left)
        text = "" if left is None else f"about {clock(left)} left"
        self._progress.update(self._task, description=label, completed=done, left=text)
        if not self.console.is_terminal and self.watch.total >= self._line_at:
            self._line_at = self.watch.total + PLAIN_S
            self.console.print(f"{label}: {done:.0%}" + (f", {text}" if text else ""), markup=False)

    def finish(self) -> None:
        """All is done."""
        self._progress.update(self._task, description="done", completed=1.0, left="")
