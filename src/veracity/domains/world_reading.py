"""`world-reading`: questions of the embedded world with the answer in front of them; nothing has to be known.

About people whom the tiny model never met, so that reading alone gives the answer: what an instruction looks like that
does not ask a model for facts (detail `fact_seeking`: False). Other details are those of `world-qa`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.provenance import GENERATED, stated
from veracity.domains.world_qa import wording, world_qa
from veracity.world.tiny import tiny_world

stated("world-reading", sample=GENERATED)


@domain("world-reading")
def world_reading() -> Iterator[Problem]:
    """One question for every fact about a person never met, after a statement of that fact."""
    for fact, problem in zip(tiny_world().facts, world_qa(), strict=True):
        if fact.subject_kind == "person" and fact.exposure == 0:
            evidence = wording(fact.id, fact.statements).format(subject=fact.subject, value=fact.value)
            yield replace(
                problem,
                id=f"{problem.id}/read",
                domain="world-reading",
                question=f"{evidence} {problem.question}",
                meta=(*problem.meta, ("fact_seeking", False)),
            )
