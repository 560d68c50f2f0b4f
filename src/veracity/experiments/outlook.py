"""What one point of a training experiment would take, from its settings alone: no data, no weights, no key is needed.

Trainings with their steps and the memory of one device, and what would be asked of whom, at the catalogue's prices. All
counts are upper ones: every sample can be had, every pair is a pair. Memory is that of training (see
`training.memory`); what generation keeps for itself comes on top.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from veracity.core.errors import ModelError
from veracity.core.requests import Ability, Call, Reply
from veracity.training.memory import MemoryShape
from veracity.training.rl_settings import RlSettings
from veracity.training.settings import OptimizationSettings

if TYPE_CHECKING:
    from veracity.engine.plan import Expected, Plan
    from veracity.models.price import Price
    from veracity.training.clusters import Cluster
    from veracity.training.memory import MemoryEstimate, ModelSize

GPU_BYTES = 80 * 10**9
"""Memory of the device that a training is fitted to: an A100 or H100."""
RESERVE = 0.9
"""Share of it that an estimate may fill; fragmentation and buffers take the rest."""
STRATEGIES = ("single", "ddp", "zero2", "zero3", "fsdp")
"""Among clusters of one size, the simplest that fits is proposed."""


@dataclass(frozen=True, slots=True)
class PlannedTraining:
    """A model that will be trained."""

    name: str
    trainer: Literal["sft", "dpo", "grpo"]
    settings: OptimizationSettings
    rows: int
    """Of an epoch, at most: responses, pairs, or prompts."""
    steps: int
    shape: MemoryShape
    """Of one row."""
    times: int = 1
    """How many such models, over seeds, rewards or arms."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one point would take."""

    model: str
    """That is trained."""
    trainings: tuple[PlannedTraining, ...]
    samples: int
    """Texts that models in training or trained ones write, before, in and after training."""
    sampled_tokens: int
    """Of these, at most."""
    judged: int
    """Texts that are judged."""
    asked: tuple[Expected, ...]
    roles: Mapping[str, str]
    """Role → model, of those that may cost money; all other roles are played by local models."""
    items: int
    """Prompts of the evaluation."""
    corpus: str = "no corpus"
    """Where evidence is."""
    remarks: tuple[str, ...] = ()
    """What else a reader of the table of trainings should know, a sentence each."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The smallest shipped cluster that a training fits on."""

    cluster: Cluster
    memory: MemoryEstimate
    """Of one device."""


@dataclass(frozen=True, slots=True)
class Unopened:
    """Who would play a role, before anything is opened: a name and a price."""

    name: str
    price: Price | None
    abilities: frozenset[Ability] = frozenset()
    batch_size: int = 1
    parallel: int = 1

    @property
    def identity(self) -> str:
        """The name; nothing is recorded under it."""
        return self.name

    async def answer(self, calls: Sequence[Call]) -> AsyncIterator[tuple[int, Reply | Exception]]:
        """Nobody is there to answer."""
        for call in calls:
            yield call.id, ModelError(f"{self.name} is not open: a plan asks nobody")


def plan_of(outlook: Outlook) -> Plan:
    """What would be asked and cost, by the catalogue; the ledger is not looked into."""
    from veracity.engine.plan import plan_requests
    from veracity.models.price import FREE

    priced = {role: Unopened(name, catalogue_price(name)) for role, name in outlook.roles.items()}
    here = {one.request.role: Unopened(outlook.model, FREE) for one in outlook.asked}
    cast = {**here, **priced, "corpus": Unopened(outlook.corpus, FREE)}
    return plan_requests(outlook.asked, cast, items=outlook.items)


def catalogue_price(name: str) -> Price | None:
    """Of a model as recipes write it; 0 for what runs here or on one's own server, None where none is known."""
    from veracity.models.catalogue import catalogue, entry
    from veracity.models.price import FREE
    from veracity.models.spec import ModelSpec

    spec, known = ModelSpec.parse(name), catalogue()
    found = known.find(spec.name)
    route = ModelSpec.parse(next(iter(found[1].routes))) if found and spec.kind not in known.kinds else spec
    listed = entry(route.kind, route.rest)
    if listed is not None:
        return listed.price
    own = ("hf", "nli", "ollama", "sglang", "sim", "tiny", "trained", "understudy", "vllm", "vllm-local")
    return FREE if route.kind in own or not route.rest else None


def steps_of(rows: int, epochs: int, settings: OptimizationSettings) -> int:
    """Optimizer steps of so many passes over so many rows; the last batch of a pass may be smaller."""
    return epochs * math.ceil(rows / settings.batch_size)


def placement(training: PlannedTraining, size: ModelSize) -> Placement | None:
    """The fewest devices of `GPU_BYTES` that a training fits on, its batch shared out evenly; None if there is none."""
    from veracity.training.clusters import clusters

    order = sorted(clusters(), key=lambda one: (one.processes, STRATEGIES.index(one.strategy)))
    for cluster in order:
        if _shares_out(training, cluster):
            memory = memory_on(training, size, cluster)
            if memory.total <= RESERVE * _left_by_vllm(training) * GPU_BYTES:
                return Placement(cluster, memory)
    return None


def size_in(training: PlannedTraining, configuration: Any) -> ModelSize:
    """Of the model with a training's adapters. `configuration`: Transformers' of the model (`configuration_of`)."""
    from veracity.training.memory import size_of

    return size_of(configuration, training.settings)


def memory_on(training: PlannedTraining, size: ModelSize, cluster: Cluster) -> MemoryEstimate:
    """What one device of a cluster holds."""
    from veracity.training.memory import Sharding, estimate_memory

    settings = training.settings
    rows = max(1, settings.batch_size // (cluster.processes * settings.accumulation))
    shape = MemoryShape(rows * training.shape.rows, training.shape.tokens, training.shape.reference)
    mixed = settings.precision in ("auto", "mixed_bfloat16")
    sharding = Sharding.of(cluster.strategy, cluster.processes)
    return estimate_memory(size, settings, shape, bfloat16=mixed, sharding=sharding)


def _shares_out(training: PlannedTraining, cluster: Cluster) -> bool:
    """Whether the trainer runs there: batches divide, groups stay whole, and who needs whole weights has them."""
    settings = training.settings
    if settings.batch_size % (cluster.processes * settings.accumulation):
        return False
    if not isinstance(settings, RlSettings):
        return True
    whole = settings.generator == "local" or settings.resampling is not None
    completions = settings.batch_size * settings.updates_per_generation
    return completions % (settings.group_size * cluster.processes) == 0 and not (
        whole and cluster.strategy not in ("single", "ddp")
    )


def _left_by_vllm(training: PlannedTraining) -> float:
    """Share of each device that training has for itself."""
    settings = training.settings
    colocated = isinstance(settings, RlSettings) and settings.generator == "vllm" and settings.vllm.mode == "colocate"
    return 1 - settings.vllm.memory if isinstance(settings, RlSettings) and colocated else 1.0
