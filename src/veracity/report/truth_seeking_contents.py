"""What a truth-seeking run holds, read once for the page and the terminal, and the belief paths behind its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.belief_paths import BeliefChoice, BeliefPath, belief_paths
from veracity.report.stored import stored_run

TABLES = ("trajectories", "beliefs", "metric_rows", "scores", "panel", "qualitative_checks", "failures")
SHOWN = 9
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
        """Mean belief at the end by domain, arm and condition, with items behind it; without rows for one condition.

        As the metrics take it: of the first judge, in the run's order.
        """
        beliefs = self.tables.get("beliefs")
        empty = pl.DataFrame(schema={"domain": pl.String, "arm": pl.String, "condition": pl.String,
                                     "belief": pl.Float64, "items": pl.Int64})  # fmt: skip
        if beliefs is None or not beliefs.height or not self.recipe:
            return empty
        choice = self._choice(beliefs)
        ends = beliefs.filter(
            pl.col("last") & (pl.col("status") == "ok") & (pl.col("condition") != "pressure"),
            (pl.col("owner") == choice.owner) & (pl.col("view") == choice.view),
            pl.lit(True) if choice.judge is None else pl.col("judge") == choice.judge,
        )
        by_item = ends.group_by("domain", "arm", "condition", "item").agg(pl.col("probability").mean())
        means = by_item.group_by("domain", "arm", "condition").agg(
            belief=pl.col("probability").mean(), items=pl.len().cast(pl.Int64)
        )
        cells = pl.DataFrame(self.cells, schema={"domain": pl.String, "arm": pl.String}, orient="row")
        ordered = cells.join(means.sort("condition"), on=["domain", "arm"], maintain_order="left_right")
        return ordered if ordered["condition"].n_unique() > 1 else empty

    def short(self, arm: str, among: Sequence[str] = ()) -> str:
        """An arm without what all arms, or those that are named, share; its mode and prompt in words."""
        arms = [name.split(" · ") for name in among or [name for _, name in self.cells]]
        parts = arm.split(" · ")
        same = {part for part in parts if all(part in other for other in arms)} if len(arms) > 1 else set()
        model, *how = parts
        told = [self.model(arm)] if model not in same else []
        return " · ".join([*told, *(self._in_words(part) for part in how if part not in same)]) or self.model(arm)

    def model(self, arm: str) -> str:
        """The arm's model; without its options where no other differs in nothing else."""
        name = arm.partition(" · ")[0]
        models = {other.partition(" · ")[0] for _, other in self.cells} | {name}
        plain = name.partition("?")[0]
        return name if sum(other.partition("?")[0] == plain for other in models) > 1 else plain

    def mode(self, arm: str) -> str:
        """How the arm's model was asked, in words."""
        return " · ".join(self._in_words(part) for part in arm.split(" · ")[1:])

    def _in_words(self, how: str) -> str:
        """`self debate` for `self_debate?turns=4`; with its options where another differs in nothing else."""
        hows = {part for _, arm in self.cells for part in arm.split(" · ")[1:]} | {how}
        name, _, options = how.partition("?")
        told = f" ({options.replace('&', ', ')})" if sum(other.partition("?")[0] == name for other in hows) > 1 else ""
        return f"{name}{told}".replace("_", " ")

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
