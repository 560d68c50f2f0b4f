"""What a truth-seeking run holds, read once for the page and the terminal, and the belief paths behind its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.belief_paths import BeliefChoice, BeliefPath, belief_paths
from veracity.report.stored import stored_run

TABLES = ("trajectories", "beliefs", "metric_rows", "scores", "panel", "qualitative_checks", "failures")
SHOWN = 8
"""Arms that a figure shows, at most; tables hold all of them."""


@dataclass(frozen=True)
class TruthSeekingContents:
    """A run, ready to be reported; a table that is not there yet is None."""

    name: str
    tables: Mapping[str, pl.DataFrame]
    estimates: Mapping[str, Estimate]
    manifest: Mapping[str, Any]
    """Empty while the run is not finished."""

    @cached_property
    def scores(self) -> pl.DataFrame | None:
        """The scores table."""
        return self.tables.get("scores")

    @cached_property
    def recipe(self) -> Mapping[str, Any]:
        """The resolved settings; empty while the run is not finished."""
        return self.manifest.get("recipe") or {}

    @cached_property
    def cells(self) -> list[tuple[str, str]]:
        """(domain, arm) of everything that was scored, in the run's order."""
        return [] if self.scores is None else self.scores.select("domain", "arm").unique(maintain_order=True).rows()

    @cached_property
    def paths(self) -> Mapping[tuple[str, str], tuple[BeliefPath, ...]]:
        """Belief paths of neutral trajectories as the metrics take them, by cell; empty without beliefs."""
        trajectories, beliefs = self.tables.get("trajectories"), self.tables.get("beliefs")
        if trajectories is None or beliefs is None or not beliefs.height or not self.recipe:
            return {}
        found: dict[tuple[str, str], tuple[BeliefPath, ...]] = {}
        for domain, arm in self.cells:
            here = (pl.col("domain") == domain) & (pl.col("arm") == arm)
            own = belief_paths(trajectories.filter(here), beliefs.filter(here), self._choice(beliefs.filter(here)))
            if own:
                found[domain, arm] = own
        return found

    @cached_property
    def conditions(self) -> pl.DataFrame:
        """Mean belief at the end by domain, arm and condition, with items behind it; without rows for one condition."""
        beliefs = self.tables.get("beliefs")
        empty = pl.DataFrame(schema={"domain": pl.String, "arm": pl.String, "condition": pl.String,
                                     "belief": pl.Float64, "items": pl.Int64})  # fmt: skip
        if beliefs is None or not beliefs.height:
            return empty
        ends = beliefs.filter(pl.col("last") & (pl.col("status") == "ok") & (pl.col("condition") != "pressure"))
        by_item = ends.group_by("domain", "arm", "condition", "item").agg(pl.col("probability").mean())
        means = by_item.group_by("domain", "arm", "condition").agg(
            belief=pl.col("probability").mean(), items=pl.len().cast(pl.Int64)
        )
        return means.sort("domain", "arm", "condition") if means["condition"].n_unique() > 1 else empty

    def short(self, arm: str) -> str:
        """An arm without what all arms share."""
        arms = [name.split(" · ") for _, name in self.cells]
        parts = arm.split(" · ")
        same = {part for part in parts if all(part in other for other in arms)} if len(arms) > 1 else set()
        return " · ".join(part for part in parts if part not in same).replace("?facts=none", "") or arm

    def _choice(self, beliefs: pl.DataFrame) -> BeliefChoice:
        asked = self.recipe["belief"]
        judges = beliefs.filter(pl.col("prior") != "policy_prior")["judge"].unique().to_list()
        first = (self.manifest.get("models") or {}).get("judge")
        judge = first if asked["judge"] == "fixed" and first in judges else None
        return BeliefChoice(prior=asked["prior"], judge=judge, owner=asked["owner"], view=asked["view"])


def read_truth_seeking(run_folder: Path) -> TruthSeekingContents:
    """Read a run folder, finished or not. Raises StoreError if it does not exist or a table is damaged."""
    folder = stored_run(run_folder)
    stored = set(folder.tables())
    tables = {name: folder.read_table(name) for name in TABLES if name in stored}
    return TruthSeekingContents(run_folder.resolve().name, tables, folder.estimates(), folder.manifest() or {})
