"""What judges say and models cannot do is named and counted through the whole experiment, and never a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from servers import FaultyServer
from veracity.core.config import load_settings
from veracity.core.errors import CapabilityError, ConfigError
from veracity.core.requests import Generate
from veracity.experiments.running import run_recipe
from veracity.experiments.truth_seeking.experiment import prepare_truth_seeking
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings

AGENTS = ["sim/bayesian?facts=none", "sim/coin?facts=none"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))


def recipe(metric: str, n: int = 4, **sections: Any) -> dict[str, Any]:
    asked = {"models": AGENTS[:1], "domains": ["forecasting?reports=4&n=50"], "metrics": [metric], "n": n,
             "split": "all"}  # fmt: skip
    sections["eval"] = asked | sections.get("eval", {})
    return {"belief": {"replicates": 1}, "resamples": 100, **sections}


def scores(folder: Path, given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By metric, its row of the table `scores`."""
    run = run_recipe({"experiment": "truth-seeking", **given}, [], runs_folder=folder, name="run",
                     console=Console(quiet=True))  # fmt: skip
    rows = pl.read_parquet(run / "tables" / "scores.parquet").iter_rows(named=True)
    return {row["metric"]: row for row in rows}


@pytest.mark.parametrize(
    ("said", "state"),
    [("Probability: 1.7", "out_of_range"), ("Probability: 70", "out_of_range"), ("It may well be so.", "parse_failed")],
)
def test_what_a_judge_says_that_is_no_belief_is_counted(said: str, state: str, tmp_path: Path) -> None:
    def judge(request: Generate, replicate: int) -> str:
        return said

    with FaultyServer(judge) as server:
        given = recipe("truth_accuracy", judge={"models": [f"vllm/any?base_url={server.url}"]})
        row = scores(tmp_path, given)["truth_accuracy.brier.eventual"]
    assert (row["value"], row["n"], row["state"]) == (None, 0, state)
    assert {one["status"]: one["rows"] for one in row["statuses"]} == {state: 4}


def test_a_grader_that_asks_a_model_needs_one_named() -> None:
    given = recipe("grader", grader={"spec": "model"}, judge={"models": []})
    with pytest.raises(ConfigError, match=r"grader.spec=model asks a model.*: set grader.model, or judge.models"):
        prepare_truth_seeking(load_settings(TruthSeekingSettings, given))


def test_fewer_valid_trials_than_the_minimum_are_insufficient(tmp_path: Path) -> None:
    given = recipe("mutual_predictability", 4, mp={"predictors": [AGENTS[1]], "trials": 2, "minimum": 3})
    row = scores(tmp_path, given)["mutual_predictability.uplift"]
    assert (row["value"], row["n"], row["state"]) == (None, 0, "insufficient")


@pytest.mark.parametrize(
    ("metric", "more", "setting"),
    [
        ("mutual_predictability", {"mp": {"predictors": ["human"]}}, "mp.predictors"),
        ("mutual_predictability", {"eval": {"models": [AGENTS[0], "human"]}}, "mp.predictors"),
    ],
)
def test_who_gives_no_log_probabilities_is_refused_with_the_setting(
    metric: str, more: dict[str, Any], setting: str
) -> None:
    with pytest.raises(CapabilityError, match=setting):
        prepare_truth_seeking(load_settings(TruthSeekingSettings, recipe(metric, **more)))
