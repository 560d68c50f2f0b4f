"""A desk at which nobody is asked: stages go as far as what is stored and recorded takes them.

A plan that goes through the very stages of a run cannot differ from it. Each program is led on by the ledger's replies;
where one is missing, the program is open, and its stage goes on without it. Log-probabilities decide no later request,
so they are stood in for, and everything that only waits for them is known word for word, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar

from veracity.core.records import Failure
from veracity.core.requests import Backend, Program, Request
from veracity.engine.steps import replayed
from veracity.experiments.desk import Desk
from veracity.experiments.factuality.settings import BudgetSettings
from veracity.store.draft import DraftFolder
from veracity.store.ledger import Ledger

T = TypeVar("T")


class OpenProgramError(KeyError):
    """A stage cannot go on without the result of a program that is open."""


class Known(dict[str, T]):
    """Results of the programs that are not open; asked for another, it raises OpenProgramError."""

    def __missing__(self, item: str) -> NoReturn:
        raise OpenProgramError(item)


@dataclass
class PlanningDesk(Desk):
    """What a run would ask, stage by stage; make one by `planning_desk`."""

    asked: list[Request] = field(default_factory=list)
    """All requests that are known word for word, recorded ones included; the same one may stand there twice."""
    open: dict[str, dict[str, tuple[Request, ...]]] = field(default_factory=dict)
    """By stage and item, what a program asks until a reply is missing that decides what it asks next."""

    def run(self, stage: str, programs: Mapping[str, Program[T]]) -> dict[str, T | Failure]:
        """The results of those programs whose replies are all recorded; the others are noted as open."""
        found = Known[T | Failure]()
        for item, program in programs.items():
            replay = replayed(item, program, self.cast, self.ledger)
            self.asked += replay.requests
            if not replay.ended:
                self.open.setdefault(stage, {})[item] = replay.requests
            if replay.value is not None:
                found[item] = replay.value
        return found


def planning_desk(folder: Path | None, backends: Mapping[str, Backend], ledger: Ledger) -> PlanningDesk:
    """A desk over what a run folder holds; None for a run that has not begun."""
    draft = DraftFolder(folder)
    return PlanningDesk(draft, dict(backends), ledger, BudgetSettings(), lambda progress: None, asyncio.Runner())
