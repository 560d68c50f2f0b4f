"""The stages of a factuality run: each a table, and the failures that making it met, under the hash of its inputs.

Failures are stored first, so that a stage whose table is there has them, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from veracity.core.identity import content_hash
from veracity.core.problem import Problem
from veracity.experiments.factuality.asking import Asking
from veracity.experiments.factuality.bench import Bench, Worker
from veracity.experiments.factuality.settings import LongSettings
from veracity.judging.prompting import prompt_hashes

if TYPE_CHECKING:
    import polars as pl

    from veracity.store.run import Run

PREFIX = "failures."
"""Of the tables in which each stage's failures are."""


@dataclass
class Stages:
    """A run that stores its stages."""

    run: Run
    worker: Worker
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    """What is stored so far, by stage."""
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def bench(self) -> Bench:
        """What the run works with."""
        return self.worker.bench

    def store(self, name: str, key: str, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """The stage's table: read if it is stored under `key`, else computed and stored."""
        made = cache(compute)
        if not self.run.has_table(name, key):
            self.run.table(f"{PREFIX}{name}", key, lambda: self._failures_of(made))
        self.keys[name] = key
        self.tables[name] = self.run.table(name, key, made)
        return self.tables[name]

    def failures(self) -> pl.DataFrame:
        """Those of all stages: stage, item, kind, reason."""
        import polars as pl

        return pl.concat([self.run.read_table(f"{PREFIX}{name}") for name in self.tables])

    def prompts(self, start: str) -> Mapping[str, str]:
        """Hashes of the judges' prompts whose id starts so."""
        return {name: digest for name, digest in prompt_hashes().items() if name.startswith(start)}

    def verification_key(self, settings: LongSettings) -> str:
        """Content hash of everything that a claim's label depends on beside the claim."""
        how = settings.model_dump(include={"verifier", "scope", "passages", "threshold"})
        who = {role: self.bench.identity(role) for role in ("verifier", "nli", "corpus")}
        return content_hash([how, who, self.prompts("verify.")])

    def _failures_of(self, made: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        import polars as pl

        before = len(self.worker.failures)
        made()
        rows = [{"stage": stage, **failure.as_row()} for stage, failure in self.worker.failures[before:]]
        return pl.DataFrame(rows, schema=dict.fromkeys(("stage", "item", "kind", "reason"), pl.String))


def asked_key(bench: Bench, problems: Sequence[Problem], askings: Sequence[Asking]) -> str:
    """Content hash of the model and of every request that is made of it."""
    requests = [[asking.arm, asking.n, [asking.request(p) for p in problems]] for asking in askings]
    return content_hash([bench.identity("policy"), [p.id for p in problems], requests])
