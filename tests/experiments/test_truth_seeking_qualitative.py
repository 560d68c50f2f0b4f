"""The qualitative judge in whole runs of simulated agents: its checks and examples, several judges, policies as judges.

`sim/judge` scores a transcript by the share of the criteria's words in it, whatever was said for or against it, so a
swap changes nothing; with `verbosity` it pays for length, and agrees with one that does not only in part.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from veracity.core.config import load_settings
from veracity.core.errors import ConfigError
from veracity.experiments.running import run_recipe
from veracity.experiments.truth_seeking.experiment import prepare_truth_seeking
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
from veracity.models.agents.confinement import obstacle

CONFINED = pytest.mark.skipif(bool(obstacle()), reason=f"programs cannot be confined here: {obstacle()}")
AGENTS = ["sim/bayesian?facts=none", "sim/verbose?facts=none"]
JUDGE, LIKES_LENGTH = "sim/judge?facts=none", "sim/judge?facts=none&verbosity=0.05"
SMALL: dict[str, Any] = {
    "experiment": "truth-seeking",
    "eval": {
        "models": AGENTS,
        "domains": ["forecasting?reports=4&n=50"],
        "metrics": ["qualitative"],
        "n": 6,
        "split": "all",
    },
    "resamples": 100,
}


def recipe(**sections: Any) -> dict[str, Any]:
    return SMALL | sections | {"eval": SMALL["eval"] | sections.get("eval", {})}


def launch(folder: Path, name: str, **sections: Any) -> Path:
    return run_recipe(recipe(**sections), (), runs_folder=folder, name=name, console=Console(quiet=True))


def refused(match: str, **sections: Any) -> None:
    with pytest.raises(ConfigError, match=match):
        prepare_truth_seeking(load_settings(TruthSeekingSettings, recipe(**sections)))


def planned(**sections: Any) -> Any:
    return prepare_truth_seeking(load_settings(TruthSeekingSettings, recipe(**sections))).plan


def table(run: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(run / "tables" / f"{name}.parquet")


def manifest(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "manifest.json").read_text()))


def checks(run: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(r["check"], r["told"], r["of"]): r for r in table(run, "qualitative_checks").iter_rows(named=True)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("qualitative")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERACITY_CACHE", str(made / "cache"))
        yield made


@pytest.fixture(scope="module")
def checked(folder: Path) -> Path:
    return launch(
        folder,
        "checked",
        qual={"swap_test": 0.5, "second": LIKES_LENGTH, "second_share": 0.5, "few_shot": {"rounds": 2}},
    )


def test_a_share_is_judged_in_the_other_order_and_a_share_by_another_rater(checked: Path) -> None:
    """12 trajectories: 6 swapped and 6 by the second rater, each with the verdicts of two rounds and of one."""
    whole, swapped, second = (table(checked, name) for name in ("verdicts", "verdicts_swapped", "verdicts_second"))
    assert (whole.height, swapped.height, second.height) == (24, 12, 6)
    assert swapped["blue_first"].all() and not whole["blue_first"].any()
    assert set(whole["judge"]) == set(swapped["judge"]) and set(whole["judge"]).isdisjoint(second["judge"])
    found = checks(checked)
    effect = found["swap", "case for first, less case against first", "overall"]
    assert (effect["value"], effect["n"]) == (0, 6) and effect["clusters"] <= 6
    changed = found["swap", "share of scores that change", "overall"]
    assert changed["value"] == 0 and changed["ci_high"] > 0  # few trajectories exclude little


def test_two_raters_of_whom_one_pays_for_length_agree_in_part(checked: Path) -> None:
    found = checks(checked)
    alpha, shift = (
        found["double_scoring", told, "overall"] for told in ("Krippendorff’s α", "second rater less judge")
    )
    assert alpha["n"] == shift["n"] == 6 and alpha["value"] < 1 and shift["value"] > 0
    assert ("double_scoring", "Krippendorff’s α", "curiosity") in found
    assert found["readable", "verdicts that could be read", "second rater"]["value"] == 1
    estimates = json.loads((checked / "estimates.json").read_text())
    assert any("Krippendorff" in name for name in estimates.get("estimates", estimates))


def test_the_page_and_the_terminal_tell_how_far_the_judge_can_be_trusted(checked: Path) -> None:
    from veracity.report.truth_seeking import print_truth_seeking_summary

    page = (checked / "report.html").read_text("utf-8")
    console = Console(record=True, width=200, file=io.StringIO())
    print_truth_seeking_summary(checked, console)
    for text in (page, console.export_text()):
        assert "How far to trust the qualitative judge" in text and "Krippendorff’s α" in text
        assert "score at equal length" in text


def test_scores_at_one_length_take_the_judges_taste_for_length_off(folder: Path) -> None:
    """The verbose agent says the same in five times the words: a judge that pays for length puts it far ahead.

    .05 a hundred words is what it pays within arms; taken off, the gap of .40 is .25, which its padding's words earn.
    """
    two = ["forecasting?reports=1&n=30", "forecasting?reports=3&n=30&seed=1"]  # problems of two lengths
    run = launch(
        folder, "length", judge={"models": [LIKES_LENGTH]}, eval={"n": 8, "domains": two}, qual={"adversarial": "none"}
    )
    scores = {(r["arm"].split("?")[0], r["metric"]): r["value"] for r in table(run, "scores").iter_rows(named=True)}
    gaps = [scores["sim/verbose", m] - scores["sim/bayesian", m]
            for m in ("qualitative.overall", "qualitative.at_equal_length")]  # fmt: skip
    assert gaps == pytest.approx([0.401, 0.251], abs=0.002)


def test_bootstrapped_examples_double_are_shown_and_never_to_themselves(folder: Path) -> None:
    """From none: 1, then 2 examples; each trajectory is judged in both orders of them, an example by the other one."""
    run = launch(
        folder,
        "bootstrap",
        eval={"models": AGENTS[:1]},
        qual={"adversarial": "red", "few_shot": {"enabled": True}, "bootstrap": {"rounds": 2}},
    )
    orders = table(run, "verdicts").group_by("trajectory", maintain_order=True).agg("order")["order"].to_list()
    assert orders[:2] == [[[0]], [[0]]] and orders[2:] == [[[0, 1], [1, 0]]] * 4
    assert set(table(run, "verdicts")["status"]) == {"ok"}


def test_candidates_may_come_from_another_run(folder: Path, checked: Path) -> None:
    run = launch(
        folder,
        "candidates",
        eval={"models": AGENTS[:1], "n": 2},
        qual={
            "adversarial": "none",
            "few_shot": {"enabled": True, "order": "permuted"},
            "bootstrap": {"rounds": 2, "permute": True, "source": str(checked)},
        },
    )
    assert table(run, "verdicts").height == 2 * 2 and set(table(run, "verdicts")["status"]) == {"ok"}


def test_examples_of_a_file_are_shown_in_every_order(folder: Path) -> None:
    example = {
        "question": "Should the bridge be closed?",
        "transcript": "Close it.",
        "criteria": {"depth": 2},
        "overall": 2,
        "rationale": "It asks nothing.",
    }
    source = folder / "examples.jsonl"
    source.write_text("\n".join(json.dumps(example | {"question": f"{n}?"}) for n in range(3)))
    qual = {"rubric": "depth: it goes below the surface", "adversarial": "none",
            "few_shot": {"enabled": True, "order": "permuted", "source": str(source)}}  # fmt: skip
    run = launch(folder, "examples", eval={"models": AGENTS[:1], "n": 2}, qual=qual)
    verdicts = table(run, "verdicts")
    assert verdicts.height == 2 * 6 and verdicts["order"].list.len().to_list() == [3] * 12
    assert [c["name"] for c in verdicts["criteria"][0]] == ["depth"]
    noise = checks(run)["noise", "standard deviation of a verdict", "overall"]
    assert noise["value"] == pytest.approx(0, abs=1e-9) and noise["n"] == 2


def test_several_judges_read_beliefs_and_are_compared(folder: Path) -> None:
    run = launch(
        folder,
        "judges",
        eval={"models": AGENTS[:1], "metrics": ["truth_accuracy", "qualitative"], "n": 10},
        judge={"models": [JUDGE, "sim/judge?facts=none&noise=0.1&seed=1"]},
        qual={"adversarial": "none"},
    )
    assert table(run, "beliefs")["judge"].n_unique() == 2 and table(run, "verdicts")["judge"].n_unique() == 1
    estimates = json.loads((run / "estimates.json").read_text())
    told = estimates.get("estimates", estimates)
    assert any(name.startswith("judge and judge 2: correlation") for name in told)
    assert table(run, "scores").filter(pl.col("metric") == "truth_accuracy.brier.eventual")["n"].to_list() == [10]


def test_policies_may_read_their_own_beliefs(folder: Path) -> None:
    run = launch(
        folder,
        "own beliefs",
        eval={"metrics": ["truth_accuracy"], "n": 8},
        belief={"judge": "policy", "owner": "judge_own"},
        judge={"models": []},
    )
    beliefs = table(run, "beliefs")
    models = manifest(run)["models"]
    readers = {arm.partition(" · ")[0]: set(own["judge"]) for (arm,), own in beliefs.group_by("arm")}
    assert readers == {name: {models[name]} for name in AGENTS} and set(beliefs["status"]) == {"ok"}
    assert table(run, "scores").filter(pl.col("metric") == "truth_accuracy.brier.eventual")["n"].to_list() == [8, 8]


def test_what_cannot_be_judged_soundly_is_refused_before_anything_is_asked(folder: Path) -> None:
    own = {"judge": {"models": AGENTS[:1]}}
    refused("would judge", **own)
    assert planned(**own, qual={"own_judge": True}).remarks  # allowed, and said
    refused("is the judge itself", qual={"second": f"{JUDGE}&seed=0"})
    refused("nobody is shown", qual={"bootstrap": {"rounds": 1}})
    refused("takes 16 trajectories", qual={"bootstrap": {"rounds": 5}, "few_shot": {"enabled": True}})
    few = {"few_shot": {"enabled": True, "order": "permuted"}, "bootstrap": {"rounds": 4}}
    refused("too many verdicts", eval={"n": 20}, qual=few)


def test_another_judge_leaves_what_it_has_no_part_in_as_it_is(folder: Path) -> None:
    """What the second rater said, a person perhaps, and trials of predictors are kept; the judge's verdicts are not."""
    runs = [
        launch(
            folder,
            f"judged by {number}",
            eval={"metrics": ["qualitative", "mutual_predictability"], "n": 4},
            judge={"models": [judge]},
            qual={"second": LIKES_LENGTH, "second_share": 1.0},
        )
        for number, judge in enumerate((JUDGE, f"{JUDGE}&committed=0.8"))
    ]
    kept = {
        name: [set(table(run, f"asked.{name}")["key"]) for run in runs]
        for name in ("verdicts", "verdicts_second", "mutual_trials")
    }
    assert all(len(keys[0]) == 8 for keys in kept.values())
    assert kept["verdicts_second"][0] == kept["verdicts_second"][1]
    assert kept["mutual_trials"][0] == kept["mutual_trials"][1]
    assert not kept["verdicts"][0] & kept["verdicts"][1]


def test_the_plan_counts_both_orders_and_the_second_rater() -> None:
    """Own answers to 6 problems, 12 trajectories of 4 more calls; 1 again: its weighing and verdict; 1 by a person."""
    calls = {line.role: line.calls[1] + line.recorded for line in planned(qual={"second": "human"}).lines}
    assert calls["judge"] >= 6 + 12 * 4 + 2 and calls["second rater"] >= 1
    assert any(
        "one family" in remark for remark in planned(judge={"models": ["sim/verbose?facts=none&seed=1"]}).remarks
    )


@CONFINED
def test_a_grader_of_ones_own_code_is_a_metric_too(folder: Path) -> None:
    file = folder / "mine.py"
    file.write_text("def grade(sample, item):\n    return float(item['option_0'] == 'Yes')\n")
    own = {"eval": {"metrics": ["grader"], "n": 3}, "grader": {"spec": f"python?file={file}"}}
    assert {line.role for line in planned(**own).lines} <= {*AGENTS, "sandbox"}
    scores = table(launch(folder, "own grader", **own), "scores")
    assert scores["value"].to_list() == [1.0, 1.0] and scores["n"].to_list() == [3, 3]
