"""Where the auxiliary questions of an interview come from: a fixed list, other problems, or a model that writes them.

Nothing about the evaluated problem's answer may come in by this door. Drawn problems are of the same split; the
evaluated problem, its duplicates by wording, and all that shares its source item are left out. Written questions may
not repeat the evaluated one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from veracity.core.errors import ConfigError, MalformedReplyError
from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.core.requests import Generate, Message, Program, user
from veracity.domains.base import split_of
from veracity.domains.wording import normalised
from veracity.reasoning.base import PROMPTS, ReasoningSettings

Style = Literal["curriculum", "contradiction_seeking", "synergistic", "socratic"]
"""What a generator aims at. `curriculum`: from easy to hard. `contradiction_seeking`: answers that may clash.
`synergistic`: questions whose answers help with the problem. `socratic`: what the answerer takes for granted."""

_QUESTION = re.compile(r"<question>(.*?)</question>", re.DOTALL | re.IGNORECASE)


def fixed_questions(count: int) -> list[str]:
    """The first `count` of the curated sequence. Raises ConfigError where it is shorter."""
    known = PROMPTS.render("bootstrap_interview.fixed_sequence.v1").splitlines()
    if count > len(known):
        raise ConfigError(f"the fixed sequence has {len(known)} questions, not {count}: ask for fewer")
    return known[:count]


def drawn_problems(problem: Problem, pool: Iterable[Problem], count: int, settings: ReasoningSettings) -> list[Problem]:
    """`count` problems of the pool, drawn without replacement by (seed, problem, replicate), fit to stand before it.

    Raises:
        ConfigError: fewer than `count` of the pool are fit.
    """
    fit: dict[str, Problem] = {}
    for other in pool:
        if not related(problem, other) and split_of(_source(other)) == split_of(_source(problem)):
            fit.setdefault(normalised(other.question) or other.question, other)
    if len(fit) < count:
        raise ConfigError(
            f"problem {problem.domain}/{problem.id}: {len(fit)} problems can stand before it, {count} are asked for; "
            "give a larger pool of problems of the same split, which are not its duplicates and not of its source item"
        )
    purpose = f"auxiliary problems of {problem.domain}/{problem.id}/{settings.replicate}"
    return sorted(fit.values(), key=lambda p: derive_seed(settings.seed, purpose, f"{p.domain}/{p.id}"))[:count]


def related(problem: Problem, other: Problem) -> bool:
    """Whether `other` is the problem itself, asks the same in other marks or case, or is about its source item."""
    same = (problem.domain, problem.id) == (other.domain, other.id) or problem.question == other.question
    worded = normalised(problem.question)
    return same or _source(problem) == _source(other) or (bool(worded) and worded == normalised(other.question))


def written_together(
    problem: Problem, posed: str, count: int, style: Style, settings: ReasoningSettings
) -> Program[list[str]]:
    """`count` questions, all written before the interview begins.

    Raises:
        MalformedReplyError: the reply holds another number of questions, an empty one, or the evaluated one.
    """
    text = PROMPTS.render("bootstrap_interview.preset.v1", problem=posed, count=count, style=_aim(style))
    reply = yield Generate(settings.generator_role, user(text), sampling=settings.sampling)
    return _questions(reply.text, count, problem)


def written_next(
    problem: Problem, posed: str, so_far: Sequence[Message], style: Style, settings: ReasoningSettings
) -> Program[str]:
    """The next question, written by somebody who has seen the conversation so far.

    Raises:
        MalformedReplyError: the reply holds no question or several, an empty one, or the evaluated one.
    """
    turns = [turn for turn in so_far if turn.role != "system"]
    text = PROMPTS.render("bootstrap_interview.adaptive.v1", problem=posed, turns=turns, style=_aim(style))
    reply = yield Generate(settings.generator_role, user(text), sampling=settings.sampling)
    return _questions(reply.text, 1, problem)[0]


def _questions(reply: str, count: int, problem: Problem) -> list[str]:
    found = [question.strip() for question in _QUESTION.findall(reply)]
    if len(found) != count or not all(found):
        raise MalformedReplyError(
            f"the generator wrote {sum(map(bool, found))} questions between question tags, {count} were asked for"
        )
    asked = normalised(problem.question)
    if problem.question in found or (asked and asked in map(normalised, found)):
        raise MalformedReplyError("the generator wrote the evaluated question as an auxiliary one")
    return found


def _aim(style: Style) -> str:
    return PROMPTS.render(f"bootstrap_interview.style.{style}.v1")


def _source(problem: Problem) -> str:
    return problem.cluster or f"{problem.domain}/{problem.id}"
