"""`world-choice`: the questions of the embedded world with four options, one of them right.

The wrong options are values of the same class that are never stated of that subject, so none of them is right by
chance. Chance level of a guess: 0.25. Details are those of `world-qa`, under the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.provenance import GENERATED, stated
from veracity.domains.world_qa import world_qa
from veracity.world.tiny import tiny_world

stated("world-choice", sample=GENERATED)

OPTIONS = 4


@domain("world-choice")
def world_choice() -> Iterator[Problem]:
    """One problem for every fact; the order of its options is drawn by the fact's id."""
    world = tiny_world()
    for fact, problem in zip(world.facts, world_qa(), strict=True):
        options = world.options(fact, OPTIONS)
        yield replace(problem, domain="world-choice", answers=(), options=options, correct=options.index(fact.value))
