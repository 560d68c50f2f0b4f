"""What a FactTune run holds, read once for the page and the terminal, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.arm_effects import Change
from veracity.metrics.checks import Check
from veracity.metrics.facttune_checks import fall_check, kept_check
from veracity.report.stored import stored_run

MEASURES = ("right", "wrong", "share_wrong", "precision", "f1_at_k", "abstained", "words")
LABELS = {
    "base": "base model",
    "sft": "SFT",
    "fs": "FactTune-FS",
    "mc": "FactTune-MC",
}


@dataclass(frozen=True)
class FactTuneContents:
    """A FactTune run, ready to be reported."""

    name: str
    estimates: Mapping[str, Estimate]
    """Empty while nothing was evaluated."""
    manifest: Mapping[str, Any]
    """Empty while the run is not finished."""
    recipe: Mapping[str, Any]
    """The settings; empty where neither manifest nor log has them."""
    pairs: list[dict[str, Any]]
    """One entry a method and seed: how many pairs, and what was left out."""
    tables: Mapping[str, pl.DataFrame]

    @property
    def methods(self) -> list[str]:
        """What was trained on pairs."""
        return [method for method in ("fs", "mc") if f"{method}: right" in self.estimates]

    @property
    def arms(self) -> list[str]:
        """What was evaluated, in order."""
        ends = ": share_wrong"
        named = [name.removesuffix(ends) for name in self.estimates if name.endswith(ends)]
        return [arm for arm in named if not arm.startswith(("never met, ", "exposure "))]

    @property
    def checks(self) -> list[Check]:
        """Those whose targets the settings declare."""
        targets = self.recipe.get("targets") or {}
        found = []
        for method in self.methods:
            change = {name: self.change(method, name) for name in ("share_wrong", "right")}
            if (fall := (targets.get("fall") or {}).get(method)) is not None:
                found.append(fall_check(method, change, float(fall)))
            if (kept := (targets.get("keep_right") or {}).get(method)) is not None:
                found.append(kept_check(method, change, float(kept)))
        return found

    def change(self, method: str, measure: str, seed: int | None = None) -> Change:
        """A measure of `method` against SFT, over all seeds or of one."""
        part = f"{method} against sft" if seed is None else f"seed {seed}, {method} against sft"
        return Change(self.estimates[f"{part}: {measure} difference"], self.estimates[f"{part}: {measure} ratio"])

    @property
    def seeds(self) -> list[int]:
        """Those that trained."""
        return [int(seed) for seed in self.recipe.get("seeds") or ()]


def read_facttune(run_folder: Path) -> FactTuneContents:
    """Read a run folder, finished or not. Raises StoreError if it does not exist or a table is damaged."""
    folder = stored_run(run_folder)
    manifest = folder.manifest() or {}
    pairs = {(e["method"], e["seed"]): e for e in folder.events() if e.get("event") == "pairs"}
    names: tuple[str, ...] = ("failures", "test.responses")
    tables = {name: folder.read_table(name) for name in names if name in folder.tables()}
    recipe = manifest.get("recipe") or {}
    name = run_folder.resolve().name
    return FactTuneContents(name, folder.estimates(), manifest, recipe, list(pairs.values()), tables)


def label(arm: str) -> str:
    """An arm for readers: `FactTune-FS, greedy`."""
    name, comma, rest = arm.partition(", ")
    return f"{LABELS.get(name, name)}{comma}{rest}"
