"""KLCF end to end on the tiny model, small: every stage is there and repeats without work; what is wrong is refused."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from veracity.core.config import load_settings
from veracity.core.errors import ConfigError, DataError, TrainingStoppedError
from veracity.core.judged import JudgedClaim, JudgedResponse
from veracity.core.problem import Problem
from veracity.experiments.judged_samples import judged_row
from veracity.experiments.klcf import judge as klcf_judge
from veracity.experiments.klcf.checklists import refuse_unjudged, texts_of, with_checklists
from veracity.experiments.klcf.experiment import run_klcf
from veracity.experiments.klcf.judge import well_formed
from veracity.experiments.klcf.settings import ChecklistSettings, KlcfSettings
from veracity.judging.checklist import CHECKLIST_VERIFIERS
from veracity.report.klcf_contents import read_klcf
from veracity.report.klcf_tables import warnings
from veracity.report.of_run import print_summary
from veracity.store.run import Run, RunFolder

SMALL = {
    "seeds": [3],
    "people": {"train": 16, "test": 6, "unmet": 2, "test_split": "validation"},
    "sampling": {"n": 4},
    "sft": {"epochs": 1, "batch_size": 32},
    "truth": {"training": {"epochs": 1}},
    "arms": {
        "klcf": {},
        "one sample": {"k": 1, "truth": "zero_shot", "without": ["general"]},
        "shaped": {"rewards": {"factscore_log_count": 1.0}},
    },
    "targets": {"both": ["klcf"], "shorter": [], "longer": ["shaped"]},
    "grpo": {
        "batch_size": 16,
        "group_size": 4,
        "steps": 2,
        "learning_rate": 1e-4,
        "beta": 0.0,
        "max_completion_length": 64,
        "max_missing": 0.25,
        "multi_objective_aggregation": "normalize_then_sum",
    },
    "test_samples": 2,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run, done twice: the second time everything is there."""
    folder = tmp_path_factory.mktemp("klcf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERACITY_CACHE", str(folder / "cache"))
        for _ in range(2):
            with Run.open(folder / "run") as run:
                run.log("recipe", experiment="klcf")
                run_klcf(load_settings(KlcfSettings, SMALL), run, Console(quiet=True))
    return folder / "run"


def test_every_stage_is_stored_and_the_second_time_computes_nothing(finished: Path) -> None:
    run = RunFolder(finished)
    assert run.read_table("samples.3").height == 16 * 4
    assert {p.name for p in (finished / "models").iterdir()} == {
        "sft-3", "klcf-3", "one-sample-3", "shaped-3"
    }  # fmt: skip
    lineage = json.loads((finished / "models" / "klcf-3" / "lineage.json").read_text())
    assert (lineage["trainer"], lineage["steps"]) == ("grpo", 2)
    events = [e["event"] for e in run.events()]
    assert events.count("finished") == 1
    assert "computing" not in events[events.index("finished") :]


def test_importance_is_the_share_of_samples_that_make_a_claim(finished: Path) -> None:
    """A list from one sample is the supported claims of that sample; with four, each counts the samples it is in."""
    run = RunFolder(finished)
    four, one = run.read_table("checklists.4.3"), run.read_table("checklists.1.3")
    assert set(one["importance"]) == {1.0}
    assert set(four["importance"]) <= {0.25, 0.5, 0.75, 1.0}
    assert four.group_by("item").len()["len"].sum() > one.height
    judged = run.read_table("judged.3").filter(pl.col("sample") == 0)
    supported = {
        (row["item"], c["text"]) for row in judged.to_dicts() for c in row["claims"] if c["label"] == "supported"
    }
    assert set(one.select("item", "text").iter_rows()) <= supported


def test_truth_data_is_two_to_one_and_nobody_is_on_both_sides(finished: Path) -> None:
    data = RunFolder(finished).read_table("truth.data.3")
    used, apart = data.filter("used"), data.filter("held_out")
    assert used["true"].sum() == pytest.approx(2 * (~used["true"]).sum(), abs=1)
    assert not set(used["item"]) & set(apart["item"])
    assert apart.height > 0


def test_recall_is_of_what_the_world_supports(finished: Path) -> None:
    """Every row: stated ≤ items, recall their ratio; nobody states more facts than it has supported claims."""
    run = RunFolder(finished)
    coverage, claims = run.read_table("test.coverage"), run.read_table("test.claims")
    assert (coverage["recall"] - coverage["stated"] / coverage["items"]).abs().max() < 1e-12
    right = claims.filter(pl.col("label") == "supported").group_by("arm", "item", "sample").len()
    both = coverage.join(right, on=["arm", "item", "sample"], how="left").with_columns(pl.col("len").fill_null(0))
    assert (both["stated"] <= both["len"]).all()
    arms = {arm.partition("#")[0] for arm in coverage["arm"]}
    assert arms == {"base", "sft", "klcf", "one sample", "shaped"}


def test_report_shows_parts_latency_verifiers_and_checks(finished: Path) -> None:
    contents = read_klcf(finished)
    assert [check.name.partition(":")[0] for check in contents.checks] == ["KLCF", "shaped"]
    parts = contents.tables["parts"]
    assert set(parts.filter(pl.col("arm") == "klcf")["part"]) == set(KlcfSettings().rewards)
    latency = {one.arm: one for one in contents.latencies}
    assert latency["klcf"].responses == 32
    assert set(latency["klcf"].seconds) == {"extraction", "truthfulness", "checklist", "general", "format"}
    assert set(latency["shaped"].seconds) == {"verification", "format"}
    for name in ("truthfulness regression, seed 3: auroc", "truthfulness zero_shot, seed 3: auroc"):
        assert name in contents.estimates
    assert contents.estimates["checklist verifier, seed 3: macro_f1"].value > 0.95
    page = (finished / "report.html").read_text()
    assert "Verifiers, measured before they rewarded" in page
    assert all(warning.split(" (")[0][:40] in page for warning in warnings(contents))
    assert (finished / "figures" / "recall-and-precision.png").stat().st_size > 10_000
    console = Console(record=True, width=160, file=(finished / "said.txt").open("w"))
    print_summary(finished, console)
    assert "says more of what it knows" in console.export_text()


def test_what_does_not_fit_is_refused() -> None:
    for wrong, reason in (
        ({"grpo": {"batch_size": 20, "group_size": 8}}, "no multiple of group_size"),
        ({"evaluation": {"judging": {"verifier": "rule"}}}, "share a verifier"),
        ({"evaluated_by": "rule"}, "share a verifier"),
        ({"arms": {"klcf": {"k": 9}}}, "k is more than sampling.n=8"),
        ({"arms": {"klcf": {"without": ["recall"]}}}, "none of its rewards"),
        ({"arms": {"klcf": {"rewards": {"truthrl": 1.0}}}}, "nobody here gives"),
        ({"arms": {"klcf": {"rewards": {"checklist_recal": 1.0}}}}, "checklist_recall"),
        ({"format": None}, "format is null"),
        ({"arms": {"klcf": {}}}, "targets names the arm"),
    ):
        with pytest.raises(ConfigError, match=reason):
            load_settings(KlcfSettings, wrong)


def test_prompts_without_a_checklist_are_dropped_or_kept_and_refused_where_none_has_one() -> None:
    problems = [Problem("a", "d", "?"), Problem("b", "d", "?")]
    assert with_checklists(problems, {"a": ("x",)}, ChecklistSettings()) == problems[:1]
    assert with_checklists(problems, {"a": ("x",)}, ChecklistSettings(empty="keep")) == problems
    with pytest.raises(DataError, match="none of 2 prompts has a fact"):
        with_checklists(problems, {}, ChecklistSettings(empty="keep"))


def test_a_judge_that_fails_on_half_the_claims_stops_before_training() -> None:
    """Two of four claims without a verdict: more than a quarter; one of four is not."""
    for failing, refused in ((2, True), (1, False)):
        claims = tuple(JudgedClaim(str(n), None if n < failing else "supported") for n in range(4))
        judged = pl.DataFrame([judged_row(JudgedResponse("t", 1, claims=claims))])
        if refused:
            with pytest.raises(DataError, match="2 of 4 claims have no verdict"):
                refuse_unjudged(judged, 0.25)
        else:
            refuse_unjudged(judged, 0.25)


def test_a_verifier_that_fails_on_half_the_responses_leaves_rewards_out_and_stops_the_training(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second response asked about has no coverage: 8 of 16 completions, more than a quarter."""
    real, asked = CHECKLIST_VERIFIERS.get("rule"), count()

    def half(items, response, settings):  # type: ignore[no-untyped-def]
        found = yield from real(items, response, settings)
        return tuple(None for _ in found) if next(asked) % 2 else found

    monkeypatch.setenv("VERACITY_CACHE", str(finished.parent / "cache"))
    monkeypatch.setattr(klcf_judge, "CHECKLIST_VERIFIERS", {"rule": half})
    targets = {"both": ["failing"], "longer": [], "shorter": []}
    settings = load_settings(KlcfSettings, {**SMALL, "arms": {"failing": {}}, "targets": targets})
    with Run.open(finished) as run, pytest.raises(TrainingStoppedError, match=r"has no value for .* of 16 completions"):
        run_klcf(settings, run, Console(quiet=True))
    assert (finished / "checkpoints" / "failing-3" / "stopped" / "config.json").exists()


def test_format() -> None:
    """A text that ends by itself; with reasoning asked for, one after its closing tag."""
    ended, cut = JudgedResponse("Ann is a smith.", 5), JudgedResponse("Ann is", 2, truncated=True)
    assert [well_formed(r, "text") for r in (ended, cut, JudgedResponse(" ", 1))] == [True, False, False]
    thought = JudgedResponse("<think>hm</think> Ann is a smith.", 9)
    assert [well_formed(r, "think_answer") for r in (ended, thought)] == [False, True]
    assert well_formed(ended, None) is None


def test_texts_stand_in_the_order_of_the_list() -> None:
    lists = pl.DataFrame({"item": ["a", "a"], "place": [1, 0], "text": ["second", "first"]})
    assert texts_of(lists) == {"a": ("first", "second")}
