"""The desk of an experiment that trains: one engine for all its stages, with a policy that changes as models are made.

Judges and the corpus play their roles from the first stage to the last. The policy is whichever model a stage is about:
it is opened when something must be asked of it, and not where the ledger's or the run's tables have everything.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import Field

from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.core.identity import content_hash
from veracity.core.records import Failure
from veracity.core.requests import Backend, Program
from veracity.engine import Budget, Engine
from veracity.engine.display import clock
from veracity.experiments.factuality.bench import ledger_file, losses, open_roles
from veracity.experiments.factuality.settings import BudgetSettings
from veracity.training.launcher import Launch

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from veracity.engine.progress import Progress
    from veracity.store.ledger import Ledger
    from veracity.store.run import Run

T = TypeVar("T")
POLICY = "policy"
"""The role of the model that a stage is about."""
WEIGHTLESS = ("sim", "understudy", "human")
"""Kinds of models that no training can start from, and that are no makers' names on the hub."""
PACE_S = 15.0
"""Seconds between two lines about a training."""


class RoleSettings(Settings):
    """Who judges, where evidence is, what it may cost."""

    judge: str | None = Field(default=None, description="Grades what rules leave open; null: such answers have none.")
    extractor: str | None = Field(default=None, description="The model that lists claims; null for the judge.")
    verifier: str | None = Field(default=None, description="The model that verifies claims; null for the judge.")
    nli: str | None = Field(default=None, description="The NLI model, as `nli/FOLDER`, where a program asks for one.")
    oracle: str | None = Field(
        default=None, description="Whose sampled answers tell how sure a claim is, where a program asks for that."
    )
    corpus: str | None = Field(
        default="world", description="Where evidence is: `world`, a folder, a dump, an SQLite file; null for none."
    )
    budget: BudgetSettings = Field(default_factory=BudgetSettings, description="What the run may spend over all roles.")

    def names(self) -> dict[str, str]:
        """Role → model; roles that nobody plays are left out."""
        named = {
            "judge": self.judge,
            "extractor": self.extractor or self.judge,
            "verifier": self.verifier or self.judge,
            "nli": self.nli,
            "oracle": self.oracle,
        }
        return {role: name for role, name in named.items() if name}


@dataclass(frozen=True, slots=True)
class Policy:
    """A model to be sampled or evaluated, and what its tables are kept under."""

    model: str
    """As everywhere: `tiny`, `hf/org/name`, a folder."""
    key: str
    """Content hash of the model, or of all that it was made from."""


class Works(Protocol):
    """Whoever runs the programs of a stage."""

    seconds: dict[str, float]
    """How long each stage took so far."""

    @property
    def backends(self) -> Mapping[str, Backend]:
        """Who plays each role."""
        ...

    def run(self, stage: str, programs: Mapping[str, Program[T]]) -> dict[str, T | Failure]:
        """Every program's value or `Failure`, in the order given."""
        ...


def _silent(line: str) -> None:
    """Nobody waits."""


@dataclass
class Desk:
    """Runs programs within one budget; keeps what failed, how long each stage took, and the run's tables."""

    run_folder: Run
    """Of processes beside the first one that can only be read."""
    cast: dict[str, Backend]
    """Who plays each role now."""
    ledger: Ledger
    budget: BudgetSettings
    progress: Callable[[Progress], None]
    runner: asyncio.Runner
    say: Callable[[str], None] = _silent
    """Shows a line to who waits."""
    failures: list[tuple[str, Failure]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    """What is stored so far, by stage."""
    keys: dict[str, str] = field(default_factory=dict)
    launch: Launch = field(default_factory=Launch.from_environment)
    _playing: dict[str, str] = field(default_factory=dict)

    @cached_property
    def engine(self) -> Engine:
        """One for the whole run, so that its budget is the run's."""
        return Engine(self.cast, self.ledger, Budget(**self.budget.model_dump()), self.progress)

    @property
    def backends(self) -> Mapping[str, Backend]:
        """Who plays each role now."""
        return self.cast

    def identity(self, role: str) -> str:
        """Of whoever plays `role`; empty where nobody does."""
        return self.cast[role].identity if role in self.cast else ""

    def play(self, policy: Policy) -> None:
        """Let `policy` be asked from now on; the one before it is let go."""
        self.play_as(POLICY, policy)

    def play_as(self, role: str, policy: Policy) -> None:
        """Let `policy` play `role` from now on, in place of whoever did; other processes than the first ask nobody."""
        if self.launch.is_main and self._playing.get(role) != policy.key:
            from veracity.models.resolve import open_model

            self.cast[role] = open_model(policy.model)
            self.engine.cast(role, self.cast[role])
            self._playing[role] = policy.key

    def run(self, stage: str, programs: Mapping[str, Program[T]]) -> dict[str, T | Failure]:
        """Every program's value or `Failure`, in the order given; failures are kept under the stage's name."""
        with self.timed(stage):
            results = self.runner.run(self.engine.run_async(programs))
        self.failures += [(stage, lost) for lost in losses(results)]
        return results

    def store(self, name: str, inputs: Any, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """The stage's table: read if it is stored under the hash of `inputs`, else computed and stored.

        What failed while it was made is stored beside it, first, so that a table that is there has its failures too.
        Of several processes the first alone asks and writes; the others wait for what it found.
        """
        key = content_hash(inputs)
        self.tables[name] = self.launch.from_main(lambda: self._stored(name, key, compute))
        self.keys[name] = key
        return self.tables[name]

    def trained(self, name: str, train: Callable[[Path, Path], object]) -> Policy:
        """The model `name` of the run's `models`: made by `train(checkpoints, out)`, which does nothing if it is there.

        A training that was killed goes on from its checkpoints; when its model is finished, they are removed.
        """
        from veracity.training.lineage import parent_hash

        checkpoints, out = self.run_folder.path / "checkpoints" / name, self.run_folder.path / "models" / name
        with self.timed(f"train {name}"):
            train(checkpoints, out)
        self.launch.wait()
        if self.launch.is_main:
            shutil.rmtree(checkpoints, ignore_errors=True)
        return Policy(str(out), parent_hash(out))

    def steps(self, name: str) -> Callable[[int, int], None]:
        """For a trainer's `on_step`: every `PACE_S` seconds, how far the training is and how long it will take."""
        begun: tuple[float, int] | None = None
        shown = time.monotonic()

        def on_step(done: int, total: int) -> None:
            nonlocal begun, shown
            now = time.monotonic()
            begun = begun or (now, done)
            if now - shown >= PACE_S and done > begun[1]:
                shown = now
                left = (now - begun[0]) / (done - begun[1]) * (total - done)
                self.say(f"{name}: step {done:,} of {total:,} · about {clock(left)} left")

        return on_step

    def log(self, event: str, **fields: Any) -> None:
        """A line in the run's log, by the first process."""
        if self.launch.is_main:
            self.run_folder.log(event, **fields)

    def all_failures(self) -> pl.DataFrame:
        """Those of all stages: stage, item, kind, reason."""
        import polars as pl

        return pl.concat([self.run_folder.read_table(f"failures.{name}") for name in self.tables])

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of the block to those of `stage`."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - started

    def _stored(self, name: str, key: str, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        made = cache(compute)
        if not self.run_folder.has_table(name, key):
            self.run_folder.table(f"failures.{name}", key, lambda: self._failures_of(made))
        return self.run_folder.table(name, key, made)

    def _failures_of(self, made: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        import polars as pl

        before = len(self.failures)
        made()
        rows = [{"stage": stage, **failure.as_row()} for stage, failure in self.failures[before:]]
        return pl.DataFrame(rows, schema=dict.fromkeys(("stage", "item", "kind", "reason"), pl.String))


@contextmanager
def open_desk(run: Run, roles: RoleSettings, console: Console) -> Iterator[Desk]:
    """The desk of a run, with its judges, corpus and the project's ledger open.

    Raises:
        ConfigError: a model that does not exist.
        ModelError: a model that cannot be loaded.
        DataError: a corpus that cannot be read.
    """
    from veracity.engine.display import Display
    from veracity.store.ledger import Ledger

    cast = open_roles(roles.names(), roles.corpus)
    with Ledger(ledger_file()) as ledger, asyncio.Runner() as runner, Display(console, cast) as display:
        say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
        yield Desk(run, cast, ledger, roles.budget, display, runner, say)


def start_folder(model: str) -> Path:
    """The complete folder of a model that training may start from: what `weights_of` names; a hub id is fetched.

    A base model without a chat template gets a plain one.

    Raises:
        ModelError: there is none.
        ConfigError: as `weights_of`.
    """
    from veracity.experiments.gv_gap.material import find_model
    from veracity.experiments.gv_gap.settings import ModelSettings
    from veracity.experiments.plain_template import with_template

    return with_template(find_model(ModelSettings(path=weights_of(model))).folder)


def weights_of(model: str) -> str:
    """Where the weights of a model lie: the folder of `trained/<run>/<name>`, a hub id without `hf/`, else the name.

    Raises ConfigError where there is no such trained model, or it is made of examples and has no weights of its own, or
    the model is a person or an agent by rules.
    """
    from veracity.models.kinds.trained import weights_folder
    from veracity.models.spec import ModelSpec

    spec = ModelSpec.parse(model)
    if spec.kind in WEIGHTLESS and not Path(model).is_dir():
        raise ConfigError(f"{model} has no weights to train; name tiny, a folder, hf/<hub id> or trained/<run>/<name>")
    if spec.kind == "trained" and not Path(model).is_dir():
        return str(weights_folder(spec))
    return spec.rest if spec.kind == "hf" and spec.rest else model


def policy_of(folder: Path) -> Policy:
    """A model that lies in a folder. Raises ModelError if it has none."""
    from veracity.training.lineage import parent_hash

    return Policy(str(folder), parent_hash(folder))


def expenses(engine: Engine, seconds: Mapping[str, float]) -> dict[str, Any]:
    """What a run took, as its manifest tells it: US dollars, requests by what became of them, seconds by stage."""
    spent = engine.spent
    return {
        "cost": spent.cost,
        "requests": {
            "asked": spent.asked,
            "recalled": spent.recalled,
            "failed": spent.failed,
            "tokens": spent.tokens,
        },
        "timings_s": {stage: round(took, 3) for stage, took in seconds.items()},
    }


def prompts_used(starts: Sequence[str]) -> dict[str, str]:
    """Id → hash of the judges' prompts whose id begins with one of `starts`."""
    from veracity.judging.prompting import prompt_hashes

    return {name: digest for name, digest in prompt_hashes().items() if name.startswith(tuple(starts))}
