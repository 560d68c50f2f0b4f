"""Floor 1: the synthetic world, the facts that users bring, and the tiny model that speaks its language."""

from veracity.world.facts import Fact, FactSet
from veracity.world.tiny.facts import experiment_facts
from veracity.world.world import Entity, World

__all__ = ["Entity", "Fact", "FactSet", "World", "experiment_facts"]
