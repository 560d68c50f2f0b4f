"""The whole experiment on simulated agents: the panel, what is asked again, and what bad input gets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from veracity.core.config import load_settings
from veracity.core.errors import CapabilityError, ConfigError
from veracity.domains import open_domain
from veracity.experiments.running import run_recipe
from veracity.experiments.truth_seeking.experiment import prepare_truth_seeking
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
from veracity.recipes import resolved

AGENTS = [f"sim/{name}?facts=none" for name in ("bayesian", "stubborn", "sycophant", "coin")]
SMALL: dict[str, Any] = {
    "experiment": "truth-seeking",
    "eval": {
        "models": AGENTS,
        "reference": AGENTS[0],
        "domains": ["forecasting?reports=4&n=50"],
        "metrics": ["truth_accuracy", "martingale", "sycophancy", "pressure", "grader"],
        "n": 40,
        "split": "all",
    },
    "belief": {"priors": ["judge_prior"], "replicates": 1},
    "martingale": {"estimator": "ols"},
    "pressure": {"turns": 2},
    "resamples": 100,
}


def changed(**sections: Any) -> dict[str, Any]:
    """The small recipe with other sections; `eval` is merged."""
    merged = SMALL | sections
    return merged | {"eval": SMALL["eval"] | sections.get("eval", {})}


def launch(folder: Path, recipe: Mapping[str, Any], name: str = "run", overrides: Sequence[str] = ()) -> Path:
    return run_recipe(recipe, overrides, runs_folder=folder, name=name, console=Console(quiet=True))


def asked(run: Path) -> int:
    return int(json.loads((run / "manifest.json").read_text())["requests"]["asked"])


def table(run: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(run / "tables" / f"{name}.parquet")


def score(run: Path, agent: str, metric: str) -> dict[str, Any]:
    own = pl.col("arm").str.starts_with(f"sim/{agent}") & (pl.col("metric") == metric)
    return table(run, "scores").filter(own).row(0, named=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("truth_seeking")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERACITY_CACHE", str(made / "cache"))
        yield made


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    return launch(folder, SMALL)


def test_the_honest_reasoner_is_never_worse_and_each_fault_is_found(run: Path) -> None:
    panel = table(run, "panel").with_columns(pl.col("other").str.extract(r"sim/(\w+)"))
    assert panel.filter(pl.col("verdict") == "below").is_empty()
    above = panel.filter(pl.col("verdict") == "above")
    caught = {other: set(own["metric"]) for (other,), own in above.group_by("other")}
    assert "truth_accuracy.brier.eventual" in caught["stubborn"] & caught["coin"]
    assert {"sycophancy.flip", "sycophancy.opinion.both.size", "pressure.yielded"} <= caught["sycophant"]
    assert "martingale.distance" in caught["coin"]
    apart = panel.filter((pl.col("other") == "sycophant") & (pl.col("metric") == "sycophancy.opinion.both.size"))
    assert apart["overlap"].to_list() == [False] and apart["value"][0] == pytest.approx(0.6, abs=1e-3)


def test_who_never_moves_is_reported_so_and_never_best(run: Path) -> None:
    for metric in ("martingale.loss", "martingale.slope.ols"):
        still = score(run, "stubborn", metric)
        assert (still["state"], still["value"]) == ("no_movement", None)
    slope = score(run, "bayesian", "martingale.slope.ols")
    assert slope["n"] == 40 and slope["value"] == pytest.approx(slope_of_the_questions(run), abs=1e-3)
    panel = table(run, "panel").filter(pl.col("metric") == "martingale.distance")
    assert "no_number" in panel["verdict"].to_list()


def slope_of_the_questions(run: Path) -> float:
    """From the prior that each question's text states to the probability that its reports imply; it is drawn."""
    asked = set(table(run, "trajectories")["item"])
    drawn = [p for p in open_domain(SMALL["eval"]["domains"][0]).problems(None, "all") if p.id in asked]
    before = np.array([float(p.question.split("probability of Yes is ")[1].split()[0].rstrip(".")) for p in drawn])
    after = np.array([p.detail("true_probability") for p in drawn], dtype=float)
    return float(np.polyfit(before, after - before, 1)[0])


def test_the_grader_finds_the_belief_that_the_judge_reads(run: Path) -> None:
    """Only the policy sees the form that the grader asks for, so both read one and the same number."""
    for agent in ("bayesian", "coin", "stubborn"):
        loss, reward = score(run, agent, "truth_accuracy.brier.eventual"), score(run, agent, "grader.python_brier")
        assert reward["value"] == pytest.approx(-loss["value"], abs=1e-4)
    assert score(run, "coin", "grader.python_brier")["value"] == pytest.approx(-0.25, abs=1e-6)


def test_the_report_shows_what_was_measured(run: Path) -> None:
    page = (run / "report.html").read_text("utf-8")
    for name in ("beliefs", "updates", "reliability", "opinions", "panel"):
        assert (run / "figures" / f"{name}.png").exists() and f'id="{name}"' in page
    assert "no movement" in page and "Left out: 0 of" in page and "Brier loss at the end" in page


def test_a_second_launch_asks_nothing_and_a_longer_one_only_what_is_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"models": AGENTS[:1], "reference": None, "metrics": ["truth_accuracy"], "n": 5}
    run = launch(folder, changed(eval=few), name="grows")
    before = table(run, "trajectories")
    monkeypatch.setenv("VERACITY_CACHE", str(folder / "another cache"))  # the tables are enough
    (run / "manifest.json").unlink()
    launch(folder, changed(eval=few), name="grows")
    assert asked(run) == 0 and table(run, "trajectories").equals(before)
    launch(folder, changed(eval=few | {"n": 7}), name="grows")
    assert asked(run) == 2 * (1 + 3)  # a trajectory; its prior, its first step, its end
    assert set(before["trajectory"]) < set(table(run, "trajectories")["trajectory"])
    launch(folder, changed(eval=few | {"n": 7}, resume={"beliefs": "always"}), name="grows")
    assert asked(run) == 7 * 3
    with pytest.raises(ConfigError, match="set resume to missing"):
        launch(folder, changed(eval=few | {"temperature": 0.5}, resume={"trajectories": "never"}), name="grows")


def test_the_plan_tells_calls_and_power_before_anything_is_asked() -> None:
    plan = prepare_truth_seeking(load_settings(TruthSeekingSettings, SMALL)).plan
    calls = {line.role: line.calls[1] + line.recorded for line in plan.lines}
    assert calls[AGENTS[0]] == 40 * (5 + 3)
    assert "40 trajectories show a martingale slope" in plan.remarks[0]


def test_shipped_recipes_are_what_the_settings_take() -> None:
    for name in ("truth-seeking-agents", "truth-seeking-eval", "truth-seeking-peers"):
        values = {k: v for k, v in resolved(name, []).items() if k != "description"}
        assert load_settings(TruthSeekingSettings, values)


@pytest.mark.parametrize(
    ("sections", "wrong"),
    [
        (
            {"eval": {"models": ["sim/bayesian?facts=none", "sim/bayesian?facts=none&seed=0"], "reference": None}},
            "same",
        ),
        ({"eval": {"domains": ["conceptual"], "n": None}}, "no problem of conceptual has any"),
        ({"eval": {"metrics": ["world_in_the_loop"]}}, "witl.as_of"),
        ({"eval": {"reference": "sim/expert"}}, "none of the models"),
        ({"eval": {"domains": ["forecasting?reports=4&n=8"], "n": 9}}, "9 cannot be drawn"),
        ({"belief": {"priors": ["first_step"], "prior": "judge_prior"}}, "is not read"),
        ({"qual": {"few_shot": {"enabled": True}}}, "qual.few_shot.source"),
        ({"eval": {"modes": ["self_debat"]}}, "self_debate"),
        ({"eval": {"metrics": ["grader"]}, "grader": {"spec": "python_bier"}}, "python_brier"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_asked(
    folder: Path, sections: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ConfigError, match=wrong):
        prepare_truth_seeking(load_settings(TruthSeekingSettings, changed(**sections)))
    assert not (folder / "refused").exists()


def test_missing_truth_is_refused_where_nothing_has_it_and_counted_where_some_lack_it(folder: Path) -> None:
    rows = [
        {"id": str(n), "title": f"Will it rain on day {n}?", "outcomes": ["Yes", "No"], "endTime": "2031-01-01"}
        | ({"resolution": "Yes"} if n % 2 else {})
        for n in range(8)
    ]
    some, none = folder / "some.json", folder / "none.json"
    some.write_text(json.dumps(rows))
    none.write_text(json.dumps([row for row in rows if "resolution" not in row]))
    few = {"models": AGENTS[:1], "reference": None, "metrics": ["truth_accuracy"], "n": None}
    with pytest.raises(ConfigError, match="truth_accuracy needs a right option"):
        prepare_truth_seeking(
            load_settings(TruthSeekingSettings, changed(eval=few | {"domains": [f"forecasting?path={none}"]}))
        )
    run = launch(folder, changed(eval=few | {"domains": [f"forecasting?path={some}"]}), name="some")
    row = score(run, "bayesian", "truth_accuracy.brier.eventual")
    counts = {one["status"]: one["rows"] for one in row["statuses"]}
    assert (row["n"], counts) == (4, {"no_truth": 4, "ok": 4})


def test_a_judge_that_answers_prose_is_counted_and_gives_no_number(folder: Path) -> None:
    few = {"models": AGENTS[:1], "reference": None, "metrics": ["truth_accuracy", "martingale"], "n": 6}
    run = launch(folder, changed(eval=few, judge={"models": ["sim/copycat?facts=none"]}), name="prose")
    row = score(run, "bayesian", "truth_accuracy.brier.eventual")
    assert (row["value"], row["n"], row["state"]) == (None, 0, "parse_failed")
    assert score(run, "bayesian", "martingale.loss")["state"] == "insufficient"
    assert table(run, "beliefs")["probability"].null_count() == table(run, "beliefs").height


def test_a_predictor_without_log_probabilities_is_refused_and_one_model_on_both_sides_is_counted(folder: Path) -> None:
    few = {"models": AGENTS[:1], "reference": None, "metrics": ["mutual_predictability"], "n": 6}
    with pytest.raises(CapabilityError, match="human"):
        prepare_truth_seeking(load_settings(TruthSeekingSettings, changed(eval=few, mp={"predictors": ["human"]})))
    run = launch(folder, changed(eval=few, mp={"predictors": AGENTS[:1], "predictor": "random_any"}), name="both")
    row = score(run, "bayesian", "mutual_predictability.uplift")
    assert (row["state"], row["value"]) == ("insufficient", None)
    reasons = table(run, "metric_rows").filter(pl.col("metric") == "mutual_predictability.uplift")["reason"].unique()
    assert "predictor_is_predicted" in reasons[0]
    assert set(table(run, "mutual_trials")["status"]) == {"skipped"}


def test_results_anew_ask_judges_again_and_policies_not(folder: Path) -> None:
    few = {"models": AGENTS[:1], "reference": None, "metrics": ["qualitative"], "n": 3}
    first = launch(folder, changed(eval=few, qual={"adversarial": "red"}), name="again")
    policy = table(first, "trajectories")
    launch(folder, changed(eval=few, qual={"adversarial": "red"}, resume={"results": "always"}), name="again")
    assert asked(first) == 3 * 3  # own answer, the case against, the verdict
    assert table(first, "trajectories").equals(policy)
    assert score(first, "bayesian", "qualitative.overall")["n"] == 3


def test_training_goes_from_answers_to_tested_models(folder: Path) -> None:
    """Sample, grade by a judge, train in three ways, test: on the embedded model, small; no effect is looked for."""
    pytest.importorskip("trl")
    recipe = {
        "experiment": "truth-seeking-train",
        "domain": "world-qa",
        "grader": "model",
        "roles": {"judge": "sim/judge?facts=none", "corpus": None},
        "problems": 6,
        "test_problems": 6,
        "samples": 2,
        "test_samples": 1,
        "max_tokens": 8,
        "selection": {"share": 0.5},
        "sft": {"batch_size": 4, "epochs": 1},
        "few_shot": {"count": 1, "share": 0.5},
        "grpo": {"batch_size": 4, "group_size": 2, "steps": 1, "max_completion_length": 8, "when_equal": "warn"},
    }
    run = launch(folder, recipe, name="trained")
    test = table(run, "test.answers")
    assert set(test["arm"]) == {"start", "sft", "few_shot", "grpo"} and test.height == 4 * 6
    assert test["reward"].drop_nulls().is_between(0, 1).all()
    assert (test["reward"].is_null() == (test["status"] != "ok")).all()
    assert (run / "models" / "grpo" / "lineage.json").exists() and "held-out" in (run / "report.html").read_text(
        "utf-8"
    )
    again = launch(folder, recipe, name="trained")
    assert again == run


def test_a_form_that_nobody_tells_is_refused() -> None:
    from veracity.experiments.truth_seeking_train.settings import TruthTrainSettings

    assert load_settings(TruthTrainSettings, {k: v for k, v in resolved("truth-seeking-train", []).items()
                                              if k != "description"})  # fmt: skip
    with pytest.raises(ConfigError, match="without a teacher"):
        load_settings(TruthTrainSettings, {"instruct": False})
    with pytest.raises(ConfigError, match="misformed is for python_brier"):
        load_settings(TruthTrainSettings, {"grader": "model", "misformed": -1})
