"""Every variable of the other system has a word here, secrets stay where they are, and recipes can be run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from veracity.cli.app import app
from veracity.core.config import load_settings
from veracity.core.errors import ConfigError, DataError
from veracity.experiments.truth_seeking.environment import read_environment, translate
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
from veracity.experiments.truth_seeking.variables import VARIABLES

THEIRS = """
ALGO_NAMES ALGO_NAME DOMAIN_NAMES DOMAIN_NAME REASONING_MODE_NAMES POLICY_LIST POLICY_LIST_MODE FORBIDDEN_MODELS
SYSTEM_PROMPT ANALYZERS NUM_TRAJECTORIES DIR_NAME RUNS_SUBDIR RUN_ID RUN_ID_SUFFIX DEFAULT_SPLIT DEBUG SAVE_TO_FILE
NO_FILE_LOGGING SHOW_PROGRESS USE_RAY USE_OPENROUTER USE_BATCH PARALLEL_BATCH MAX_WORKERS
MAX_CONCURRENT_PER_WORKER_DEFAULT NO_RETRY RERUN_INCOMPLETE RECOMPUTE_RESULTS RECOMPUTE_TRAJECTORIES RECOMPUTE_BELIEFS
TEMPERATURE PRESENCE_PENALTY JUDGE_POLICY_NAMES DISABLE_SYSTEM_PROMPT_IN_BELIEF_MEASUREMENT USE_FIXED_JUDGE
OBJECTIVE_BELIEF USE_PER_TRAJ_BELIEF_MEASURE DECOUPLE_TRAJECTORY_BELIEFS USE_SINGLE_INFERENCE TOTAL_ITERS
LEGACY_POLICY_LIST WITL_RECOMPUTE_POLICY FORECASTER_TEMPLATE WITL_PER_TOKEN_UPLIFT QUAL_INSTRUCTION
QUAL_INCLUDE_SELF_ANSWER QUAL_RED_TEAM_MODE QUALITATIVE_JUDGE_USE_FEW_SHOT QUAL_FEW_SHOT_PERMUTE
QUAL_EXAMPLE_RECOMPUTATION_ROUNDS EXAMPLE_RECOMPUTATION_ROUNDS QUAL_FEW_SHOT_BOOTSTRAP_ROUNDS
QUAL_BOOTSTRAP_RESPECT_PERMUTE FEW_SHOT_SOURCE_PATH QUAL_FEW_SHOT_SOURCE FEW_SHOT_BOOTSTRAP_SOURCE_PATH
QUAL_FEW_SHOT_BOOTSTRAP_SOURCE BOOTSTRAP_NUM_AUXILIARY BOOTSTRAP_MODE BOOTSTRAP_OOD_DOMAINS BOOTSTRAP_GENERATOR_POLICY
BOOTSTRAP_INSTRUCTION_TYPES GRADER_SPEC GRADER_TYPE GRADER_MODEL MP_PREDICTOR_CHOICE MP_PREDICTED_CHOICE
MP_TARGET_QUESTION MP_CONTEXT_QUESTIONS MP_K_CONTEXT MP_TRIALS_PER_SAMPLE MP_SCORING MP_PREDICTEE_BEHAVIOR_EXAMPLES
REMOVE_N_OUTGROUP_SETUP REMOVE_N_OUTGROUP_ACROSS_SETUPS GROUP_MODE_SETUP GROUP_MODE_ACROSS_SETUPS ASSIGN_X_COORDS_SETUP
ASSIGN_X_COORDS_ACROSS_SETUPS ELO_CORR_X_TICKS_SETUP ELO_CORR_X_TICKS_ACROSS_SETUPS ELO_CORR_X_LABEL_SETUP
ELO_CORR_X_LABEL_ACROSS_SETUPS ELO_CORR_Y_COORDS_SETUP ELO_CORR_Y_COORDS_ACROSS_SETUPS TRAINERS TRAINER_TYPE
SFT_USING_EVAL_RESULTS RL_USING_DOMAIN VALIDATION_STRATEGY LORA_RANK TRAINED_POLICY_NAME_PATTERN SFT_TOP_PERCENTAGE
SFT_NUM_EPOCHS SFT_LEARNING_RATE SFT_BATCH_SIZE SFT_GRADIENT_ACCUMULATION_STEPS SFT_WARMUP_RATIO SFT_WEIGHT_DECAY
SFT_MAX_SEQ_LENGTH SFT_SAVE_STEPS SFT_LOGGING_STEPS FEWSHOT_TOP_COUNT FEWSHOT_TOP_PERCENTAGE RL_NUM_EPOCHS
RL_LEARNING_RATE RL_BATCH_SIZE RL_GRADIENT_ACCUMULATION_STEPS RL_WARMUP_RATIO RL_KL_COEF RL_REWARD_SCALE RL_GRADER_TYPE
RL_GRADER_MODEL RL_NUM_SAMPLES FORCE_SINGLE_GPU DISABLE_DEEPSPEED LOCALMODEL_MAX_CONCURRENT LOCALMODEL_USE_API
DISABLE_REASONING DISABLE_RAY_MODEL DISABLE_LOCAL_MODEL KILLALL HALT_BEFORE_LOAD OVERRIDE_MIN_GPUS_PER_INSTANCE PY_EXEC
ANONYMIZE_AUTHORS HIDE_REVIEWS HIDE_REFERENCES MAX_QUESTION_LENGTH OPENAI_API_KEY ANTHROPIC_API_KEY GOOGLE_API_KEY
TOGETHER_API_KEY OPENROUTER_API_KEY DEEPSEEK_API_KEY HUGGINGFACE_API_KEY WANDB_API_KEY GOOGLE_CLOUD_PROJECT
GOOGLE_CLOUD_LOCATION OPENROUTER_REFERER OPENROUTER_TITLE NO_CACHE CACHE_DIR PROMPT_HISTORY_DIR REDIS_CACHE
REDIS_PASSWORD SAFETYTOOLING_PRINT_PROMPTS CUDA_VISIBLE_DEVICES TOKENIZERS_PARALLELISM
TORCH_NCCL_AVOID_RECORD_STREAMS RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT RAY_DEDUP_LOGS
VERL_LOGGING_LEVEL
""".split()  # noqa: SIM905 - one a line would be a page and a half


def test_every_variable_is_known_and_no_other() -> None:
    assert set(VARIABLES) == set(THEIRS)


def test_the_page_for_users_has_the_same_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "truth-seeking.md").read_text("utf-8")
    for one in VARIABLES.values():
        assert f"| `{one.name}` | {one.kind} | {one.ours} |" in page


def test_an_environment_becomes_a_recipe_that_can_be_run() -> None:
    text = """
    export ALGO_NAMES=GroundTruthAccuracy,MartingaleStrategy,SycophanticReasoning   # three
    DOMAIN_NAMES=Forecasting,OpenReview REASONING_MODE_NAMES=ChainOfThought,BootstrapInterview
    POLICY_LIST="gpt-4.1-mini,Qwen/Qwen3-0.6B"
    BOOTSTRAP_MODE=llm_adaptive BOOTSTRAP_INSTRUCTION_TYPES=socratic,curriculum BOOTSTRAP_NUM_AUXILIARY=2
    HIDE_REVIEWS=1 NUM_TRAJECTORIES=50 OBJECTIVE_BELIEF=0 RECOMPUTE_BELIEFS=always
    MP_K_CONTEXT=5 SYSTEM_PROMPT=epistemic_humility,critical TEMPERATURE=0.25 USE_FIXED_JUDGE=0
    """
    settings = load_settings(TruthSeekingSettings, dict(translate(read_environment(text)).recipe))
    asked = settings.eval
    assert asked.metrics == ("truth_accuracy", "martingale", "sycophancy")
    assert asked.domains == ("forecasting", "openreview?reviews=false")
    assert asked.models == ("gpt-4.1-mini", "hf/Qwen/Qwen3-0.6B")
    assert asked.modes[1:] == tuple(
        f"bootstrap_interview?questions=2&source=llm_adaptive&style={style}" for style in ("socratic", "curriculum")
    )
    assert (asked.n, asked.temperature, asked.system_prompts) == (50, 0.25, ("epistemic-humility", "critical"))
    assert (settings.belief.owner, settings.belief.judge) == ("judge_own", "policy")
    assert settings.resume.beliefs == "always" and settings.mp.k == 5


def test_openrouter_is_asked_where_it_is_wanted_and_has_the_model() -> None:
    given = {"POLICY_LIST": "gpt-o3,Qwen/Qwen3-0.6B", "JUDGE_POLICY_NAMES": "gpt-4.1", "USE_RAY": "1"}
    recipe = translate(given | {"USE_OPENROUTER": "1"}).recipe
    assert recipe["eval"]["models"] == ["openrouter/openai/o3", "ray/hf/Qwen/Qwen3-0.6B"]
    assert recipe["judge"]["models"] == ["openrouter/openai/gpt-4.1"]
    assert translate(given | {"USE_OPENROUTER": "0"}).recipe["eval"]["models"][0] == "gpt-o3"


def test_secrets_are_named_and_never_copied(tmp_path: Path) -> None:
    env, out = tmp_path / ".env", tmp_path / "recipe.yaml"
    env.write_text(
        "OPENAI_API_KEY=sk-not-to-be-seen\nREDIS_PASSWORD=hush-hush\nALGO_NAME=GroundTruthAccuracy\nKILLALL=1\n"
    )
    result = CliRunner().invoke(app, ["import-env", str(env), "--out", str(out)])
    assert result.exit_code == 0, result.output
    everything = result.output + out.read_text()
    assert "sk-not-to-be-seen" not in everything and "hush-hush" not in everything
    assert "OPENAI_API_KEY: secret" in result.output and "KILLALL: dropped" in result.output
    assert yaml.safe_load(out.read_text()) == {"experiment": "truth-seeking", "eval": {"metrics": ["truth_accuracy"]}}


def test_unknown_variables_are_named_with_the_nearest() -> None:
    (note,) = translate({"NUM_TRAJECTORIE": "5"}).notes
    assert note.kind is None and "NUM_TRAJECTORIES" in note.said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALGO_NAMES", "GroundTruth"),
        ("DOMAIN_NAMES", "Forcasting"),
        ("NUM_TRAJECTORIES", "many"),
        ("RECOMPUTE_BELIEFS", "sometimes"),
        ("USE_BATCH", "perhaps"),
        ("SYSTEM_PROMPT", "You are an honest assistant."),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        translate({name: value})


def test_the_papers_policies_are_written_out_and_the_others_named_as_missing() -> None:
    found = translate({"POLICY_LIST_MODE": "neurips", "POLICY_LIST": "gpt-4.1"})
    settings = load_settings(TruthSeekingSettings, dict(found.recipe))
    assert len(settings.eval.models) * len(settings.eval.system_prompts) == 18
    assert "18 of their 21" in found.notes[0].said and "comes before it" in found.notes[1].said


def test_a_command_over_several_lines_gives_its_variables() -> None:
    text = (
        "# three\\\nNUM_TRAJECTORIES=5 \\\nTEMPERATURE=1 \\\n\\\npython -m scripts.run_reasoning\nDEFAULT_SPLIT=test \\"
    )
    read = read_environment(text)
    assert read == {"NUM_TRAJECTORIES": "5", "TEMPERATURE": "1", "DEFAULT_SPLIT": "test"}
    with pytest.raises(DataError, match="line 2"):
        read_environment("TEMPERATURE=1\nNUM_TRAJECTORIES=5 'open \\\n\nTEMPERATURE=2")


def test_lines_that_are_no_variables_are_refused_without_their_words() -> None:
    with pytest.raises(DataError, match="line 2") as error:
        read_environment("A=1\nsk-secret-alone\n")
    assert "sk-secret" not in str(error.value)
    assert read_environment("ALGO_NAME=X python -m scripts.run_reasoning") == {"ALGO_NAME": "X"}


def test_all_wrong_values_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        translate({"ALGO_NAMES": "bias_eval", "TEMPERATURE": "0.7", "RECOMPUTE_BELIEFS": "0", "NUM_TRAJECTORIES": "x"})
    assert [line.partition(":")[0].partition("=")[0] for line in str(error.value).splitlines()] == [
        "ALGO_NAMES", "RECOMPUTE_BELIEFS", "NUM_TRAJECTORIES",
    ]  # fmt: skip


def test_a_name_is_guessed_where_it_is_nearly_one_and_a_split_of_ours_is_told() -> None:
    said = {note.variable: note.said for note in translate(
        {"REASONNG_MODE_NAMES": "x", "MARTINGALE_REGULARIZATION_STRENGTH": "1", "NUM_TRAJECTORIES": "20"}
    ).notes}  # fmt: skip
    assert "did you mean 'REASONING_MODE_NAMES'?" in said["REASONNG_MODE_NAMES"]
    assert "did you mean" not in said["MARTINGALE_REGULARIZATION_STRENGTH"]
    assert said["NUM_TRAJECTORIES"] == "eval.n; with it eval.split=train, as theirs is"
