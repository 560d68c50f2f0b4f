"""What a run of `truthful-training` holds, read once for the page and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.report.stored import stored_run

LEVEL = 0.05
"""Of a change's p-value after Holm's correction."""
KEPT = 0.8
"""Share of the base model's right facts that a method must keep to be named for its few wrong ones."""


@dataclass(frozen=True)
class MethodsContents:
    """A run, ready to be reported."""

    name: str
    estimates: Mapping[str, Estimate]
    """Empty while nothing was evaluated."""
    methods: list[dict[str, Any]]
    """One entry a method, in the order of the recipe."""
    changes: Mapping[tuple[str, str], dict[str, Any]]
    """(method, measure) → its change against the start."""
    manifest: Mapping[str, Any]
    failures: pl.DataFrame | None

    @property
    def table(self) -> Mapping[str, Any]:
        """The settings of the evaluation; empty while the run is not finished."""
        return (self.manifest.get("recipe") or {}).get("table") or {}

    def of(self, method: str, measure: str) -> Estimate | None:
        """A measure of a method; None where it is undefined."""
        return self.estimates.get(f"{method}: {measure}")

    def turn(self, method: str, measure: str) -> str:
        """` ↑` or ` ↓` where the measure differs from the method's start for sure, after Holm; else nothing."""
        change = self.changes.get((method, measure))
        if change is None or change["adjusted"] >= LEVEL:
            return ""
        return " ↑" if change["difference"] > 0 else " ↓"

    def cleanest(self) -> str | None:
        """The method with the fewest wrong facts among those that keep most of the base model's right ones."""
        base = self.of("base", "right")
        able = [
            (wrong.value, row["method"])
            for row in self.methods
            if (right := self.of(row["method"], "right")) and (wrong := self.of(row["method"], "wrong"))
            if base is not None and right.value >= KEPT * base.value
        ]
        return min(able)[1] if able else None

    def most_truthful(self) -> str | None:
        """The method whose share of right short answers exceeds that of wrong ones the most."""
        margins = [
            (right.value - wrong.value, row["method"])
            for row in self.methods
            if (right := self.of(row["method"], "correct")) and (wrong := self.of(row["method"], "incorrect"))
        ]
        return max(margins)[1] if margins else None


def read_methods(run_folder: Path) -> MethodsContents:
    """Read a run folder, finished or not. Raises StoreError if it does not exist or a table is damaged."""
    folder = stored_run(run_folder)
    there = folder.tables()
    tables = {name: folder.read_table(name) for name in ("methods", "changes", "failures") if name in there}
    rows = tables["methods"].to_dicts() if "methods" in tables else []
    changes = tables["changes"].to_dicts() if "changes" in tables else []
    return MethodsContents(
        run_folder.resolve().name,
        folder.estimates(),
        rows,
        {(row["method"], row["measure"]): row for row in changes},
        folder.manifest() or {},
        tables.get("failures"),
    )
