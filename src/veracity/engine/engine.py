"""`Engine`: give it programs and who plays which role; it gives back what each program returned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from veracity.core.errors import VeracityError
from veracity.core.records import Failure
from veracity.core.requests import Backend, Program
from veracity.engine.progress import Budget, Progress, Tally
from veracity.engine.session import Session
from veracity.store.ledger import Ledger

T = TypeVar("T")


class Engine:
    """Advances many programs at once and asks every question once.

    Args:
        backends: Who plays each role. One backend may play several.
        ledger: Where replies are recorded and looked up; without one, replies are remembered for this engine's life.
        budget: What may be spent over this engine's life.
        progress: Called with a snapshot at most ten times a second, and once at the end of each run.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend],
        ledger: Ledger | None = None,
        budget: Budget | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._backends = dict(backends)
        self._ledger = Ledger.in_memory() if ledger is None else ledger
        self._budget = Budget() if budget is None else budget
        self._progress = progress
        self._tally = Tally()

    @property
    def spent(self) -> Tally:
        """A copy of the counts of calls, tokens and money over this engine's life."""
        return replace(self._tally)

    def run(self, programs: Mapping[str, Program[T]]) -> dict[str, T | Failure]:
        """Run every program to its end, in any interleaving, and return each one's value in the order given.

        A program that ends with an exception gives a `Failure`; the others go on. Ctrl-C stops the run: what had been
        answered is recorded, and the same run afterwards goes on from there.

        Args:
            programs: Fresh generators by item id.

        Raises:
            ConfigError: a program asks a role that nobody plays.
            CapabilityError: a backend lacks an ability that a request needs.
            BudgetExceededError: the budget is spent and programs still have questions; all that was paid is recorded.
            StoreError: the ledger cannot be written (device full, locked, …).
            ModelError: a backend answered a call twice, or one it was not given.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.run_async(programs))
        raise VeracityError("an event loop is running already (a notebook?): use `await engine.run_async(programs)`")

    async def run_async(self, programs: Mapping[str, Program[T]]) -> dict[str, T | Failure]:
        """`run`, inside a running event loop."""
        session = Session(programs, self._backends, self._ledger, self._budget, self._tally, self._progress)
        return await session.run()
