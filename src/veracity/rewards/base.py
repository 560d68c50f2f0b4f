"""What every reward shares: a name, what it needs of judges, options, and its shape.

A reward is one file in this room with one function from a `Group` to one float a response, under `@reward("name")`;
what can be set about it are the function's keyword arguments, written behind its name: `simplefact?mode=fact`. A
response whose needed part is missing has no reward: None, which trainers leave out; never 0.

Third parties add rewards through the entry point group `veracity.rewards`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import Parameter, signature
from typing import Any, Literal, get_args, get_origin, get_type_hints

from veracity.core.errors import ConfigError
from veracity.core.judged import Group
from veracity.core.registry import Registry, nearest
from veracity.models.spec import ModelSpec

Needs = Literal["outcome", "gold", "claims", "verdicts", "confidence", "checklist", "general", "relevance", "format"]
"""What a reward reads: `outcome` of a short answer (`gold`: the problem must have an accepted answer), `claims` of a
long one, their `verdicts` or `confidence`, the coverage of the problem's `checklist`, scores of a reward model
(`general`) or of a comparison with a reference (`relevance`), whether the `format` is kept."""
GroupReward = Callable[..., list[float | None]]
"""(group, **options) → one reward a response, in the group's order."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A registered reward."""

    name: str
    needs: frozenset[Needs]
    call: GroupReward


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward with its options set; make one by `open_reward`."""

    spec: str
    """As it was written, options and all: names the part in logs and tables."""
    needs: frozenset[Needs]
    of: Callable[[Group], list[float | None]]
    """One reward a response; None where its needs are not met."""


REWARDS: Registry[Definition] = Registry("rewards", package="veracity.rewards")


def reward(name: str, *needs: Needs) -> Callable[[GroupReward], GroupReward]:
    """Decorator: the function is the reward called `name`, and reads `needs`."""

    def add(call: GroupReward) -> GroupReward:
        REWARDS.register(name)(Definition(name, frozenset(needs), call))
        return call

    return add


def open_reward(spec: str) -> Reward:
    """The reward that `spec` names: `truthrl`, or with options `simplefact?mode=caution`.

    Raises ConfigError for an unknown reward or option, with the nearest name, or a value of the wrong type.
    """
    parsed = ModelSpec.parse(spec)
    definition = REWARDS.get(parsed.name)
    hints = get_type_hints(definition.call)
    settable = [p.name for p in signature(definition.call).parameters.values() if p.kind is Parameter.KEYWORD_ONLY]
    given = parsed.only(**{name: str if _choices(hints[name]) else hints[name] for name in settable})
    for name, value in given.items():
        known = _choices(hints[name])
        if known and value not in known:
            hint = nearest(str(value), list(known)) or f"; one of {', '.join(known)}"
            raise ConfigError(f"{parsed.name!r}: {name}={value} is none of its values{hint}")
    return Reward(spec, definition.needs, partial(definition.call, **given))


def _choices(hint: Any) -> tuple[str, ...]:
    """The values of a `Literal`; empty for any other type."""
    return get_args(hint) if get_origin(hint) is Literal else ()
