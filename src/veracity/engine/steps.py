"""One step of one program: the requests of one `yield`, and the answers to them as they come in."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from veracity.core.errors import ConfigError, VeracityError
from veracity.core.records import Failure
from veracity.core.requests import (
    Act,
    Backend,
    Embed,
    Generate,
    Generated,
    Program,
    Reply,
    Request,
    Retrieve,
    Score,
    Scored,
    request_hash,
)
from veracity.engine.abilities import player
from veracity.store.ledger import Ledger, ledger_key
from veracity.store.replies import join_samples

T = TypeVar("T")
_REQUESTS = (Generate, Score, Embed, Retrieve, Act)
_STAND_IN = Scored(("?",), (-1.0,))
"""For log-probabilities that are not known yet."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and the ledger keys of its parts: one a sample of a `Generate`, else one."""

    request: Request
    keys: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Step:
    """What one program waits for."""

    item: str
    """Id of the program."""
    asked: tuple[Asked, ...]
    single: bool
    """Whether the program yielded a request (and receives a reply) or a list (and receives a list)."""
    parts: dict[str, Reply | Exception] = field(default_factory=dict)
    """What came in, by key."""
    waiting: set[str] = field(default_factory=set)
    """Keys that are not in yet."""

    def __post_init__(self) -> None:
        self.waiting = {key for asked in self.asked for key in asked.keys}

    def receive(self, key: str, part: Reply | Exception) -> bool:
        """Take one part in; True if it was the last that the step waited for."""
        self.parts[key] = part
        self.waiting.discard(key)
        return not self.waiting

    def outcome(self) -> Any:
        """What the program receives: its reply or replies, or the error of the first request that failed."""
        replies = []
        for asked in self.asked:
            parts = [self.parts[key] for key in asked.keys]
            for part in parts:
                if isinstance(part, Exception):
                    return part
            replies.append(_joined(asked.request, cast(list[Reply], parts)))
        return replies[0] if self.single else replies


def requests_of(wanted: Request | Sequence[Request]) -> tuple[Request, ...]:
    """The requests of one `yield`. Raises TypeError if it holds anything else."""
    requests = (wanted,) if isinstance(wanted, _REQUESTS) else wanted
    if not isinstance(requests, tuple | list) or not all(isinstance(r, _REQUESTS) for r in requests):
        raise TypeError(f"a program yields a request or a list of requests, but this one yielded {wanted!r:.200}")
    return tuple(requests)


def keyed(request: Request, model: str) -> Asked:
    """`request` with the keys under which `model`'s answers to it are recorded.

    Raises TypeError or ValueError if something in it has no canonical form (an array, NaN).
    """
    count = request.n if isinstance(request, Generate) else 1
    content = request_hash(request)
    return Asked(request, tuple(ledger_key(model, content, replicate) for replicate in range(count)))


@dataclass(frozen=True, slots=True)
class Replay(Generic[T]):
    """How far a program comes by the replies that are recorded."""

    requests: tuple[Request, ...]
    """Everything that it asks until a reply is missing, that request and those beside it included."""
    value: T | Failure | None
    """What it comes to; None where a reply is missing."""
    ended: bool = True
    """Whether these are all its requests."""


def replayed(item: str, program: Program[T], backends: Mapping[str, Backend], ledger: Ledger) -> Replay[T]:
    """How far `program` comes by the replies that `ledger` has; nobody is asked.

    Log-probabilities that are missing are stood in for: programs compute with them and ask nothing else by them. What
    the program then comes to is not told.

    Raises:
        ConfigError: what the program refuses, or a role that nobody plays.
    """
    received: Any = None
    requests: list[Request] = []
    whole = True
    try:
        while True:
            wanted = program.send(received)
            asked = tuple(keyed(one, player(backends, one.role).identity) for one in requests_of(wanted))
            requests += [one.request for one in asked]
            step = Step(item, asked, isinstance(wanted, _REQUESTS))
            step.parts.update(ledger.get_many(key for one in asked for key in one.keys))
            if missing := step.waiting - set(step.parts):
                if not all(isinstance(one.request, Score) for one in asked if missing & set(one.keys)):
                    return Replay(tuple(requests), None, ended=False)
                whole = False
                step.parts.update(dict.fromkeys(missing, _STAND_IN))
            received = step.outcome()
    except StopIteration as finished:
        return Replay(tuple(requests), cast(T, finished.value) if whole else None)
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever ends a program is that program's result
        return Replay(tuple(requests), failure(item, error) if whole else None)
    finally:
        program.close()


def failure(item: str, error: Exception) -> Failure:
    """The row for a program that `error` ended; an error that is not one of ours is given with its file and line."""
    reason = str(error) or type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if frames and not isinstance(error, VeracityError):
        reason += f" (at {Path(frames[-1].filename).name}, line {frames[-1].lineno})"
    return Failure(item, type(error).__name__, reason)


def _joined(request: Request, parts: list[Reply]) -> Reply:
    return join_samples(cast(list[Generated], parts)) if isinstance(request, Generate) else parts[0]
