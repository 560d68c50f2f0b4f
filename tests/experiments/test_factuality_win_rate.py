"""Win rates in a factuality run: arms against a reference arm, by a judge that counts what is true in the world."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from veracity.core.errors import ConfigError
from veracity.core.requests import Call, Generate, Generated, Sample, Usage
from veracity.engine.plan import Plan
from veracity.experiments.running import run_recipe
from veracity.metrics.judge_card import UnreliableJudgeError
from veracity.metrics.win_rate import PAIRS
from veracity.models.instant import InstantModel
from veracity.models.price import Price
from veracity.store.run import RunFolder
from veracity.world.tiny import tiny_world

QUIET = Console(quiet=True)
SETTINGS = [
    "short=null",
    "long.problems=60",
    "long.arms=[none,bold,careful]",
    "long.win_rate_against=none",
    "judge=scripted",
    "card_items=120",
]


def truth(answer: str) -> int:
    """True minus false statements about the embedded world."""
    labels = [tiny_world().verdict(sentence).label for sentence in re.findall(r"[^.]+\.", answer)]
    return labels.count("supported") - labels.count("refuted")


def shown(call: Call) -> tuple[str, str]:
    assert isinstance(call.request, Generate)
    text = call.request.prompt[-1].content
    first, second = (
        re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL) for name in ("first_answer", "second_answer")
    )
    assert first and second
    return first[1], second[1]


def fair(call: Call) -> Generated:
    first, second = map(truth, shown(call))
    word = "TIE" if first == second else "FIRST" if first > second else "SECOND"
    return Generated((Sample(word, "stop", 1),), Usage(400, 1, 0.001))


def unsure(call: Call) -> Generated:
    """Reads a pair only where the first answer is not the longer one; then the first is the better."""
    first, second = shown(call)
    return Generated((Sample("FIRST" if len(first) <= len(second) else "Hm.", "stop", 1),), Usage(400, 1))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("win_rate")


@pytest.fixture(autouse=True)
def _scripted(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from veracity.models import resolve

    opened = resolve.open_model
    scripts = {
        "scripted": InstantModel(fair, "scripted", "scripted", price=Price(1.0, 2.0, date(2026, 1, 1))),
        "unsure": InstantModel(unsure, "unsure", "unsure"),
    }
    monkeypatch.setattr(resolve, "open_model", lambda text: scripts.get(text) or opened(text))
    monkeypatch.setenv("VERACITY_CACHE", str(place / "cache"))


def test_arms_are_compared_with_a_reference_arm(place: Path) -> None:
    plans: list[Plan] = []
    folder = RunFolder(
        run_recipe("factuality-tiny", SETTINGS, runs_folder=place, console=QUIET, name="won", approve=plans.append)
    )
    planned = next(line for line in plans[0].lines if line.role == "judge")
    assert planned.calls == (480, 480), "two a pair: 60 prompts, two arms; and 120 pairs of the card"
    assert planned.cost is not None and 0 < planned.cost[0] < planned.cost[1] < 1

    pairs = PAIRS.check(folder.read_table("pairs"))
    said = {(r["arm"], r["item"]): r["reply"] for r in folder.read_table("long_replies").iter_rows(named=True)}
    estimates = folder.estimates()
    for arm in ("bold", "careful"):
        better = [truth(said[arm, i]) - truth(said["none", i]) for _, i in said if _ == arm]
        expected = sum(1.0 if d > 0 else 0.5 if d == 0 else 0.0 for d in better) / 60
        rate = estimates[f"pairs, {arm}: win_rate"]
        assert rate.value == pytest.approx(expected) and rate.n == 60 and rate.null == 0.5
        assert estimates[f"pairs, {arm}: flip_rate"].value == 0, "a fair judge does not mind the order"
    own = pairs.filter(pl.col("arm") == "careful")
    same = sum(said["careful", i].split() == said["none", i].split() for i in own["item"])
    assert own.filter(pl.col("status") == "identical").height == same
    assert set(pairs["status"]) <= {"judged", "identical"} and estimates["failures of the pairwise judge"].value == 0
    assert estimates["pairs, careful: win_rate at equal length"].clusters == 60

    judged = pairs.filter(pl.col("status") == "judged")
    asked = 2 * len({(item, said[arm, item]) for item, arm in judged.select("item", "arm").iter_rows()})
    spent = (folder.manifest() or {})["spent_by_role"]
    assert spent["judge"] == pytest.approx(0.001 * (asked + 240)), (
        "the same words cost nothing, in a pair or in two arms"
    )


def test_the_summary_and_the_page_show_the_rates_with_intervals_and_the_judge_beside(place: Path) -> None:
    from veracity.report.of_run import print_summary

    folder = run_recipe("factuality-tiny", SETTINGS, runs_folder=place, console=QUIET, name="won")
    console = Console(record=True, width=220, file=(place / "shown.txt").open("w"))
    print_summary(folder, console)
    text, page = console.export_text(), (folder / "report.html").read_text("utf-8").replace("\u00a0", " ")
    assert "Win rate of long answers" in text and "at equal length" in text and "flipped" in text
    assert re.search(r"careful +\d+ % \[\d+, \d+\] +\d+ % \[\d+, \d+\] +0 % \[0, \d+\]", text)
    assert "Against the long answers of “none” those of “bold” win" in text and "not seen to judge" not in text
    assert ">Win rate of long answers</h2>" in page and "pairwise judge" in page
    assert "bold, then none" in page and "the first is called better" in page and "depends on the order" not in page
    assert "Of 120 pairs of a true and a false biography the judge prefers the true one in 100 %" in page


def test_a_judge_that_fails_is_counted_and_named_and_makes_no_ties(place: Path) -> None:
    settings = [*SETTINGS[:4], "judge=unsure", "card_items=0"]
    with pytest.raises(UnreliableJudgeError, match="pairwise judge on"):
        run_recipe("factuality-tiny", settings, runs_folder=place, console=QUIET, name="unsure")
    folder = RunFolder(place / "unsure")
    pairs = folder.read_table("pairs")
    assert folder.complete and "one_order" in set(pairs["status"])
    once = pairs.filter(pl.col("status") == "one_order")
    shorter_wins = (
        pl.when(pl.col("a_first").is_null()).then(pl.col("b_first") == "b").otherwise(pl.col("a_first") == "a")
    )
    assert once.select(shorter_wins.all()).item()
    assert once["reply_a_first"].is_in(["Hm.", "FIRST"]).all()
    stored = json.loads((folder.path / "estimates.json").read_text("utf-8"))
    assert 0.02 < stored["failures of the pairwise judge"]["value"] < 1
    assert "so do not rely on this" in (folder.path / "report.html").read_text("utf-8")


def test_the_plan_of_the_command_names_the_judge_and_its_price(place: Path) -> None:
    from veracity.cli.app import app

    shown_plan = CliRunner().invoke(app, ["run", "factuality-tiny", *SETTINGS, "seed=3", "--runs", str(place / "none")])
    assert shown_plan.exit_code == 1 and "judge" in shown_plan.output and "480" in shown_plan.output
    assert "give --yes" in str(shown_plan.exception) + shown_plan.output and not (place / "none").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["long.win_rate_against=bold"], "none of the arms"),
        (["long.win_rate_against=none"], "needs another arm"),
        (["long.win_rate_against=none", "long.arms=[none,bold]"], "the judge, which no model plays: set judge=MODEL"),
    ],
)
def test_what_cannot_be_compared_is_refused(place: Path, settings: list[Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run_recipe("factuality-tiny", ["short=null", *settings], runs_folder=place / "none", console=QUIET)
