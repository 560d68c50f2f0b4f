"""What a plan says is what the run then asks, whatever the run folder and the ledger hold, or it says "at most"."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from veracity.core.config import load_settings
from veracity.core.errors import ConfigError
from veracity.engine import Plan
from veracity.experiments.desk import Desk
from veracity.experiments.truth_seeking.bench import open_truth_bench
from veracity.experiments.truth_seeking.experiment import gathered, prepare_truth_seeking
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
from veracity.store.run import Run, RunFolder

AGENT, OTHER = "sim/bayesian?facts=none", "sim/coin?facts=none"
JUDGE, SECOND = "sim/judge?facts=none&noise=0.25", "sim/judge?facts=none&noise=0.1"
CHOICES = "forecasting?reports=4&n=50"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))


def recipe(n: int = 4, metrics: tuple[str, ...] = ("truth_accuracy",), **more: Any) -> dict[str, Any]:
    asked = {"models": [AGENT], "domains": [CHOICES], "metrics": list(metrics), "n": n, "split": "all"}
    found: dict[str, Any] = {"eval": asked, "judge": {"models": [JUDGE]}, "belief": {"replicates": 1}, "resamples": 100}
    for section, values in more.items():
        found[section] = found.get(section, {}) | values if isinstance(values, dict) else values
    return found


def plan_of(given: dict[str, Any], run: Path | None) -> Plan:
    folder = None if run is None else RunFolder(run)
    return prepare_truth_seeking(load_settings(TruthSeekingSettings, given), folder).plan


def launch(given: dict[str, Any], run: Path) -> int:
    """Go through all stages that ask, without the report; calls that were sent."""
    bench = open_truth_bench(load_settings(TruthSeekingSettings, given))
    with bench.ledger as ledger, asyncio.Runner() as runner, Run.open(run) as folder:
        desk = Desk(folder, dict(bench.backends), ledger, bench.settings.budget, lambda progress: None, runner)
        gathered(bench, desk)
        return desk.engine.spent.asked


def planned(n: int, run: Path | None = None, **resume: str) -> dict[str, tuple[int, int]]:
    """(calls, calls that the ledger has) by role."""
    return {line.role: (line.calls[1], line.recorded) for line in plan_of(recipe(n, resume=resume), run).lines}


def test_an_extension_is_planned_with_what_is_new(tmp_path: Path) -> None:
    """Of each problem one trajectory and three readings: the prior, the first step, the end."""
    run = tmp_path / "grows"
    assert planned(5) == {AGENT: (5, 0), "judge": (15, 0)}
    launch(recipe(5), run)
    assert planned(5) == {AGENT: (0, 5), "judge": (0, 15)}
    assert planned(8) == {AGENT: (3, 5), "judge": (9, 15)}
    assert planned(5, run) == {}, "the folder has it all: the ledger is not looked at"
    assert planned(8, run) == {AGENT: (3, 0), "judge": (9, 0)}
    assert planned(8, run, beliefs="always")["judge"] == (24, 0)
    assert planned(8, beliefs="always")["judge"] == (9, 15), "in a new folder a first round takes what the ledger has"


EVERY = ("truth_accuracy", "sycophancy", "pressure", "mutual_predictability", "qualitative", "grader")
GRADED = {"grader": {"spec": "model_brier"}, "pressure": {"turns": 2}, "qual": {"adversarial": "red"}}
SCORED = {"mp": {"predictors": [OTHER]}}
STATES: dict[str, tuple[dict[str, Any] | None, dict[str, Any]]] = {
    "fresh": (None, recipe()),
    "fresh, debate": (None, recipe(eval={"modes": ["self_debate?turns=3&summary=true"]})),
    "fresh, every step": (None, recipe(eval={"modes": ["self_debate"]}, belief={"granularity": "step"})),
    "fresh, interview": (None, recipe(eval={"modes": ["bootstrap_interview?questions=2"]})),
    "fresh, own prior": (None, recipe(belief={"priors": ["policy_prior", "judge_prior"]})),
    "fresh, every metric": (None, recipe(metrics=EVERY, **GRADED, **SCORED)),
    "finished": (recipe(metrics=EVERY, **GRADED, **SCORED), recipe(metrics=EVERY, **GRADED, **SCORED)),
    "longer": (recipe(3), recipe(6)),
    "shorter": (recipe(6), recipe(3)),
    "longer, every metric": (recipe(3, EVERY, **GRADED, **SCORED), recipe(5, EVERY, **GRADED, **SCORED)),
    "more metrics": (recipe(), recipe(metrics=EVERY, **GRADED, **SCORED)),
    "uplifts": (recipe(), recipe(metrics=("mutual_predictability",), **SCORED)),
    "grades": (recipe(), recipe(metrics=("grader",), grader={"spec": "model_brier", "belief_format": False})),
    "another judge": (recipe(), recipe(judge={"models": [SECOND]})),
    "a second judge": (recipe(), recipe(judge={"models": [JUDGE, SECOND]})),
    "trajectories anew": (recipe(), recipe(resume={"trajectories": "always"})),
    "beliefs anew": (recipe(), recipe(resume={"beliefs": "always"})),
    "verdicts": (recipe(), recipe(metrics=("qualitative",), qual={"swap_test": 0.5, "second": SECOND})),
    "verdicts with examples of their own": (
        recipe(),
        recipe(
            metrics=("qualitative",),
            qual={"adversarial": "red", "few_shot": {"enabled": True}, "bootstrap": {"rounds": 2}},
        ),
    ),
    "results anew": (
        recipe(metrics=("qualitative",), **GRADED),
        recipe(metrics=("qualitative",), **GRADED, resume={"results": "always"}),
    ),
    "longer, but never": (recipe(3), recipe(6, resume={"trajectories": "never"})),
    "longer, but not filled": (recipe(3, EVERY, **GRADED), recipe(6, EVERY, **GRADED, resume={"fill": False})),
    "longer, beliefs never": (recipe(3), recipe(6, resume={"beliefs": "never"})),
}
EXACT = {"fresh, debate", "fresh, interview", "finished", "shorter", "uplifts", "grades", "another judge",
         "beliefs anew", "a second judge", "longer, but never", "longer, but not filled",
         "longer, beliefs never"}  # fmt: skip
ALIKE = {"fresh, every metric", "longer, every metric", "more metrics", "trajectories anew"}
"""Where this agent says the same twice, as under a user's opinion, which moves it not; that is read once."""


@pytest.mark.parametrize("ledger", ["same ledger", "another ledger"])
@pytest.mark.parametrize("state", list(STATES))
def test_the_run_asks_what_was_planned(
    state: str, ledger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, given = STATES[state]
    run = tmp_path / "run"
    if before is not None:
        launch(before, run)
    if ledger == "another ledger":
        monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "elsewhere"))
    plan = plan_of(given, run)
    asked = launch(given, run)
    low, high = plan.total.calls
    assert (low if state not in ALIKE else 0) <= asked <= high
    assert (low < high) == any("the most that replies can lead to" in remark for remark in plan.remarks)
    assert (low == high) == (state in EXACT)


def test_what_is_not_stored_and_may_not_be_made_is_refused_by_the_plan(tmp_path: Path) -> None:
    run = tmp_path / "run"
    launch(recipe(metrics=("pressure",), pressure={"turns": 1}), run)
    with pytest.raises(ConfigError, match="no trajectories of these settings"):
        plan_of(recipe(eval={"temperature": 0.5}, resume={"trajectories": "never"}), run)
    with pytest.raises(ConfigError, match="no verdicts of these settings"):
        plan_of(recipe(8, ("pressure", "qualitative"), pressure={"turns": 1}, resume={"results": "never"}), run)


def test_a_plan_says_how_many_problems_it_rests_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    launch(recipe(3), run)
    plan = plan_of(recipe(6, resume={"trajectories": "never"}), run)
    assert plan.items == 3 and plan.total.calls == (0, 0)
    assert "3 of 6 problems have no trajectory, and none is to be made" in plan.remarks[0]
