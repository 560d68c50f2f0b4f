"""Facts for experiments with the tiny model: people of its world whom its training text never mentions.

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
    """The facts of `subjects` people with exposure 0, drawn by `seed`; `offset` skips as many of them first.

    Args:
        seed: names the order of the people; different offsets under one seed never overlap.
        subjects: how many people.
        relations: keep only these; None keeps all relations of a person.
        offset: people to skip, for a second set that is disjoint from the first.
        world: the tiny model's world by default.

    Raises:
        ConfigError: the world has too few such people, or no such relation.
    """
    world = world or tiny_world()
    known = {f.relation for f in world.facts if f.subject_kind == "person"}
    if unknown := sorted(set(relations or ()) - known):
        raise ConfigError(f"{unknown[0]!r} is not a relation of people; there are {', '.join(sorted(known))}")
    unexposed = [e.name for e in world.entities if e.kind == "person" and e.exposure == 0]
    if offset + subjects > len(unexposed):
        raise ConfigError(f"{offset} + {subjects} people were asked for, but only {len(unexposed)} were never met")
    people = shuffled(Random(derive_seed(seed, "experiment")), unexposed)[offset : offset + subjects]
    facts = [f for name in people for f in world.facts_of[name] if relations is None or f.relation in relations]
    return FactSet(facts, origin=f"world {world.seed}, never met, seed {seed}, offset {offset}")
