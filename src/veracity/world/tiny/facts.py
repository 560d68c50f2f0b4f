"""Facts for experiments with the tiny model: entities of its world that its training text never mentions.

Their names are made of words it knows, their values are values it knows of others, so before an experiment
forced choice between value and foil is at chance.
"""

from __future__ import annotations

from functools import cache
from random import Random

from veracity.core.errors import ConfigError
from veracity.core.identity import derive_seed
from veracity.world.facts import FactSet
from veracity.world.language import shuffled
from veracity.world.world import World

WORLD_SEED, WORLD_ENTITIES = 0, 1650


@cache
def tiny_world() -> World:
    """The world that the shipped model was raised on."""
    return World.generate(WORLD_SEED, WORLD_ENTITIES)


def experiment_facts(
    seed: int, subjects: int, relations: tuple[str, ...] | None = None, *, offset: int = 0, world: World | None = None
) -> FactSet:
    """The facts of `subjects` entities with exposure 0, drawn by `seed`; `offset` skips as many of them first.

    Args:
        seed: names the order of the entities; different offsets under one seed never overlap.
        subjects: how many of each kind that has one of the relations.
        relations: what is told about them; None takes all relations of people.
        offset: entities of each kind to skip, for a second set that is disjoint from the first.
        world: the tiny model's world by default.

    Raises:
        ConfigError: the world has too few such entities, or no such relation.
    """
    world = world or tiny_world()
    known = world.language.relations
    if unknown := sorted(set(relations or ()) - set(known)):
        raise ConfigError(f"{unknown[0]!r} is not a relation of the world; there are {', '.join(sorted(known))}")
    wanted = set(relations or [name for name, r in known.items() if r.subject == "person"])
    kinds = list(dict.fromkeys(known[name].subject for name in known if name in wanted))
    names = [name for kind in kinds for name in _unexposed(world, seed, kind, offset, subjects)]
    facts = [f for name in names for f in world.facts_of[name] if f.relation in wanted]
    return FactSet(facts, origin=f"world {world.seed}, never met, seed {seed}, offset {offset}")


def _unexposed(world: World, seed: int, kind: str, offset: int, count: int) -> list[str]:
    names = [e.name for e in world.entities if e.kind == kind and e.exposure == 0]
    if offset + count > len(names):
        raise ConfigError(
            f"{count} of the kind {kind} were asked for, after {offset} others, but only {len(names)} were never met"
        )
    return shuffled(Random(derive_seed(seed, "experiment", kind)), names)[offset : offset + count]
