"""What a KLCF run holds, read once for the page and the terminal, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.checks import Check
from veracity.metrics.klcf_checks import both_rise_check, length_check
from veracity.report.stored import stored_run

MEASURES = ("recall", "precision", "words")
LABELS = {"base": "base model", "sft": "SFT", "klcf": "KLCF", "klcf-zero": "KLCF-zero"}


@dataclass(frozen=True)
class Latency:
    """What the judge of one training took."""

    arm: str
    seed: int
    responses: int
    seconds: Mapping[str, float]
    """By what was asked: checklist, truthfulness, …"""


@dataclass(frozen=True)
class KlcfContents:
    """A KLCF run, ready to be reported."""

    name: str
    estimates: Mapping[str, Estimate]
    """Empty while nothing was evaluated."""
    manifest: Mapping[str, Any]
    """Empty while the run is not finished."""
    latencies: list[Latency]
    tables: Mapping[str, pl.DataFrame]

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The settings; empty where the manifest has none."""
        return self.manifest.get("recipe") or {}

    @property
    def start(self) -> str:
        """What GRPO started from: `sft` or `base`."""
        return next((n.partition(" against ")[2].partition(":")[0] for n in self.estimates if " against " in n), "sft")

    @property
    def trained(self) -> list[str]:
        """What GRPO made, in the recipe's order."""
        ends = f" against {self.start}: recall difference"
        named = [n.removesuffix(ends) for n in self.estimates if n.endswith(ends) and not n.startswith("seed ")]
        return [arm for arm in named if arm != "base"]

    @property
    def arms(self) -> list[str]:
        """What was evaluated: base, start, trained."""
        return [*dict.fromkeys(("base", self.start)), *self.trained] if self.trained else []

    @property
    def seeds(self) -> list[int]:
        """Those that trained."""
        return [int(seed) for seed in self.recipe.get("seeds") or ()]

    @property
    def checks(self) -> list[Check]:
        """Those that the settings declare."""
        targets, found = self.recipe.get("targets") or {}, []
        for arm in self.trained:
            changes, who = {m: self.change(arm, m) for m in MEASURES}, label(arm)
            if arm in targets.get("both", ()):
                found.append(both_rise_check(who, label(self.start), changes))
            if arm in targets.get("shorter", ()):
                found.append(length_check(who, label(self.start), changes, "shorter"))
            if arm in targets.get("longer", ()):
                found.append(length_check(who, label(self.start), changes, "longer"))
        return found

    def change(self, arm: str, measure: str, seed: int | None = None) -> Estimate:
        """Difference of an arm against the start, over all seeds or of one."""
        part = f"{arm} against {self.start}" if seed is None else f"seed {seed}, {arm} against {self.start}"
        return self.estimates[f"{part}: {measure} difference"]


def read_klcf(run_folder: Path) -> KlcfContents:
    """Read a run folder, finished or not. Raises StoreError if it does not exist or a table is damaged."""
    folder = stored_run(run_folder)
    wanted = {"failures", "steps", "parts"}
    tables = {name: folder.read_table(name) for name in folder.tables() if name in wanted}
    latencies = {
        (e["arm"], e["seed"]): Latency(
            e["arm"],
            e["seed"],
            e["responses"],
            {k.removesuffix("_s"): float(v) for k, v in e.items() if k.endswith("_s")},
        )
        for e in folder.events()
        if e.get("event") == "rewarded"
    }
    name = run_folder.resolve().name
    return KlcfContents(name, folder.estimates(), folder.manifest() or {}, list(latencies.values()), tables)


def label(arm: str) -> str:
    """An arm for readers."""
    return LABELS.get(arm, arm)
