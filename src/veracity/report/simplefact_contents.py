"""What a `simplefact` run holds, read once for the page and the terminal, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.arm_effects import pooled_seeds
from veracity.metrics.break_even import Movement, Payoffs, movements
from veracity.metrics.checks import Check
from veracity.metrics.decomposition import FiveWay
from veracity.metrics.simplefact import WAYS, Proof, checks, classes_of
from veracity.report.stored import stored_run
from veracity.rewards import open_reward


@dataclass(frozen=True)
class SimpleFactContents:
    """A `simplefact` run, ready to be reported."""

    name: str
    tables: Mapping[str, pl.DataFrame]
    estimates: Mapping[str, Estimate]
    manifest: Mapping[str, Any]
    """Empty while the run is not finished."""

    @cached_property
    def recipe(self) -> Mapping[str, Any]:
        """The resolved settings; empty while the run is not finished."""
        return self.manifest.get("recipe") or {}

    @cached_property
    def proof(self) -> Proof | None:
        """None until both answers tables and the settings are there."""
        if not self.estimates or any(f"{way}.answers" not in self.tables for way in WAYS):
            return None
        answers = {way: self.tables[f"{way}.answers"] for way in WAYS}
        return Proof(answers, self.tables["problems"], self.prompt)

    @property
    def prompt(self) -> str:
        """System prompt under which the models were trained."""
        return str(self.recipe.get("questions", {}).get("system", "none"))

    @cached_property
    def checks(self) -> list[Check]:
        """Empty while there is nothing to check."""
        return checks(self.proof) if self.proof else []

    @cached_property
    def classes(self) -> dict[str, FiveWay]:
        """The five classes by arm."""
        return classes_of(self.proof) if self.proof else {}

    @property
    def group_size(self) -> int:
        """Answers in a group."""
        return int(self.recipe.get("grpo", {}).get("group_size", 0))

    @cached_property
    def payoffs(self) -> Payoffs:
        """Of `both`."""
        return Payoffs.of(open_reward(f"simplefact?wrong={self.recipe.get('wrong', 0.0)}").of)

    @cached_property
    def movements(self) -> tuple[Movement, ...]:
        """Abstention before and after training by `both`, by what can be known; empty without that training."""
        proof = self.proof
        if proof is None or "both" not in proof.trained:
            return ()
        rows = pooled_seeds(proof.answers["drawn"])
        return movements(rows, proof.own("start"), proof.own("both"), _levels(proof.problems))


def read_simplefact(run_folder: Path) -> SimpleFactContents:
    """Read a run folder, finished or not. Raises StoreError if it does not exist or a table is damaged."""
    folder = stored_run(run_folder)
    tables = {name: folder.read_table(name) for name in folder.tables() if not name.startswith("failures.")}
    return SimpleFactContents(run_folder.resolve().name, tables, folder.estimates(), folder.manifest() or {})


def _levels(problems: pl.DataFrame) -> dict[str, str]:
    """Item → its source, and its exposure where questions of that source have several."""
    several = set(
        problems.group_by("source").agg(pl.col("exposure").n_unique()).filter(pl.col("exposure") > 1)["source"]
    )
    rows = problems.sort("exposure", "source", descending=True, nulls_last=True)
    return {
        item: f"1/{round(1 / exposure)}" if source in several and exposure else source
        for item, source, exposure in rows.select("item", "source", "exposure").iter_rows()
    }
