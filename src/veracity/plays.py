"""Programs in Python: a reasoning mode, a probe of beliefs, the claims of a text, with a model in each of their roles.

A program (`veracity.core.requests.Program`) asks roles and not models: `policy`, `judge`, `verifier`. Whoever plays a
role is said here, so the same program runs on the embedded model, a served one, or a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import GEN_CREATED, getgeneratorstate, isgenerator
from typing import TypeVar, cast

from veracity._running import LedgerChoice, Running, raised, shared
from veracity.api import Model
from veracity.core.errors import ConfigError
from veracity.core.records import Failure
from veracity.core.requests import Backend, Program
from veracity.engine import Budget, Progress
from veracity.engine.background import BACKGROUND
from veracity.engine.steps import failure
from veracity.models.resolve import open_model

T = TypeVar("T")

Roles = Mapping[str, Model | Backend | str]
"""Who plays each role: a loaded model, a backend, or a name as `veracity.load` takes it."""


def play(
    program: Program[T],
    roles: Roles,
    *,
    ledger: LedgerChoice = "default",
    budget: Budget | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> T:
    """What `program` comes to.

    Args:
        program: A fresh generator.
        roles: Who plays each role that it asks. Programs say how text is drawn; a loaded model's own sampling and
            ledger are for its methods.
        ledger: Where replies are recorded, as in `veracity.load`.
        budget: What may be spent.
        progress: Hears how it goes on, at most ten times a second.

    Raises:
        ConfigError: it asks a role that nobody plays, a name names no model, or it was played before.
        Exception: whatever else ends the program, as the errors of models that it does not handle.
    """
    return BACKGROUND.run(aplay(program, roles, ledger=ledger, budget=budget, progress=progress))


def play_many(
    programs: Mapping[str, Program[T]],
    roles: Roles,
    *,
    ledger: LedgerChoice = "default",
    budget: Budget | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> dict[str, T | Failure]:
    """What each of `programs` comes to, by name; all advance at once, and one that fails is a `Failure` in its place.

    Arguments and errors as for `play`.
    """
    return BACKGROUND.run(aplay_many(programs, roles, ledger=ledger, budget=budget, progress=progress))


async def aplay(
    program: Program[T],
    roles: Roles,
    *,
    ledger: LedgerChoice = "default",
    budget: Budget | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> T:
    """`play`, awaited."""
    running = Running(backends_of(roles), ledger, budget, progress)
    results = await running.results(_fresh({"0": program}))
    return cast(T, raised(results["0"]))


async def aplay_many(
    programs: Mapping[str, Program[T]],
    roles: Roles,
    *,
    ledger: LedgerChoice = "default",
    budget: Budget | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> dict[str, T | Failure]:
    """`play_many`, awaited."""
    results = await Running(backends_of(roles), ledger, budget, progress).results(_fresh(programs))
    return {name: failure(name, one) if isinstance(one, Exception) else one for name, one in results.items()}


def _fresh(programs: Mapping[str, Program[T]]) -> Mapping[str, Program[T]]:
    """The programs. ConfigError for one that was begun: it would go on in the middle, or come to nothing."""
    for name, one in programs.items():
        if isgenerator(one) and getgeneratorstate(one) != GEN_CREATED:
            raise ConfigError(f"program {name} was played before; call the function that makes it once more")
    return programs


def backends_of(roles: Roles) -> dict[str, Backend]:
    """Who answers in each role; a name that plays several is opened once."""
    opened: dict[str, Backend] = {}
    for who in roles.values():
        if isinstance(who, str) and who not in opened:
            opened[who] = shared(open_model(who))
    return {role: _backend(who, opened) for role, who in roles.items()}


def _backend(who: Model | Backend | str, opened: Mapping[str, Backend]) -> Backend:
    if isinstance(who, str):
        return opened[who]
    return who.backend if isinstance(who, Model) else shared(who)
