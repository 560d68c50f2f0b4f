"""What a person sees while the engine runs: how far it is, how fast, what it cost so far, how long the rest may take.

`Display` is the engine's progress callback: a bar on a terminal, elsewhere a plain line every ten seconds. Where a
person answers at that terminal there is no bar either: it would be drawn over what the person reads and types.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING

from veracity.engine.progress import Progress, Tally

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.core.requests import Backend

PLAIN_S = 10.0
"""Seconds between two lines where there is no terminal."""


class Pace:
    """How fast it goes, by the last half minute: what the ledger gave at once at the start says nothing of the rest."""

    WINDOW_S = 30.0
    LEAST_S, LEAST_DONE = 5.0, 5
    """Before so many seconds and ended programs in the window, nobody can say how long the rest takes."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()
        self._left = 0

    def see(self, progress: Progress) -> None:
        """Take in a moment; one that lies before the last begins another run."""
        if self._seen and progress.elapsed_s < self._seen[-1][0]:
            self._seen.clear()
        self._seen.append((progress.elapsed_s, progress.done, progress.spent.asked))
        self._left = progress.total - progress.done
        while len(self._seen) > 2 and self._seen[1][0] <= progress.elapsed_s - self.WINDOW_S:
            self._seen.popleft()

    @property
    def requests_per_s(self) -> float:
        """Calls sent a second; 0 before two moments were seen."""
        seconds, _, asked = self._passed()
        return asked / seconds if seconds > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes if programs go on ending at this pace; None while that cannot be said."""
        if not self._left:
            return 0.0
        seconds, done, _ = self._passed()
        if seconds < self.LEAST_S or done < self.LEAST_DONE:
            return None
        return self._left * seconds / done

    def _passed(self) -> tuple[float, int, int]:
        """Seconds, ended programs and calls over the window."""
        if not self._seen:
            return 0.0, 0, 0
        (start, done, asked), (now, done_now, asked_now) = self._seen[0], self._seen[-1]
        return now - start, done_now - done, asked_now - asked


def status(progress: Progress, pace: Pace, unpriced: Collection[str] = ()) -> str:
    """One line: failures, pace, tokens, dollars by role if there are several, time left.

    `unpriced`: roles whose price is not known.
    """
    spent = progress.spent
    parts = [f"{progress.failures:,} failed"] if progress.failures else []
    parts += [f"{spent.failed:,} requests failed"] if spent.failed else []
    if spent.asked:
        parts += _pace(pace.requests_per_s)
        parts += [f"{_short(spent.tokens)} tokens", _money(progress, unpriced)]
    if spent.recalled:
        parts.append(f"{spent.recalled:,} from the ledger")
    left = pace.left_s
    if progress.done < progress.total:
        parts.append("time left not known yet" if left is None else f"about {clock(left)} left")
    return " · ".join(part for part in parts if part)


class Display:
    """Give it to an engine as `progress`, and use it in a `with` block.

    Args:
        console: Where to show it.
        backends: Who plays each role. What is asked of those that state no price is not in the sum of dollars, and the
            display says so.
    """

    def __init__(self, console: Console, backends: Mapping[str, Backend] = MappingProxyType({})) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self.console, self._pace = console, Pace()
        self._unpriced = tuple(role for role, one in backends.items() if getattr(one, "price", None) is None)
        self._live = console.is_terminal and not any(getattr(b, "uses_terminal", False) for b in backends.values())
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self._bar = Bar(*columns, console=console)
        self._task = self._bar.add_task("", total=None)
        self._last: Progress | None = None
        self._printed_s = 0.0

    def __call__(self, progress: Progress) -> None:
        """Show this moment."""
        begins = self._last is None or progress.elapsed_s < self._last.elapsed_s
        self._last = progress
        self._pace.see(progress)
        if self._live:
            text = status(progress, self._pace, self._unpriced)
            self._bar.update(self._task, completed=progress.done, total=progress.total, description=text)
        elif begins:
            self._printed_s = 0.0
        elif progress.elapsed_s - self._printed_s >= PLAIN_S:
            self._print(progress)

    def __enter__(self) -> Display:
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bar.stop()
        elif self._last is not None:
            self._print(self._last)

    def _print(self, progress: Progress) -> None:
        self._printed_s = progress.elapsed_s
        line = f"{progress.done:,} of {progress.total:,} in {clock(progress.elapsed_s)}"
        text = status(progress, self._pace, self._unpriced)
        self.console.print(f"{line} · {text}" if text else line, markup=False, highlight=False, soft_wrap=True)


def _pace(per_s: float) -> list[str]:
    """A pace in a unit in which it is not nothing; none where only the ledger answers, or a model trains meanwhile."""
    if per_s >= 0.1:
        return [f"{per_s:,.1f} requests/s"]
    return [f"{60 * per_s:.1f} requests/min"] if 60 * per_s >= 0.05 else []


def _money(progress: Progress, unpriced: Collection[str]) -> str:
    """Dollars so far, by role where several cost something; empty where nothing costs anything."""
    paying = {role: tally.cost for role, tally in progress.by_role.items() if tally.cost}
    text = f"${progress.spent.cost:,.4f}" if progress.spent.cost else ""
    if len(paying) > 1:
        text += f" ({', '.join(f'{role} ${cost:,.4f}' for role, cost in paying.items())})"
    unknown = _asking(progress.by_role, unpriced)
    return f"{text} and an unknown sum for {unknown}".removeprefix(" and ") if unknown else text


def _asking(by_role: Mapping[str, Tally], roles: Collection[str]) -> str:
    return ", ".join(role for role in roles if role in by_role)


def _short(count: int) -> str:
    """A count in three figures: 950, 12.3k, 4.56M."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return str(count)


def clock(seconds: float) -> str:
    """A time as people read it: `1:02`, `1:00:02`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
