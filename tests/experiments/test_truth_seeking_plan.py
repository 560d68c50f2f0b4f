"""The plan of a run that has begun: what the ledger has is not counted as a call, readings of beliefs included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from veracity.core.config import load_settings
from veracity.experiments.running import run_recipe
from veracity.experiments.truth_seeking import prepare_truth_seeking
from veracity.experiments.truth_seeking_settings import TruthSeekingSettings

AGENT = "sim/bayesian?facts=none"
JUDGE = "sim/judge?facts=none&noise=0.25"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))


def recipe(n: int, **resume: str) -> dict[str, Any]:
    asked = {"models": [AGENT], "domains": ["forecasting?reports=4&n=50"], "metrics": ["truth_accuracy"], "n": n,
             "split": "all"}  # fmt: skip
    return {"eval": asked, "judge": {"models": [JUDGE]}, "belief": {"replicates": 1}, "resume": resume}


def planned(n: int, **resume: str) -> dict[str, tuple[int, int]]:
    """(calls, calls that the ledger has) by role."""
    plan = prepare_truth_seeking(load_settings(TruthSeekingSettings, recipe(n, **resume))).plan
    return {line.role: (line.calls[1], line.recorded) for line in plan.lines}


def test_an_extension_is_planned_with_what_is_new(tmp_path: Path) -> None:
    """Of each problem one trajectory and three readings: the prior, the first step, the end."""
    assert planned(5) == {AGENT: (5, 0), "judge": (15, 0)}
    given = {"experiment": "truth-seeking", **recipe(5)}
    run_recipe(given, [], runs_folder=tmp_path, name="grows", console=Console(quiet=True))
    assert planned(5) == {AGENT: (0, 5), "judge": (0, 15)}
    assert planned(8) == {AGENT: (3, 5), "judge": (9, 15)}
    assert planned(8, beliefs="always")["judge"] == (24, 0)
