"""`Engine`: give it programs and who plays which role; it gives back what each program returned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from veracity.core.errors import VeracityError
from veracity.core.records import Failure
from veracity.core.requests import Backend, Program, Request
from veracity.engine.abilities import player
from veracity.engine.plan import Expected, Plan, plan_requests
from veracity.engine.progress import Budget, Progress, Tally
from veracity.engine.purse import Purse
from veracity.engine.session import Session
from veracity.store.ledger import Ledger

T = TypeVar("T")


class Engine:
    """Advances many programs at once and asks every question once.

    Args:
        backends: Who plays each role. One backend may play several.
        ledger: Where replies are recorded and looked up; without one, replies are remembered for this engine's life.
        budget: What may be spent over this engine's life.
        budgets: What each role may spend of it, for those that have a limit of their own. A role whose budget is
            spent asks no more, and the others go on; the run stops when all that is left waits for it.
        progress: Called with a snapshot at most ten times a second, and once at the end of each run.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend],
        ledger: Ledger | None = None,
        budget: Budget | None = None,
        progress: Callable[[Progress], None] | None = None,
        budgets: Mapping[str, Budget] | None = None,
    ) -> None:
        self._backends = dict(backends)
        self._ledger = Ledger.in_memory() if ledger is None else ledger
        for role in budgets or {}:
            player(self._backends, role)  # a misspelt role would have no limit at all
        self._purse = Purse(Budget() if budget is None else budget, budgets or {}, self._backends)
        self._progress = progress

    def cast(self, role: str, backend: Backend) -> None:
        """Let `backend` play `role` from the next run on, in place of whoever did: a model that has been trained."""
        self._backends[role] = backend
        self._purse.admit(role)

    @property
    def spent(self) -> Tally:
        """A copy of the counts of calls, tokens and money over this engine's life."""
        return replace(self._purse.total)

    @property
    def spent_by_role(self) -> dict[str, Tally]:
        """A copy of the same counts for each role that has asked something (`recalled` and `shared` have no role)."""
        return self._purse.by_role()

    def run(self, programs: Mapping[str, Program[T]]) -> dict[str, T | Failure]:
        """Run every program to its end, in any interleaving, and return each one's value in the order given.

        A program that ends with an exception gives a `Failure`; the others go on. Ctrl-C stops the run: what had been
        answered is recorded, and the same run afterwards goes on from there.

        Args:
            programs: Fresh generators by item id.

        Raises:
            ConfigError: a program asks a role that nobody plays.
            CapabilityError: a backend lacks an ability that a request needs.
            BudgetExceededError: a budget is spent and programs still have questions; all that was paid is recorded.
            StoreError: the ledger cannot be written (device full, locked, …).
            ModelError: a backend answered a call twice, or one it was not given.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.run_async(programs))
        raise VeracityError("an event loop is running already (a notebook?): use `await engine.run_async(programs)`")

    def plan(self, expected: Iterable[Expected | Request], *, items: int | None = None) -> Plan:
        """What these requests would cost, by the backends' own prices, less what the ledger has; asks nothing.

        A program's later requests depend on replies: declare what you expect (`Expected`), or run a few programs and
        extrapolate (see `veracity.engine.plan`). Raises what `plan_requests` raises.
        """
        return plan_requests(expected, self._backends, self._ledger, items=items)

    async def run_async(self, programs: Mapping[str, Program[T]]) -> dict[str, T | Failure]:
        """`run`, inside a running event loop."""
        session = Session(programs, self._backends, self._ledger, self._purse, self._progress)
        return await session.run()
