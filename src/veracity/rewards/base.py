"""What every reward shares: a name, what it needs of judges, options, and its shape.

A reward is one file in this room with one function from a `Group` to one float a response, under `@reward("name")`;
what can be set about it are the function's keyword arguments, written behind its name: `simplefact?mode=fact`. A
response whose needed part is missing has no reward: None, which trainers leave out; never 0.

Third parties add rewards through the entry point group `veracity.rewards`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import Parameter, signature
from typing import Any, Literal, get_args, get_origin, get_type_hints

from veracity.core.errors import ConfigError, DataError
from veracity.core.judged import Group
from veracity.core.problem import Problem
from veracity.core.registry import Registry, nearest
from veracity.models.spec import ModelSpec

Needs = Literal[
    "outcome",
    "gold",
    "claims",
    "verdicts",
    "confidence",
    "checklist",
    "general",
    "relevance",
    "format",
    "fact_seeking",
    "scores",
]
"""What a reward reads: `outcome` of a short answer (`gold`: the problem must have an accepted answer), `claims` of a
long one, their `verdicts` or `confidence`, the coverage of the problem's `checklist`, scores of a reward model
(`general`) or of a comparison with a reference (`relevance`), whether the `format` is kept, whether the problem asks
for facts (`fact_seeking`, its detail of that name), and `scores` of metrics and graders."""
GroupReward = Callable[..., list[float | None]]
"""(group, **options) → one reward a response, in the group's order."""
NOBODY = Group(Problem("none", "none", "?"), ())
"""A group without responses: what a reward's options are tried on."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A registered reward."""

    name: str
    needs: frozenset[Needs]
    weighed: tuple[tuple[str, Needs], ...]
    """(option, what is read unless that option is 0)."""
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


def reward(name: str, *needs: Needs, **weighed: Needs) -> Callable[[GroupReward], GroupReward]:
    """Decorator: the function is the reward called `name`, and reads `needs`; `weighed` only where an option is not 0.

    `@reward("x", "claims", style="general")` reads scores of a reward model unless it is opened as `x?style=0`.
    """

    def add(call: GroupReward) -> GroupReward:
        REWARDS.register(name)(Definition(name, frozenset(needs), tuple(weighed.items()), call))
        return call

    return add


def open_reward(spec: str) -> Reward:
    """The reward that `spec` names: `truthrl`, or with options `simplefact?mode=caution`.

    Raises ConfigError for an unknown reward or option, with the nearest name, a value of the wrong type or out of its
    range, or a missing option that has no default.
    """
    parsed = ModelSpec.parse(spec)
    definition = REWARDS.get(parsed.name)
    hints = get_type_hints(definition.call)
    settable = {p.name: p for p in signature(definition.call).parameters.values() if p.kind is Parameter.KEYWORD_ONLY}
    given = parsed.only(**{name: str if _choices(hints[name]) else hints[name] for name in settable})
    for name, value in given.items():
        known = _choices(hints[name])
        if known and value not in known:
            hint = nearest(str(value), list(known)) or f"; one of {', '.join(known)}"
            raise ConfigError(f"{parsed.name!r}: {name}={value} is none of its values{hint}")
    missing = [name for name, option in settable.items() if option.default is option.empty and name not in given]
    if missing:
        raise ConfigError(f"{parsed.name!r} needs {', '.join(missing)}: write {parsed.name}?{missing[0]}=…")
    of = partial(definition.call, **given)
    of(NOBODY)  # refuses values out of range here, before anything is sampled
    weights = {name: given.get(name, option.default) for name, option in settable.items()}
    return Reward(spec, definition.needs | {need for name, need in definition.weighed if weights[name]}, of)


def check_problems(rewards: Sequence[Reward], problems: Sequence[Problem]) -> None:
    """Refuse problems that lack what a reward reads of the problem itself.

    `outcome` needs an accepted answer, or that the problem is marked as one that has none (detail `answerable`: False);
    `gold` needs an accepted answer; `fact_seeking` needs the detail of that name.

    Raises:
        DataError: naming the first such problem, the reward and the remedy.
    """
    for one in rewards:
        for problem in problems:
            if lack := _lack(one.needs, problem):
                raise DataError(
                    f"the reward {one.spec!r} cannot judge it: {lack}", path=f"problem {problem.domain}/{problem.id}"
                )


def _lack(needs: frozenset[Needs], problem: Problem) -> str:
    """What of the reward's needs the problem itself does not give, with the remedy; empty where nothing is missing."""
    if "gold" in needs and problem.gold is None:
        return "it has no accepted answer; leave it out or give it one"
    if "outcome" in needs and problem.gold is None and problem.detail("answerable") is not False:
        return "it has no accepted answer; give it one, or mark it with the detail answerable=False"
    if "fact_seeking" in needs and not isinstance(problem.detail("fact_seeking"), bool):
        return "it does not say whether it asks for facts; give it the detail fact_seeking, true or false"
    return ""


def _choices(hint: Any) -> tuple[str, ...]:
    """The values of a `Literal`; empty for any other type."""
    return get_args(hint) if get_origin(hint) is Literal else ()
