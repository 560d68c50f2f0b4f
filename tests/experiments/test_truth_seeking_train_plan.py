"""What a training on rewards for beliefs says of itself before it asks or trains anything."""

from __future__ import annotations

import pytest

from veracity.core.config import load_settings
from veracity.experiments.rehearsing import rehearse
from veracity.experiments.truth_seeking_train.experiment import prepare_truth_train
from veracity.experiments.truth_seeking_train.plan import truth_train_outlook
from veracity.experiments.truth_seeking_train.settings import TruthTrainSettings
from veracity.recipes import resolved


def shipped(*overrides: str) -> TruthTrainSettings:
    values = resolved("truth-seeking-train", list(overrides))
    return load_settings(TruthTrainSettings, {k: v for k, v in values.items() if k != "description"})


def test_the_shipped_recipe_tells_trainings_and_texts() -> None:
    """120 × 4 answers, 100 × 2 of each of four models, 30 × 64 completions; 160 rows in batches of 16, 12 times.

    The best quarter of 480, twice, is 8 + 8 batches.
    """
    found = truth_train_outlook(shipped())
    steps = {training.name: training.steps for training in found.trainings}
    assert steps == {"start": 120, "sft": 16, "grpo": 30}
    assert found.samples == found.judged == 120 * 4 + 4 * 100 * 2 + 30 * 64
    assert found.sampled_tokens == found.samples * 28
    assert found.roles == {"teacher": "sim/bayesian?facts=none&noise=0.3"}


def test_a_grader_that_asks_a_model_is_counted_once_a_text() -> None:
    plan = prepare_truth_train(shipped("grader=model", "misformed=null", "roles.judge=sim/judge?facts=none")).plan
    calls = {line.role: line.calls[1] for line in plan.lines}
    assert calls["grader"] == 120 * 4 + 4 * 100 * 2 + 30 * 64 and calls["teacher"] == 160
    assert "grader" not in {line.role for line in prepare_truth_train(shipped()).plan.lines}


def test_a_dry_run_reaches_every_trainer_with_its_settings() -> None:
    """What is not a size is what the recipe says."""
    pytest.importorskip("trl")
    done = rehearse("truth-seeking-train", ["grpo.group_size=4"])
    assert {one.name: one.trainer for one in done.trainings} == {
        "start": "sft", "sft": "sft", "few_shot": "few_shot", "grpo": "grpo",
    }  # fmt: skip
    assert not done.failures
    by_name, recipe = {one.name: one.settings for one in done.trainings}, shipped("grpo.group_size=4")
    assert by_name["grpo"]["learning_rate"] == recipe.grpo.learning_rate
    assert by_name["grpo"]["group_size"] == recipe.grpo.group_size
    assert by_name["sft"]["learning_rate"] == recipe.sft.learning_rate
    assert {"train.answers", "train.samples", "test.answers"} <= set(done.tables)
    assert "python_brier" in done.changes["grader"]
