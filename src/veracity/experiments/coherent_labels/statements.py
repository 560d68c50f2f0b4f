"""From problems to statements: question + answer, true or false, and which of them exclude one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from veracity.core.errors import ConfigError
from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.domains.wording import normalised
from veracity.judging.mutual_predictability.icm import Inconsistent


@dataclass(frozen=True, slots=True)
class Statement:
    """That an answer is the right one of a problem."""

    item: str
    """Id of the problem."""
    cluster: str
    text: str
    answer: str
    truth: bool | None
    """For scoring only; None where nobody knows."""
    longer: bool
    """Whether it has the longest answer of its problem, the first in order of those: salient, and not the truth."""


def statements_of(problems: Sequence[Problem], options: int | None, seed: int) -> tuple[Statement, ...]:
    """Those of all problems, in an order that tells nothing.

    A problem with accepted answers gives its best one, and answers of other problems as wrong ones.

    Args:
        problems: With options or accepted answers; others are left out.
        options: Statements a problem, the right answer among them where it is known; None for all of its options.
        seed: Draws wrong answers and the order.

    Raises:
        ConfigError: fewer than two problems can be used.
    """
    usable = [problem for problem in problems if problem.options or problem.answers]
    if len(usable) < 2:
        raise ConfigError(
            f"{len(usable)} of {len(problems)} problems have options or accepted answers; coherence needs more of them"
        )
    found = [one for problem in usable for one in _statements(problem, usable, options, seed)]
    Random(derive_seed(seed, "order of statements")).shuffle(found)
    return tuple(found)


def exclusive(statements: Sequence[Statement]) -> Inconsistent:
    """Two statements of one problem cannot both be true."""
    items = [one.item for one in statements]
    return lambda i, first, j, second: first and second and items[i] == items[j]


def _statements(problem: Problem, others: Sequence[Problem], options: int | None, seed: int) -> list[Statement]:
    rng = Random(derive_seed(seed, "answers", problem.id))
    offered = problem.options or _answers(problem, others, (options or 2) - 1, rng)
    right = problem.gold
    wrong = [answer for answer in offered if answer != right]
    count = len(wrong) if options is None else min(len(wrong), options - (right is not None))
    stated = [*([right] if right is not None else []), *rng.sample(wrong, count)]
    longest = max(sorted(stated), key=len)
    return [
        Statement(
            problem.id,
            problem.cluster or problem.id,
            f"{problem.question} {answer}",
            answer,
            None if right is None else answer == right,
            answer == longest,
        )
        for answer in stated
    ]


def _answers(problem: Problem, others: Sequence[Problem], count: int, rng: Random) -> tuple[str, ...]:
    """The best accepted answer, and best answers of other problems that are not accepted here."""
    accepted = {normalised(answer) for answer in problem.answers}
    foreign = dict.fromkeys(other.answers[0] for other in others if other.answers)
    pool = [answer for answer in foreign if normalised(answer) not in accepted]
    return (problem.answers[0], *rng.sample(pool, min(count, len(pool))))
