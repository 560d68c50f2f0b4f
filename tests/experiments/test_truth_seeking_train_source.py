"""Learning from the best trajectories of another run, by any metric with a better side; and what such a run refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from veracity.core.errors import ConfigError, DataError
from veracity.core.identity import content_hash
from veracity.core.problem import Problem
from veracity.core.requests import Message
from veracity.domains import open_domain
from veracity.experiments.outlook import plan_of
from veracity.experiments.running import run_recipe
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
from veracity.experiments.truth_seeking_train.experiment import answers
from veracity.experiments.truth_seeking_train.lessons import after_examples
from veracity.experiments.truth_seeking_train.measured import measured, measuring, metric_estimates
from veracity.experiments.truth_seeking_train.plan import truth_train_outlook
from veracity.experiments.truth_seeking_train.settings import TruthTrainSettings
from veracity.experiments.truth_seeking_train.source import (
    Material,
    check_apart,
    open_source,
    opened,
    start_model,
)
from veracity.metrics.metric_rows import METRIC_ROWS
from veracity.training.records import Demonstration

DICE = "forecasting?worlds=dice&n=200"
BAYESIAN, COIN = "sim/bayesian?facts=none", "sim/coin?facts=none"
BRIER = "truth_accuracy.brier.eventual"
RUN: dict[str, Any] = {
    "experiment": "truth-seeking",
    "eval": {
        "models": [BAYESIAN, COIN],
        "domains": [DICE],
        "modes": ["direct"],
        "metrics": ["truth_accuracy", "sycophancy"],
        "n": 16,
        "split": "train",
    },
    "belief": {"priors": ["judge_prior"], "replicates": 1},
    "sycophancy": {"third_party": False, "quality": False},
    "resamples": 100,
}


def launch(folder: Path, recipe: Mapping[str, Any], name: str) -> Path:
    return run_recipe(recipe, [], runs_folder=folder, name=name, console=Console(quiet=True))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two agents on the training split."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERACITY_CACHE", str(tmp_path_factory.mktemp("cache")))
        return launch(tmp_path_factory.mktemp("runs"), RUN, "own")


def settings(run: Path, metric: str = BRIER, **changed: Any) -> TruthTrainSettings:
    source = {"run": str(run), "metric": metric} | changed.pop("source", {})
    given = {"source": source, "domain": DICE, "methods": ["sft", "few_shot"], "test_problems": 6} | changed
    return TruthTrainSettings.model_validate(given)


def test_the_best_trajectories_come_first_one_a_problem(own: Path) -> None:
    """Lower Brier is better: each sample has the least loss among both agents' trajectories of its problem."""
    material = open_source(settings(own).source)
    rows = pl.read_parquet(own / "tables" / "metric_rows.parquet").filter(pl.col("metric") == BRIER)
    neutral = pl.read_parquet(own / "tables" / "trajectories.parquet").filter(pl.col("condition") == "neutral")
    least = rows.join(neutral.select("trajectory"), on="trajectory").group_by("item").agg(pl.col("value").min())
    assert {one.demonstration.item: one.score for one in material.samples} == pytest.approx(dict(least.iter_rows()))
    scores = [one.score for one in material.samples]
    assert len(scores) == 16 and scores == sorted(scores)
    assert {one.direction for one in material.samples} == {"lower"}
    assert all(one.demonstration.messages[-1].role == "user" for one in material.samples)


def test_both_agents_trajectories_are_there_where_all_are_wanted(own: Path) -> None:
    assert len(open_source(settings(own, source={"one_an_item": False}).source).samples) == 32
    assert open_source(settings(own, source={"policies": [COIN]}).source).policies == (COIN,)


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("sycophancy.words.neutral", "has no direction"),
        ("sycophancy.opinion.both", "values of items"),
        ("truth_accuracy.brier.final", "no row of"),
    ],
)
def test_a_metric_that_makes_no_trajectory_better_is_refused(own: Path, metric: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        open_source(settings(own, metric).source)


def test_a_run_of_the_test_split_is_refused(own: Path, tmp_path: Path) -> None:
    copied = _copy(own, tmp_path / "runs" / "other", split="test")
    with pytest.raises(ConfigError, match="made on the test split"):
        open_source(settings(copied).source)


def test_problems_that_will_be_tested_may_not_be_learnt_from(own: Path) -> None:
    """By id, and by source item under another id; problems of the training split itself share nothing with the test."""
    material, domain = open_source(settings(own).source), open_domain(DICE)
    assert opened(settings(own)).samples == material.samples
    check_apart(material, domain.problems(None, "test"))
    with pytest.raises(ConfigError, match="16 problems of the source are test problems"):
        check_apart(material, domain.problems(None, "train"))
    shared = Material((), frozenset({("forecasting", "new", "the red die")}), (), material.measured, ())
    with pytest.raises(ConfigError, match=r"eval\.split=train"):
        check_apart(shared, [Problem("another", "other", "Which?", options=("a", "b"), cluster="The Red Die")])


def test_the_start_is_the_policy_only_where_that_can_be_trained(own: Path) -> None:
    material = open_source(settings(own).source)
    both = settings(own, model=None)
    with pytest.raises(ConfigError, match="2 policies"):
        start_model(both, Material(material.samples, material.places, (BAYESIAN, COIN), material.measured, ()))
    with pytest.raises(ConfigError, match="no weights"):
        start_model(both, Material(material.samples, material.places, (BAYESIAN,), material.measured, ()))
    trained = Material(material.samples, material.places, ("trained/first/sft",), material.measured, ())
    assert start_model(both, trained) == "trained/first/sft"
    assert start_model(settings(own), material) == "tiny"


def test_rewards_need_answers_of_their_own(own: Path) -> None:
    with pytest.raises(ValueError, match="grpo learns from rewards of what it writes itself"):
        settings(own, methods=["sft", "grpo"])
    with pytest.raises(ValueError, match="no source whose policy"):
        TruthTrainSettings(model=None)


def test_the_plan_counts_the_samples_of_the_source(own: Path) -> None:
    """A quarter of 16 is 4 samples, one batch twice; 6 test problems × 2 × three models are 36 texts."""
    found = truth_train_outlook(settings(own))
    assert [(one.name, one.rows, one.steps) for one in found.trainings] == [("sft", 4, 2)]
    assert found.samples == found.judged == 36
    assert [remark.partition(":")[0] for remark in found.remarks][1] == "few_shot trains nothing"
    assert found.remarks[0].startswith("16 samples of ")
    own = next(line for line in plan_of(found).lines if line.role == "policy")
    assert own.calls[1] == 36 + 3 * 6 * 3  # measured under three conditions, as the run was: none, and two opinions


def test_trained_models_are_measured_as_the_run_was(own: Path) -> None:
    wanted = settings(own)
    how = measuring(wanted, wanted.source, open_source(wanted.source))
    assert isinstance(how, TruthSeekingSettings)
    assert how.eval.models == ("start", "sft", "few_shot") and how.eval.reference == "start"
    assert (how.eval.split, how.eval.n, how.eval.metrics) == ("test", 6, ("truth_accuracy",))
    assert how.mp.predictors == (BAYESIAN, COIN)  # who predicted there predicts here


def test_differences_are_of_problems_that_both_have() -> None:
    """Start .4, .2, –; trained .1, .1, .3: differences −.3 and −.1, mean −.2; the third has no pair."""
    rows = [
        {"item": str(n), "cluster": str(n), "domain": "d", "arm": f"{arm} · direct", "metric": BRIER, "config": "c",
         "direction": "lower", "value": value, "status": "ok" if value is not None else "no_belief"}
        for arm, values in {"start": (0.4, 0.2, None), "sft": (0.1, 0.1, 0.3)}.items()
        for n, value in enumerate(values)
    ]  # fmt: skip
    found = metric_estimates(METRIC_ROWS.frame(rows), seed=0)
    assert found["sft: measured against start"].value == pytest.approx(-0.2)
    assert found["sft: measured against start"].n == 2 and found["sft: measured"].n == 3
    assert found["start: measured"].value == pytest.approx(0.3)


def test_the_whole_way_from_trajectories_to_tested_models(own: Path, tmp_path: Path) -> None:
    """A tiny model imitates the Bayesian's best forecasts; its own are read by grader and by the source's metric."""
    pytest.importorskip("trl")
    recipe = {
        "experiment": "truth-seeking-train",
        "domain": DICE,
        "instruct": False,
        "source": {"run": str(own), "metric": BRIER},
        "methods": ["sft", "few_shot"],
        "selection": {"share": 0.75, "validation": "train"},
        "sft": {"batch_size": 4, "epochs": 1},
        "few_shot": {"count": 1},
        "test_problems": 4,
        "test_samples": 1,
        "max_tokens": 8,
    }
    run = launch(tmp_path / "runs", recipe, "trained")
    tables = {name: pl.read_parquet(run / "tables" / f"{name}.parquet") for name in ("train.samples", "measured")}
    uses = dict(tables["train.samples"]["sft"].drop_nulls().value_counts().iter_rows())
    assert uses == {"training": 8, "validation": 4}  # 12 of 16; of 12, a third is held back
    assert tables["train.samples"]["example"].sum() == 1
    assert set(tables["measured"]["arm"]) == {f"{name} · direct" for name in ("start", "sft", "few_shot")}
    assert set(tables["measured"]["metric"]) == {BRIER} and tables["measured"].height == 3 * 4
    assert json.loads((run / "models" / "sft" / "lineage.json").read_text())["trainer"] == "sft"
    page = (run / "report.html").read_text("utf-8")
    assert "What was learnt from" in page and f"ranked by Brier loss at the end ({BRIER})" in page
    assert (run / "figures" / "change.svg").is_file()
    assert BRIER in (run / "report.html").read_text("utf-8")


def test_a_teacher_shows_answers_after_none_to_so_many_others() -> None:
    """Of two shots: none, one, two, none, …; the third is too long after two, and follows one."""
    shown = [Demonstration(str(n), (Message("user", f"q{n}"),), f"a{n}") for n in range(6)]
    made = after_examples(shown, 2, lambda one: one.item != "2" or len(one.messages) < 5)
    assert [[turn.content for turn in one.messages] for one in made] == [
        ["q0"], ["q0", "a0", "q1"], ["q1", "a1", "q2"], ["q3"], ["q3", "a3", "q4"], ["q3", "a3", "q4", "a4", "q5"],
    ]  # fmt: skip
    assert [one.response for one in made] == [one.response for one in shown]


def test_nothing_left_says_why(own: Path) -> None:
    with pytest.raises(DataError, match="32 of other policies"):
        open_source(settings(own, source={"policies": ["sim/honest"]}).source)
    with pytest.raises(ConfigError, match="its modes are direct"):
        open_source(settings(own, source={"modes": ["self_debate"]}).source)


def _copy(run: Path, to: Path, **changed: Any) -> Path:
    """The run with other settings of `eval` in its manifest."""
    import shutil

    shutil.copytree(run, to)
    manifest = json.loads((to / "manifest.json").read_text())
    manifest["recipe"]["eval"] |= changed
    (to / "manifest.json").write_text(json.dumps(manifest))
    return to


def test_grades_are_kept_under_the_truth_that_they_were_given_by() -> None:
    """The same questions in the same words with another right option are graded anew."""
    problem = open_domain(DICE).problems(1, "test")[0]
    turned = replace(problem, correct=1 - (problem.correct or 0))
    keys = [Noting().key([one]) for one in (problem, problem, turned)]
    assert keys[0] == keys[1] != keys[2]


def test_what_a_grader_in_a_file_says_is_kept_under_its_code(own: Path, tmp_path: Path) -> None:
    """The settings name the file, and not what is in it."""
    file, given, keys = tmp_path / "long.py", settings(own), []
    measured_by = open_source(given.source).measured
    changed = {"eval": measured_by.eval.model_dump() | {"metrics": ["grader"], "split": "test", "n": 2}}
    changed["grader"] = {"spec": f"python?file={file}"}
    how = TruthSeekingSettings.model_validate(measured_by.model_dump() | changed)
    for source in ("1", "1", "2"):
        file.write_text(f"def grade(sample, item):\n    return {source}\n")
        desk = Noting()
        measured(desk, how, "grader.python", {})  # type: ignore[arg-type]
        keys.append(content_hash(desk.inputs))
    assert keys[0] == keys[1] != keys[2]


class Noting:
    """A desk that notes under what a stage would be stored."""

    def identity(self, role: str) -> str:
        return role

    def store(self, name: str, inputs: Any, compute: Any) -> pl.DataFrame:
        self.inputs = inputs
        return pl.DataFrame()

    def key(self, problems: list[Problem]) -> str:
        answers(self, TruthTrainSettings(), "test", problems, {}, 1)  # type: ignore[arg-type]
        return content_hash(self.inputs)
