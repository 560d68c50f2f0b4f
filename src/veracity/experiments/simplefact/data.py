"""The questions of `simplefact`: evenly from each source, with no entity on two sides.

Splits are by entity (`veracity.domains`); the entities of the train split are halved again, so that who the cold start
is about is not asked about in reinforcement learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from veracity.core.errors import ConfigError
from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.domains import Split, open_domain
from veracity.experiments.simplefact.settings import SimpleFactSettings, SourceSettings
from veracity.rewards import check_problems, open_reward

Use = Literal["start", "filter", "proof"]


def questions_for(settings: SimpleFactSettings, use: Use, seed: int = 0) -> tuple[Problem, ...]:
    """The questions of one use: as many of each source, the sources in the order of their first question.

    The seed draws anew, except for the proof, which asks all trained models the same.

    Raises:
        ConfigError: a source has too few questions, or a question has none.
        DataError: a question has no accepted answer, and is not marked as one that nobody can answer.
    """
    asked = settings.questions
    if use == "proof":
        pool = _pool(asked, settings.proof.split, 0)
        return _judgeable(evenly(pool, asked, settings.proof.problems, "proof.problems"))
    half = [p for p in _pool(asked, "train", seed) if (use == "start") == _for_start(p)]
    wanted = settings.filter.problems if use == "filter" else settings.start.problems if settings.start else None
    return _judgeable(evenly(half, asked, wanted, f"{use}.problems"))


def evenly(
    pool: Sequence[Problem], asked: SourceSettings, wanted: int | None, setting: str = "problems"
) -> tuple[Problem, ...]:
    """The first `wanted` of each source, or as many as the smallest has. `setting`: what says how many, for errors."""
    sources = by_source(pool, asked)
    smallest = min(sources, key=lambda name: len(sources[name]))
    count = len(sources[smallest]) if wanted is None else wanted
    if count > len(sources[smallest]):
        raise ConfigError(
            f"{setting}={count}: the source {smallest!r} has {len(sources[smallest])} questions there, and as many are "
            "to be drawn of each; ask for fewer, or null for as many as there are"
        )
    return tuple(problem for own in sources.values() for problem in own[:count])


def by_source(problems: Sequence[Problem], asked: SourceSettings) -> dict[str, list[Problem]]:
    """The questions of each source, in their order, the sources by name."""
    found: dict[str, list[Problem]] = {}
    for problem in problems:
        found.setdefault(source_of(problem, asked), []).append(problem)
    return dict(sorted(found.items()))


def source_of(problem: Problem, asked: SourceSettings) -> str:
    """Where a question comes from: its domain, or what the setting `source` names. ConfigError if it does not say."""
    if asked.source == "domain":
        return problem.domain
    given = problem.detail(asked.source)
    if given is None:
        raise ConfigError(
            f"questions.source={asked.source}: {problem.domain}/{problem.id} has no such detail; set source=domain"
        )
    return str(given)


def _judgeable(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The same, if the reward can judge them all: said before anything is asked, not when training begins."""
    check_problems([open_reward("simplefact")], problems)
    return problems


def _pool(asked: SourceSettings, split: Split, seed: int) -> list[Problem]:
    """Ids are unique within a domain alone: those of several, as PopQA's and SelfAware's numbers, get its name."""
    found = [p for name in asked.domains for p in open_domain(name).problems(None, split, seed)]
    return found if len(asked.domains) == 1 else [replace(p, id=f"{p.domain}/{p.id}") for p in found]


def _for_start(problem: Problem) -> bool:
    """Half of the entities."""
    return derive_seed(0, "cold start", problem.cluster or problem.id) % 2 == 0
