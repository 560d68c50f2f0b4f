"""`world-qa`: short questions about the embedded world, one a fact, whose right answers are known by look-up.

Everything in it is made: no licence, no contamination, and no result on it compares with a published one. Each
problem's details say how well a model that was raised on this world may know the answer:

* `exposure`: how often the fact occurs in its training text, relative to the usual rate (0: never met);
* `told`: whether the subject occurs there in statements alone, never in a question;
* `answerable`, `existing`: both true here; `world-abstention` also asks about subjects that do not exist;
* `category`, `relation`, `subject`, `subject_kind`, `value_kind`: what the question is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.provenance import GENERATED, stated
from veracity.world import Fact
from veracity.world.language import pick
from veracity.world.tiny import tiny_world
from veracity.world.tiny.curriculum import Curriculum

stated("world-qa", sample=GENERATED)


@domain("world-qa")
def world_qa() -> Iterator[Problem]:
    """One question for every fact of the tiny model's world, its wording drawn by the fact's id."""
    world = tiny_world()
    told = Curriculum(world, seed=0).told
    for fact in world.facts:
        yield _problem(fact, fact.subject in told, f"world {world.seed} of {len(world.entities)} entities")


def _problem(fact: Fact, told: bool, source: str) -> Problem:
    return Problem(
        id=fact.id,
        domain="world-qa",
        question=wording(fact.id, fact.questions).format(subject=fact.subject),
        answers=(fact.value, *fact.aliases),
        cluster=fact.subject,
        source=source,
        meta=(
            ("answerable", True),
            ("existing", True),
            ("exposure", fact.exposure),
            ("told", told),
            ("category", fact.category),
            ("relation", fact.relation),
            ("subject", fact.subject),
            ("subject_kind", fact.subject_kind),
            ("value_kind", fact.value_kind),
        ),
    )


def wording(id: str, templates: Sequence[str]) -> str:
    """One of `templates`, drawn by the id of what is asked."""
    return pick(Random(derive_seed(0, "wording", id)), templates)
