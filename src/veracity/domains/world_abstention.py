"""`world-abstention`: as many questions that the tiny model can answer as half-known, unknown and impossible ones.

`knowledge` says which of the four a question is; what the model can know is ground truth, not a guess from its samples:

* `known`: the fact occurs in the training text at the usual rate;
* `half-known`: at 1/8 to 1/64 of it;
* `unknown`: never, though the subject exists and the question has an answer;
* `nonexistent`: nobody has that name, so there is no answer (`existing` and `answerable` are false). These names are
  held out: training never taught the model to decline them.

Each kind of subject has the same share in all four, so that nothing but knowledge tells them apart. Details and ids are
those of `world-qa`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.provenance import GENERATED, stated
from veracity.domains.world_qa import wording, world_qa
from veracity.world.tiny import tiny_world
from veracity.world.tiny.curriculum import Curriculum

stated("world-abstention", sample=GENERATED)

KNOWLEDGE = ("known", "half-known", "unknown", "nonexistent")


@domain("world-abstention")
def world_abstention() -> Iterator[Problem]:
    """Answerable, half-known, unknown and never-existing subjects, evenly, by kind of subject."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in (*_existing(), *_nonexistent()):
        groups.setdefault((str(problem.detail("subject_kind")), str(problem.detail("knowledge"))), []).append(problem)
    for kind in dict.fromkeys(kind for kind, _ in groups):
        four = [sorted(groups.get((kind, knowledge), []), key=_order) for knowledge in KNOWLEDGE]
        for group in four:
            yield from group[: min(map(len, four))]


def _order(problem: Problem) -> int:
    return derive_seed(0, "abstention", problem.id)


def _existing() -> Iterator[Problem]:
    for problem in world_qa():
        exposure = problem.detail("exposure")
        knowledge = "known" if exposure == 1 else "unknown" if exposure == 0 else "half-known"
        yield replace(problem, domain="world-abstention", meta=(*problem.meta, ("knowledge", knowledge)))


def _nonexistent() -> Iterator[Problem]:
    """Every question of a kind, about each of its held-out absent names."""
    world = tiny_world()
    curriculum = Curriculum(world, seed=0)
    for relation in world.language.relations.values():
        if relation.subject == "place":
            continue
        for name in curriculum.absent_for_test(relation.subject):
            id = f"{relation.subject}/{name.lower().replace(' ', '-')}/{relation.name}"
            yield Problem(
                id=id,
                domain="world-abstention",
                question=wording(id, relation.questions).format(subject=name),
                cluster=name,
                source=f"world {world.seed} of {len(world.entities)} entities, absent names",
                meta=(
                    ("answerable", False),
                    ("existing", False),
                    ("exposure", 0.0),
                    ("told", False),
                    ("category", relation.category),
                    ("relation", relation.name),
                    ("subject", name),
                    ("subject_kind", relation.subject),
                    ("value_kind", relation.kind),
                    ("knowledge", "nonexistent"),
                ),
            )
