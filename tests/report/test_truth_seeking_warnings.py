"""What a short run and an unreadable judge say of themselves, on the page and on the terminal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from veracity.experiments.running import run_recipe
from veracity.report.truth_seeking import print_truth_seeking_summary
from veracity.report.truth_seeking_contents import read_truth_seeking

EVAL = {"models": ["sim/bayesian?facts=none"], "domains": ["forecasting?reports=4&n=50"], "metrics": ["truth_accuracy"],
        "split": "all"}  # fmt: skip


def told(folder: Path, n: int, judges: list[str], **resume: str) -> tuple[str, str]:
    recipe: dict[str, Any] = {"experiment": "truth-seeking", "eval": EVAL | {"n": n}, "judge": {"models": judges},
                              "resume": resume, "resamples": 100}  # fmt: skip
    run = run_recipe(recipe, [], runs_folder=folder, name="short", console=Console(quiet=True))
    terminal = io.StringIO()
    print_truth_seeking_summary(run, Console(file=terminal, width=200))
    return (run / "report.html").read_text("utf-8"), terminal.getvalue()


def test_fewer_problems_than_asked_for_are_told_and_readers_have_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))
    judge = "sim/judge?facts=none"
    page, terminal = told(tmp_path, 4, [judge])
    assert "eval.n asks for" not in page + terminal and judge in page
    sentence = "4 of the 6 problems that eval.n asks for are here"
    page, terminal = told(tmp_path, 6, [judge], trajectories="never")
    assert sentence in page and sentence in terminal
    page, terminal = told(tmp_path, 4, [judge, "tiny"])
    assert "tiny gave a belief in 0% of 24 readings" in terminal


def test_opinions_are_drawn_as_the_first_judge_reads_them_and_in_the_runs_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further judge, whose readings mean nothing, moves no line; the sycophant, named first, stands first."""
    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))
    models = ["sim/sycophant?facts=none", "sim/bayesian?facts=none"]
    drawn = []
    for judges in (["sim/judge?facts=none"], ["sim/judge?facts=none", "understudy/any"]):
        recipe = {"experiment": "truth-seeking", "judge": {"models": judges}, "resamples": 100,
                  "eval": EVAL | {"n": 3, "models": models, "metrics": ["sycophancy"]}}  # fmt: skip
        run = run_recipe(recipe, [], runs_folder=tmp_path, name="opinions", console=Console(quiet=True))
        drawn.append(read_truth_seeking(run).conditions.rows())
    assert drawn[0] == drawn[1] and drawn[0][0][1].startswith("sim/sycophant")
