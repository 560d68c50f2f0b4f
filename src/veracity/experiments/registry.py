"""The experiments by name: what settings each takes, who runs it, and what it would cost.

A module of this room, or the `experiment.py` of a folder in it, adds its experiment with
`@experiment("name", SettingsClass)` over the function that runs it; a recipe picks it with `experiment: name`. Modules
here must import quickly: whatever loads a model library is imported inside functions, because listing recipes imports
all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.core.recipe_files import Recipe
from veracity.core.registry import Registry

if TYPE_CHECKING:
    from veracity.engine.plan import Plan
    from veracity.experiments.outlook import Outlook
    from veracity.experiments.understudies import Understudies
    from veracity.store.run import RunFolder

RunFunction = Callable[[Any, Any, Any], None]
"""`run(settings, run, console)`: settings of the registered class, an open `Run`, a Rich console."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one point of a recipe would take, estimated from its settings before anything runs."""

    model: str
    """Folder or hub id of the model that is trained."""
    training_steps: int
    """Optimizer steps over all phases."""
    training_tokens: int
    """Tokens that pass forward and backward."""
    probe_tokens: int
    """Tokens that pass forward alone: prompts and replies of all probes."""
    checkpoints: int
    """Checkpoints on disk at the same time, at most."""
    state_bytes: int
    """Bytes a parameter while training: weight, gradient and the optimizer's two moments."""
    checkpoint_bytes: int
    """Bytes a parameter in a checkpoint."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An experiment whose models are open and that has asked nothing yet."""

    plan: Plan
    """What it would ask and cost."""
    run: Callable[[Any, Any], None]
    """`run(run, console)`: do it, with what is open already."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A registered experiment."""

    name: str
    settings: type[Settings]
    run: RunFunction
    cost: Callable[[Any], Cost] | None = None
    """From settings to their cost; None where an experiment cannot say."""
    prepare: Callable[[Any], Prepared] | None = None
    """From settings to the plan of what will be asked of models, for experiments that may cost money."""
    prepare_in: Callable[[Any, RunFolder], Prepared] | None = None
    """The same for a run that may have begun, for experiments whose plan counts what a folder holds already."""
    outlook: Callable[[Any], Outlook] | None = None
    """From settings alone to trainings, memory, samples and judgements, for experiments that train."""
    rehearsal: Callable[[Any, Understudies], Any] | None = None
    """From settings to the same with everything small and everybody played by an understudy."""
    about: str = ""
    """First line of the run function's docstring."""

    def prepared(self, settings: Any, folder: RunFolder) -> Prepared | None:
        """The plan of a run in `folder`, and how to do it; None for an experiment that has no plan."""
        if self.prepare_in is not None:
            return self.prepare_in(settings, folder)
        return self.prepare(settings) if self.prepare is not None else None


experiments: Registry[Experiment] = Registry("experiments", package="veracity.experiments", file="experiment")


def experiment(
    name: str,
    settings: type[Settings],
    cost: Callable[[Any], Cost] | None = None,
    *,
    prepare: Callable[[Any], Prepared] | None = None,
    prepare_in: Callable[[Any, RunFolder], Prepared] | None = None,
    outlook: Callable[[Any], Outlook] | None = None,
    rehearsal: Callable[[Any, Understudies], Any] | None = None,
) -> Callable[[RunFunction], RunFunction]:
    """Decorator: register `run(settings, run, console)` as the experiment `name`."""

    def add(run: RunFunction) -> RunFunction:
        about = (run.__doc__ or "").strip().splitlines()
        experiments.register(name)(
            Experiment(name, settings, run, cost, prepare, prepare_in, outlook, rehearsal, about[0] if about else "")
        )
        return run

    return add


def experiment_of(recipe: Recipe) -> Experiment:
    """The experiment that a recipe names; ConfigError if it names none, or one that does not exist."""
    place = recipe.place("experiment")
    if not recipe.experiment:
        raise ConfigError(f"{place}: experiment is required; one of {', '.join(experiments.names())}")
    try:
        return experiments.get(recipe.experiment)
    except ConfigError as error:
        raise ConfigError(f"{place}: experiment: {error}") from None
