"""Everything that a factuality run works with, opened once: who plays which role, the ledger, and what is asked."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from veracity.core.errors import ConfigError
from veracity.core.identity import content_hash
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Backend, Program
from veracity.domains import open_domain
from veracity.engine import Budget, Engine
from veracity.experiments.factuality.settings import FactualitySettings, LongSettings, ShortSettings
from veracity.judging.grading import Grade
from veracity.judging.verifying import Judged

if TYPE_CHECKING:
    from veracity.engine.display import Display
    from veracity.store.ledger import Ledger

T = TypeVar("T")
LABORATORY = "world-"
"""Domains whose name begins so are about the embedded world, whose truth is known by look-up."""


@dataclass(frozen=True)
class Bench:
    """The roles, the ledger and the problems of one run; make one by `open_bench`."""

    settings: FactualitySettings
    backends: Mapping[str, Backend]
    ledger: Ledger

    @cached_property
    def short_problems(self) -> tuple[Problem, ...]:
        """The questions with short answers."""
        return draw_problems(self.settings.short, self.settings.seed)

    @cached_property
    def long_problems(self) -> tuple[Problem, ...]:
        """The prompts with long answers."""
        return draw_problems(self.settings.long, self.settings.seed)

    def identity(self, role: str) -> str:
        """Of whoever plays `role`; empty where nobody does."""
        return self.backends[role].identity if role in self.backends else ""

    @property
    def names(self) -> dict[str, str]:
        """By role, as the settings name them."""
        corpus = {"corpus": self.settings.corpus} if "corpus" in self.backends else {}
        return names_of(self.settings) | corpus

    @property
    def identities(self) -> dict[str, str]:
        """By role."""
        return {role: backend.identity for role, backend in self.backends.items()}


def names_of(settings: FactualitySettings) -> dict[str, str]:
    """Who plays each role, as the settings name them; a role that nobody plays is left out."""
    named = {
        "policy": settings.model,
        "judge": settings.judge,
        "extractor": settings.extractor or settings.judge,
        "verifier": settings.verifier or settings.judge,
        "nli": settings.nli,
    }
    return {role: name for role, name in named.items() if name}


def open_bench(settings: FactualitySettings) -> Bench:
    """Open the models, the corpus and the project's ledger.

    Raises:
        ConfigError: a model, domain, system prompt or program that does not exist.
        ModelError: a model that cannot be loaded.
        DataError: a corpus that cannot be read.
    """
    from veracity.store.ledger import Ledger

    _check_names(settings)
    names = names_of(settings)
    if settings.batch:
        from veracity.models.batch.opening import batched_name

        names = {role: batched_name(name) for role, name in names.items()}
    backends = open_roles(names, settings.corpus if settings.long is not None else None)
    return Bench(settings, backends, Ledger(ledger_file()))


def open_roles(named: Mapping[str, str], corpus: str | None) -> dict[str, Backend]:
    """Role → backend; a model that plays several roles is opened once. Raises as `open_bench`."""
    from veracity.models.resolve import open_model

    opened: dict[str, Backend] = {name: open_model(name) for name in dict.fromkeys(named.values())}
    backends = {role: opened[name] for role, name in named.items()}
    if corpus is not None:
        from veracity.knowledge import open_corpus

        backends["corpus"] = open_corpus(corpus)
    return backends


def ledger_file() -> Path:
    """The project's ledger; its folder is made if it is not there."""
    from veracity.store.cache_folder import ledger_path

    path = ledger_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@dataclass
class Worker:
    """Runs programs for a bench within one budget, and keeps what failed and how long each stage took."""

    bench: Bench
    display: Display
    runner: asyncio.Runner
    failures: list[tuple[str, Failure]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def backends(self) -> Mapping[str, Backend]:
        """Who plays each role."""
        return self.bench.backends

    @cached_property
    def engine(self) -> Engine:
        """One for the whole run, so that its budget is the run's."""
        budget = Budget(**self.bench.settings.budget.model_dump())
        return Engine(self.bench.backends, self.bench.ledger, budget, self.display)

    def run(self, stage: str, programs: Mapping[str, Program[T]]) -> dict[str, T | Failure]:
        """Every program's value or `Failure`, in the order given; failures are kept under the stage's name."""
        with self._timed(stage):
            results = self.runner.run(self.engine.run_async(programs))
        self.failures += [(stage, lost) for lost in losses(results)]
        return results

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - started


def losses(results: Mapping[str, object]) -> Iterator[Failure]:
    """Why there is no value: programs that failed, and judges that could not be asked or said no verdict."""
    for item, result in results.items():
        match result:
            case Failure():
                yield result
            case Grade(status="judge_failed", reason=why) | Judged(status="judge_failed", reply=why):
                yield Failure(item, "judge_failed", why if isinstance(result, Grade) else f"no verdict: {why!r}")


def data_identity(problems: Sequence[Problem]) -> str:
    """Content hash of what is asked."""
    return content_hash(list(problems))


def page_of(problem: Problem) -> str | None:
    """Title of the page that a prompt is about, where the domain says so."""
    for name in ("title", "topic", "subject"):
        if isinstance(found := problem.detail(name), str):
            return found
    return problem.cluster or None


def about_world(problem: Problem) -> bool:
    """Whether the embedded world knows the truth about it."""
    return problem.domain.startswith(LABORATORY)


def draw_problems(asked: ShortSettings | LongSettings | None, seed: int) -> tuple[Problem, ...]:
    """The drawn problems of every domain, in a fixed order; none where nothing is asked.

    Raises:
        ConfigError: no such domain, too few problems or none, or two of the domains share an item.
    """
    if asked is None:
        return ()
    drawn: list[Problem] = []
    for name in asked.domains:
        domain = open_domain(name)
        found = domain.problems(asked.problems, asked.split, seed)
        if not found:
            raise ConfigError(
                f"none of the {len(domain)} problems of {name} is in the split {asked.split!r}; set split=all"
            )
        drawn += found
    if twice := [item for item, count in Counter(p.id for p in drawn).items() if count > 1]:
        raise ConfigError(f"{twice[0]!r} is in two of {', '.join(asked.domains)}; ask one of them at a time")
    return tuple(drawn)


def _check_names(settings: FactualitySettings) -> None:
    """Look up every name of the settings before any model is read; ConfigError with the nearest of a wrong one."""
    from veracity.judging.claims import EXTRACTORS
    from veracity.judging.confidence import CONFIDENCES
    from veracity.judging.verifying import VERIFIERS
    from veracity.models.system_prompts import system_prompt

    for part in (settings.short, settings.long):
        for domain in part.domains if part else ():
            open_domain(domain)
        for arm in part.arms if part else ():
            system_prompt(arm)
    for method in settings.short.confidence if settings.short else ():
        CONFIDENCES.get(method)
    if settings.long:
        EXTRACTORS.get(settings.long.extractor)
        VERIFIERS.get(settings.long.verifier)
