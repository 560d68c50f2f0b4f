"""What an engine may spend and has spent in its life, in all and by role, and what is still to be paid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from veracity.core.requests import Reply, Retrieved, Usage
from veracity.engine.progress import Budget, Tally

Leave = Literal["granted", "later", "never"]


@dataclass(slots=True)
class _Account:
    """What was spent of one budget, and the calls that are on their way."""

    budget: Budget
    spent: Tally = field(default_factory=Tally)
    open: int = 0
    """Calls sent and not yet paid."""
    dearest: Usage | None = None
    """The most tokens (as input) and the most money that one call has taken; None before the first is paid."""

    def leave(self, most: Callable[[], Usage]) -> Leave:
        """Whether one more call fits, if those on their way cost as much as the dearest did, or before that, `most`."""
        if self.budget.spent_by(self.spent) is not None:
            return "never"
        if not self.open or (self.budget.tokens is None and self.budget.cost is None):
            return "granted"
        reckoned = most() if self.dearest is None else self.dearest
        expected = replace(
            self.spent,
            input_tokens=self.spent.input_tokens + self.open * (reckoned.input_tokens + reckoned.output_tokens),
            cost=self.spent.cost + self.open * reckoned.cost,
        )
        return "granted" if self.budget.spent_by(expected) is None else "later"

    def pay(self, came: Sequence[Reply], *, failed: bool) -> None:
        """Count what came for one of the open calls."""
        self.open -= 1
        self.spent.failed += failed
        for reply in came:
            self.spent.pay(reply)
        usages = [reply.usage for reply in came if not isinstance(reply, Retrieved)]
        if usages:  # a call that failed says nothing of what others will cost
            tokens, cost = sum(u.input_tokens + u.output_tokens for u in usages), sum(u.cost for u in usages)
            before = self.dearest or Usage()
            self.dearest = Usage(max(before.input_tokens, tokens), 0, max(before.cost, cost))


class Purse:
    """Every call passes here: before it is sent, to be allowed; afterwards, to be paid.

    Nothing that was spent comes back, so a role that has been refused once is refused for good. Near a limit of tokens
    or money calls go out in smaller numbers, so that no more than the last of them goes beyond it.
    """

    def __init__(self, budget: Budget, budgets: Mapping[str, Budget], roles: Iterable[str]) -> None:
        self._whole = _Account(budget)
        self._roles = {role: _Account(budgets.get(role, Budget())) for role in roles}
        self._limited = [role for role in self._roles if role in budgets]
        self._waiting: set[asyncio.Event] = set()

    def admit(self, role: str) -> None:
        """Count what `role` spends, too; one that was known keeps its account."""
        self._roles.setdefault(role, _Account(Budget()))

    @property
    def total(self) -> Tally:
        """The counts of all roles together."""
        return self._whole.spent

    def take(self, role: str, most: Callable[[], Usage], wake: asyncio.Event) -> Leave:
        """Count one call of `role` as sent, if it may be.

        Args:
            role: Who is asked.
            most: What it will take at most, as far as that can be told beforehand; called where it matters.
            wake: Set when a call is paid, if the answer is `later`.
        """
        accounts = self._whole, self._roles[role]
        leaves = [account.leave(most) for account in accounts]
        if "never" in leaves:
            return "never"
        if "later" in leaves:
            self._waiting.add(wake)
            return "later"
        for account in accounts:
            account.spent.asked += 1
            account.open += 1
        return "granted"

    def batch(self, roles: Iterable[str]) -> None:
        """Count one batch that holds calls of `roles`."""
        self.total.batches += 1
        for role in set(roles):
            self._roles[role].spent.batches += 1

    def pay(self, role: str, came: Sequence[Reply], *, failed: bool) -> None:
        """Count what the replies cost that came for one call of `role`, and whether something of it failed."""
        for account in (self._whole, self._roles[role]):
            account.pay(came, failed=failed)
        self._wake()

    def give_up(self, role: str) -> None:
        """Expect no payment for one call of `role`: its run was stopped."""
        for account in (self._whole, self._roles[role]):
            account.open -= 1
        self._wake()

    def by_role(self) -> dict[str, Tally]:
        """A copy of the counts of each role that has asked something."""
        return {role: replace(account.spent) for role, account in self._roles.items() if account.spent.asked}

    def emptied(self) -> str:
        """Which limits are reached, in words; empty if none is."""
        accounts = [("", self._whole), *((f"{role}: ", self._roles[role]) for role in self._limited)]
        reached = [(prefix, account.budget.spent_by(account.spent)) for prefix, account in accounts]
        return "; ".join(f"{prefix}{words}" for prefix, words in reached if words is not None)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for event in waiting:
            event.set()
