"""What a sweep of an experiment that asks models would cost, point by point, and the question before it is paid."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from veracity.cli.app import app
from veracity.core.requests import Call, Reply
from veracity.experiments.running import run_recipe
from veracity.experiments.sweeps import plan_sweep
from veracity.models.instant import InstantModel
from veracity.models.price import Price

SHORT = ["long=null", "short.problems=20", "short.split=test", "short.arms=[none]", "short.confidence=[]"]
SETTINGS = [*SHORT, "short.samples=3", "short.max_tokens=16", "card_items=0"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def _paid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model called `paid` that costs 2.50 dollars a million tokens in and 10 out, and that nobody may ask."""
    from veracity.models import resolve

    def answer(call: Call) -> Reply:
        raise AssertionError("a plan asks nothing")

    opened = resolve.open_model
    paid = InstantModel(answer, "paid", "paid", price=Price(2.5, 10.0, date(2026, 1, 1)))
    monkeypatch.setattr(resolve, "open_model", lambda text: paid if text == "paid" else opened(text))


@pytest.mark.usefixtures("_paid")
def test_points_are_planned_by_what_they_ask_and_finished_ones_ask_nothing(tmp_path: Path) -> None:
    """20 questions, one greedy and three drawn answers: 40 calls at 2.50 and 10 dollars a million tokens.

    At most 20·4·16 = 1,280 tokens come out: $0.0128; what goes in is sent once a call at least.
    """
    run_recipe("factuality-tiny", ["model=sim/expert", *SETTINGS], runs_folder=tmp_path, console=Console(quiet=True))
    grid = ["model=[sim/expert,paid,sim/coin]", "seed=[0,1]", *SETTINGS]
    planned = plan_sweep("factuality-tiny", grid, runs_folder=tmp_path)
    jobs = {job.point.id: job for job in planned.jobs}
    done = jobs["model=sim/expert,seed=0"]
    assert done.finished is not None and done.plan is None, "a finished point asks nothing"
    paid = jobs["model=paid,seed=0"].plan
    assert paid is not None
    assert paid.total.calls == (40, 40) and paid.total.output_tokens == (80, 1280)
    assert paid.cost[1] == pytest.approx((paid.total.input_tokens[1] * 2.5 + 1280 * 10) / 1e6)
    assert planned.asked.cost == pytest.approx(tuple(2 * cost for cost in paid.cost), rel=0.02), "other questions"
    assert {"model=paid,seed=1", "model=sim/coin,seed=1"} <= set(jobs)
    text = CliRunner().invoke(app, ["sweep", "plan", "factuality-tiny", *grid, "--runs", str(tmp_path)]).output
    assert "US dollars" in text and "5 of 6 to do, together $" in text and "PFLOP" not in text


def test_a_point_that_cannot_be_opened_says_why_and_the_others_are_planned(tmp_path: Path) -> None:
    grid = ["model=[openai/no-such-model,sim/coin]", *SETTINGS]
    first, second = plan_sweep("factuality-tiny", grid, runs_folder=tmp_path).jobs
    assert first.plan is None and "there is no key for openai" in first.obstacle
    assert second.plan is not None and second.plan.total.cost == (0.0, 0.0)
    text = CliRunner().invoke(app, ["sweep", "plan", "factuality-tiny", *grid, "--runs", str(tmp_path)]).output
    assert "cannot be planned" in text and "together nothing without the 1 that cannot be planned" in text


@pytest.mark.usefixtures("_paid")
def test_a_sweep_that_costs_money_is_not_run_without_a_yes(tmp_path: Path) -> None:
    words = ["sweep", "run", "factuality-tiny", "model=[paid,sim/coin]", *SETTINGS]
    refused = CliRunner().invoke(app, [*words, "--runs", str(tmp_path / "runs")])
    assert refused.exit_code == 1 and not (tmp_path / "runs").exists()
    assert "give --yes to agree" in refused.output + str(refused.exception)
