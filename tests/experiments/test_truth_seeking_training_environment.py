"""Every variable of training becomes a setting with its value, and what comes out is a recipe that can be planned."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from veracity.cli.app import app
from veracity.core.config import load_settings
from veracity.core.errors import ConfigError
from veracity.experiments.truth_seeking.environment import read_environment
from veracity.experiments.truth_seeking.training_environment import Part, parts_of, translate_training
from veracity.experiments.truth_seeking.variables import VARIABLES
from veracity.experiments.truth_seeking_train.settings import TruthTrainSettings

MODEL = {"POLICY_LIST": "Qwen/Qwen3-0.6B"}
EACH: dict[str, tuple[str, Part, str, object]] = {
    "TRAINERS": ("SFTTrainer", "imitation", "methods", ("sft",)),
    "TRAINER_TYPE": ("rl", "reinforcement", "methods", ("grpo",)),
    "RL_USING_DOMAIN": ("1", "reinforcement", "domain", "forecasting"),
    "VALIDATION_STRATEGY": ("gt", "imitation", "selection.validation", "gt"),
    "LORA_RANK": ("16", "reinforcement", "grpo.lora.rank", 16),
    "SFT_TOP_PERCENTAGE": ("0.1", "imitation", "selection.share", 0.1),
    "SFT_NUM_EPOCHS": ("2", "imitation", "sft.epochs", 2),
    "SFT_LEARNING_RATE": ("1e-5", "imitation", "sft.learning_rate", 1e-5),
    "SFT_BATCH_SIZE": ("4", "imitation", "sft.batch_size", 4),
    "SFT_GRADIENT_ACCUMULATION_STEPS": ("4", "imitation", "sft.accumulation", 4),
    "SFT_WARMUP_RATIO": ("0.1", "imitation", "sft.warmup", 0.1),
    "SFT_WEIGHT_DECAY": ("0.01", "imitation", "sft.weight_decay", 0.01),
    "SFT_MAX_SEQ_LENGTH": ("2048", "imitation", "sft.max_length", 2048),
    "SFT_SAVE_STEPS": ("100", "imitation", "sft.save_every", 100),
    "FEWSHOT_TOP_COUNT": ("100", "imitation", "few_shot.count", 100),
    "FEWSHOT_TOP_PERCENTAGE": ("0.1", "imitation", "few_shot.share", 0.1),
    "RL_NUM_EPOCHS": ("1", "reinforcement", "grpo.epochs", 1),
    "RL_LEARNING_RATE": ("1e-6", "reinforcement", "grpo.learning_rate", 1e-6),
    "RL_BATCH_SIZE": ("4", "reinforcement", "grpo.batch_size", 4),
    "RL_GRADIENT_ACCUMULATION_STEPS": ("4", "reinforcement", "grpo.accumulation", 4),
    "RL_WARMUP_RATIO": ("0.1", "reinforcement", "grpo.warmup", 0.1),
    "RL_KL_COEF": ("0.1", "reinforcement", "grpo.beta", 0.1),
    "RL_GRADER_TYPE": ("python", "reinforcement", "grader", "python_brier"),
    "RL_GRADER_MODEL": ("o4-mini", "reinforcement", "roles.judge", "o4-mini"),
    "RL_NUM_SAMPLES": ("100", "reinforcement", "problems", 100),
}
NO_SETTING = {"SFT_USING_EVAL_RESULTS", "TRAINED_POLICY_NAME_PATTERN", "SFT_LOGGING_STEPS", "RL_REWARD_SCALE",
              "FORCE_SINGLE_GPU", "DISABLE_DEEPSPEED"}  # fmt: skip


def test_every_variable_of_training_is_looked_at() -> None:
    assert set(EACH) | NO_SETTING == {one.name for one in VARIABLES.values() if one.kind == "training"}


@pytest.mark.parametrize("name", EACH)
def test_each_becomes_its_setting_with_its_value(name: str) -> None:
    value, part, path, wanted = EACH[name]
    found: object = load_settings(TruthTrainSettings, dict(translate_training({**MODEL, name: value}, part).recipe))
    for key in path.split("."):
        found = getattr(found, key)
    assert found == wanted
    others = [one for one in VARIABLES[name].ours.split(", ") if "." in one and " " not in one]
    assert not others or any(path in one for one in others)


@pytest.mark.parametrize("name", sorted(NO_SETTING - {"SFT_USING_EVAL_RESULTS"}))
def test_what_is_no_setting_has_a_word(name: str) -> None:
    _, note = translate_training({**MODEL, name: "1"}, "reinforcement").notes
    assert (note.variable, note.said) == (name, VARIABLES[name].ours)


def test_the_readmes_reinforcement_is_a_recipe_that_can_be_planned(tmp_path: Path) -> None:
    """A batch of 4 of a forward pass, 4 of which are a step: 16 completions, in groups of 4."""
    env, out = tmp_path / ".env", tmp_path / "rl.yaml"
    env.write_text(
        "TRAINER_TYPE=rl POLICY_LIST_MODE=Qwen/Qwen3-0.6B DOMAIN_NAME=Forecasting GRADER_TYPE=python_brier "
        "RL_NUM_SAMPLES=100 VALIDATION_STRATEGY=train RL_BATCH_SIZE=4 RL_GRADIENT_ACCUMULATION_STEPS=4 "
        "accelerate launch -m scripts.run_trainers\n"
    )
    done = CliRunner().invoke(app, ["import-env", str(env), "--training", "reinforcement", "--out", str(out)])
    assert done.exit_code == 0, done.output
    recipe = yaml.safe_load(out.read_text())
    assert recipe == {
        "experiment": "truth-seeking-train", "model": "hf/Qwen/Qwen3-0.6B", "methods": ["grpo"],
        "domain": "forecasting", "grader": "python_brier", "max_tokens": 4096, "problems": 100,
        "grpo": {"batch_size": 16, "accumulation": 4, "max_completion_length": 4096, "group_size": 4},
    }  # fmt: skip
    recipe["model"] = "tiny"  # whose size is known without a network
    out.write_text(yaml.safe_dump(recipe))
    planned = CliRunner().invoke(app, ["run", str(out), "--plan"])
    assert planned.exit_code == 0 and "grpo" in planned.output, planned.output


def test_imitation_learns_from_the_run_that_was_evaluated() -> None:
    text = """
    export ALGO_NAMES=QualitativeJudge DIR_NAME=run-mine SFT_USING_EVAL_RESULTS=1 RL_USING_DOMAIN=1
    export TRAINERS=all SFT_TOP_PERCENTAGE=0.1 FEWSHOT_TOP_COUNT=100 LORA_RANK=8 POLICY_LIST=Qwen/Qwen3-0.6B
    """
    environment = read_environment(text)
    assert parts_of(environment) == ("imitation", "reinforcement")
    found = load_settings(TruthTrainSettings, dict(translate_training(environment, "imitation").recipe))
    assert found.source is not None and (found.source.run, found.source.metric) == ("run-mine", "qualitative.overall")
    assert (found.methods, found.selection.share, found.few_shot.count) == (("sft", "few_shot"), 0.1, 100)
    assert found.sft.lora is not None and (found.sft.lora.rank, found.sft.lora.alpha_ratio) == (8, 2.0)
    assert (
        load_settings(TruthTrainSettings, dict(translate_training(environment, "reinforcement").recipe)).source is None
    )


@pytest.mark.parametrize(
    ("environment", "part", "wrong"),
    [
        ({}, "imitation", "POLICY_LIST"),
        ({**MODEL, "SFT_USING_EVAL_RESULTS": "1"}, "imitation", "RUN_ID or DIR_NAME"),
        ({**MODEL, "TRAINERS": "SFTTrainer"}, "reinforcement", "no reinforcement"),
        ({**MODEL, "TRAINERS": "PPOTrainer"}, "imitation", "TRAINERS"),
        ({**MODEL, "SFT_NUM_EPOCHS": "two"}, "imitation", "SFT_NUM_EPOCHS"),
        ({**MODEL, "SFT_USING_EVAL_RESULTS": "1", "RUN_ID": "a", "ALGO_NAME": "SycophanticReasoning"}, "imitation",
         "no score"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_by_name(environment: dict[str, str], part: Part, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        translate_training(environment, part)


def test_the_evaluation_names_the_trainings(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("ALGO_NAME=GroundTruthAccuracy\nSFT_TOP_PERCENTAGE=0.1\nTRAINERS=SFTTrainer\n")
    done = CliRunner().invoke(app, ["import-env", str(env)])
    assert done.exit_code == 0 and "for what trains: --training imitation" in done.output
