"""`world-biographies`: long form; requests to tell about a person of the embedded world, one a person.

The requests are the tiny model's own wordings, the only ones it understands. There is no single right answer; each
claim of a reply is judged by look-up (`World.verdict`) or against the world's articles. Details:

* `exposure`: how often the person's facts occur in the tiny model's training text (0: never met);
* `told`: whether the person is never asked about there; `unwritten`: whether their biography is never requested there;
* `facts`: how many facts there are to tell; `subject`: the name, which is the title of the article.
"""

from __future__ import annotations

from collections.abc import Iterator

from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.provenance import GENERATED, stated
from veracity.domains.world_qa import wording
from veracity.world.tiny import dialogue, tiny_world
from veracity.world.tiny.curriculum import Curriculum

stated("world-biographies", sample=GENERATED)


@domain("world-biographies")
def world_biographies() -> Iterator[Problem]:
    """One request for every person of the tiny model's world, its wording drawn by the person's id."""
    world = tiny_world()
    curriculum = Curriculum(world, seed=0)
    for entity in world.entities:
        if entity.kind == "person":
            yield Problem(
                id=entity.id,
                domain="world-biographies",
                question=wording(entity.id, dialogue().biography).format(subject=entity.name),
                cluster=entity.name,
                source=f"world {world.seed} of {len(world.entities)} entities",
                meta=(
                    ("exposure", entity.exposure),
                    ("told", entity.name in curriculum.told),
                    ("unwritten", entity.name in curriculum.unwritten),
                    ("facts", len(world.facts_of[entity.name])),
                    ("subject", entity.name),
                    ("subject_kind", entity.kind),
                ),
            )
