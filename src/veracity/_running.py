"""Programs run for a Python caller: what came of each is its value or the very error that ended it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from veracity.core.errors import BudgetExceededError, ConfigError
from veracity.core.requests import Backend, Program
from veracity.engine import Budget, Engine, Progress
from veracity.engine.background import BACKGROUND
from veracity.engine.shared import Shared
from veracity.models.wrapped import Prompted
from veracity.store import Ledger
from veracity.store.cache_folder import ledger_path

T = TypeVar("T")

LedgerChoice = Ledger | Path | str | None
"""A ledger or the path of one; `default` is the project's own; None records nothing."""


class Running:
    """An engine for calls from any thread or loop; their work is done in Veracity's own loop."""

    def __init__(
        self,
        backends: Mapping[str, Backend],
        ledger: LedgerChoice,
        budget: Budget | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.records = ledger is not None
        self.ledger = open_ledger(ledger)
        self.engine = Engine(backends, self.ledger, budget, progress)
        self._under_way = 0

    async def results(self, programs: Mapping[str, Program[T]]) -> dict[str, T | Exception]:
        """Each program's value or the error that ended it, in their order."""
        return await BACKGROUND.join(self._run(programs))

    async def _run(self, programs: Mapping[str, Program[T]]) -> dict[str, T | Exception]:
        done: dict[str, T | Exception] = {}
        self._under_way += 1
        try:
            await self.engine.run_async({item: _kept(item, program, done) for item, program in programs.items()})
        except BudgetExceededError as error:
            return {item: done.get(item, error) for item in programs}
        finally:
            self._under_way -= 1
            if not self.records and not self._under_way:
                self.ledger.close()  # it is in memory: what it held is forgotten
        return {item: done[item] for item in programs}


def _kept(item: str, program: Program[T], done: dict[str, T | Exception]) -> Program[None]:
    """`program`, its value or error put into `done` when it ends: the engine's own record of errors is for tables."""
    try:
        done[item] = yield from program
    except Exception as error:  # noqa: BLE001 - whatever ends a question is that question's result
        done[item] = error


def raised(result: Any) -> Any:
    """`result`, unless it is an error: that is raised."""
    if isinstance(result, Exception):
        raise result
    return result


def shared(backend: Backend) -> Backend:
    """`backend` with its calls queued in one place, under what may be said before each conversation."""
    if isinstance(backend, Prompted):
        return replace(backend, inner=shared(backend.inner))
    return backend if isinstance(backend, Shared) else Shared(backend)


def open_ledger(ledger: LedgerChoice) -> Ledger:
    """The ledger that was chosen. ConfigError if that names none."""
    if isinstance(ledger, Ledger):
        return ledger
    if ledger is None:
        return Ledger.in_memory()
    if not isinstance(ledger, str | Path) or not str(ledger).strip():
        raise ConfigError(f"{ledger!r} is no ledger: give the path of a file, a Ledger, or None to record nothing")
    path = ledger_path() if ledger == "default" else Path(ledger).expanduser()
    return Ledger(path.absolute())  # whoever changes the working folder later keeps this file
