"""Token evidence from the asking to the page: what a run keeps of its log-probabilities, and what an analysis shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from veracity.analysis.base import analyze
from veracity.analysis.scores import read_run
from veracity.experiments.running import run_recipe

AGENTS = ["sim/bayesian", "sim/coin", "sim/verbose?ratio=2"]
RECIPE: dict[str, Any] = {
    "experiment": "truth-seeking",
    "eval": {"models": AGENTS, "domains": ["world-choice"], "modes": ["direct"], "metrics": ["mutual_predictability"],
             "n": 4, "split": "all"},
    "mp": {"predictors": ["tiny"], "predictor": "random_any", "predicted": "random_any",
           "context": "evaluated_question", "trials": 1, "examples": 1},
    "resamples": 100,
}  # fmt: skip


def table(run: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(run / "tables" / f"{name}.parquet")


def launch(folder: Path, **sections: Any) -> Path:
    return run_recipe(RECIPE | sections, runs_folder=folder, name="run", console=Console(quiet=True))


def test_tokens_of_a_run_add_up_to_its_uplifts_and_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded model predicts; its tokens are parts of words. Fewer answers kept, the scores are the same."""
    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))
    run = launch(tmp_path)
    evidence = table(run, "token_evidence.mutual_predictability")
    change = (pl.col("logprob") - pl.col("base_logprob")).sum()
    sums = evidence.group_by("trajectory", "trial").agg(change.alias("sum"), pl.len(), pl.col("token").str.join(""))
    trials = table(run, "mutual_trials").filter(pl.col("status") == "ok")
    both = trials.join(sums, on=["trajectory", "trial"])
    assert both.height == trials.height == sums.height > 8 and both["len"].to_list() == both["tokens"].to_list()
    assert (both["conditional"] - both["base"]).to_list() == pytest.approx(both["sum"].to_list())
    answers = dict(table(run, "trajectories").select("trajectory", "answer").iter_rows())
    told = [(answers[target].split(), said.split()) for target, said in both.select("target", "token").iter_rows()]
    assert all(wanted == said for wanted, said in told)

    found = analyze([read_run(run)], analyzers=["token_level_evidence"])
    assert len(found) == len(set(evidence["trajectory"]))
    shown = next(one for one in found if "verbose" in one.place.model)
    own = evidence.filter(pl.col("trajectory").str.starts_with(shown.place.model[-8:]))
    heat = shown.files["heat_map.html"]
    totals = [float(nats) for nats in re.findall(r'"total">([+-][\d.]+) nats', heat)]
    alike = (
        own.group_by("trial")
        .agg(pl.col("token").str.join("|"), change.alias("sum"))
        .group_by("token")
        .agg(pl.mean("sum"))
    )
    assert sorted(totals) == pytest.approx(sorted(alike["sum"].to_list()), abs=0.0051)

    again = launch(tmp_path, token_evidence=1)
    assert table(again, "mutual_trials").equals(table(run, "mutual_trials"))
    kept = table(again, "token_evidence.mutual_predictability")
    first = table(again, "trajectories").group_by("arm", maintain_order=True).first()["trajectory"]
    assert set(kept["trajectory"]) <= set(first) and kept.height < evidence.height


@pytest.mark.parametrize("resume", [{"results": "never"}, {"fill": False}])
def test_trials_that_are_not_made_anew_are_all_there_whatever_tokens_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: dict[str, Any]
) -> None:
    """How many answers have token evidence is no reason to lose the trials of the others."""
    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))
    rows = table(launch(tmp_path), "metric_rows")
    for wanted in (1, 20):
        assert table(launch(tmp_path, token_evidence=wanted, resume=resume), "metric_rows").equals(rows)
