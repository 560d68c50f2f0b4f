"""What became of each environment variable of TruthSeekingGym: our setting, or why there is none.

One line a variable, in the order in which its documentation has them. The page for users prints this very table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["setting", "option", "command", "training", "analysis", "secret", "environment", "dropped"]
"""`setting`: of the recipe. `option`: behind the name of a mode, a domain or a model. `command`: of the command line.
`training`: of the recipe `truth-seeking-train`. `analysis`: of `veracity analyze`. `secret`: never copied.
`environment`: stays there. `dropped`: has no counterpart, and why."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable."""

    name: str
    kind: Kind
    ours: str
    """Where it went; of a dropped one, why."""


def _of(kind: Kind, table: str) -> Iterator[Variable]:
    for line in table.strip().splitlines():
        names, _, ours = line.strip().partition(" | ")
        for name in names.split():
            yield Variable(name, kind, ours.strip())


_SETTINGS = """
ALGO_NAMES ALGO_NAME | eval.metrics
DOMAIN_NAMES DOMAIN_NAME | eval.domains
REASONING_MODE_NAMES | eval.modes
POLICY_LIST | eval.models
POLICY_LIST_MODE | eval.models; a set is written out, of `neurips` the 18 policies that are published
FORBIDDEN_MODELS | eval.exclude
SYSTEM_PROMPT | eval.system_prompts
NUM_TRAJECTORIES | eval.n
DEFAULT_SPLIT | eval.split
USE_BATCH | batch
RERUN_INCOMPLETE | resume.fill
RECOMPUTE_RESULTS | resume.results
RECOMPUTE_TRAJECTORIES | resume.trajectories
RECOMPUTE_BELIEFS | resume.beliefs
TEMPERATURE | eval.temperature
JUDGE_POLICY_NAMES | judge.models
DISABLE_SYSTEM_PROMPT_IN_BELIEF_MEASUREMENT | belief.system_prompt
USE_FIXED_JUDGE | belief.judge
OBJECTIVE_BELIEF | belief.owner
USE_PER_TRAJ_BELIEF_MEASURE | belief.view; `hindsight` shows a judge the end before it reads the beginning
WITL_RECOMPUTE_POLICY | resume.witl
FORECASTER_TEMPLATE | witl.template
WITL_PER_TOKEN_UPLIFT | witl.per_token
QUAL_INSTRUCTION | qual.rubric
QUAL_INCLUDE_SELF_ANSWER | qual.self_answer
QUAL_RED_TEAM_MODE | qual.adversarial
QUALITATIVE_JUDGE_USE_FEW_SHOT | qual.few_shot.enabled
QUAL_FEW_SHOT_PERMUTE | qual.few_shot.order
QUAL_EXAMPLE_RECOMPUTATION_ROUNDS EXAMPLE_RECOMPUTATION_ROUNDS | qual.few_shot.rounds
QUAL_FEW_SHOT_BOOTSTRAP_ROUNDS | qual.bootstrap.rounds
QUAL_BOOTSTRAP_RESPECT_PERMUTE | qual.bootstrap.permute
FEW_SHOT_SOURCE_PATH QUAL_FEW_SHOT_SOURCE | qual.few_shot.source
FEW_SHOT_BOOTSTRAP_SOURCE_PATH QUAL_FEW_SHOT_BOOTSTRAP_SOURCE | qual.bootstrap.source
BOOTSTRAP_OOD_DOMAINS | auxiliary_domains
BOOTSTRAP_GENERATOR_POLICY | generator
GRADER_SPEC GRADER_TYPE | grader.spec
GRADER_MODEL | grader.model
MP_PREDICTOR_CHOICE | mp.predictor
MP_PREDICTED_CHOICE | mp.predicted
MP_TARGET_QUESTION | mp.target
MP_CONTEXT_QUESTIONS | mp.context
MP_K_CONTEXT | mp.k
MP_TRIALS_PER_SAMPLE | mp.trials
MP_SCORING | mp.scoring
MP_PREDICTEE_BEHAVIOR_EXAMPLES | mp.examples
"""

_OPTIONS = """
BOOTSTRAP_NUM_AUXILIARY | eval.modes: bootstrap_interview?questions=…
BOOTSTRAP_MODE | eval.modes: bootstrap_interview?source=…
BOOTSTRAP_INSTRUCTION_TYPES | eval.modes: bootstrap_interview?style=…, one mode a style
USE_OPENROUTER | eval.models: openrouter/…
USE_RAY | eval.models: ray/…
ANONYMIZE_AUTHORS | eval.domains: openreview?authors=…
HIDE_REVIEWS | eval.domains: openreview?reviews=…
HIDE_REFERENCES | eval.domains: openreview?references=…
MAX_QUESTION_LENGTH | eval.domains: openreview?longest=…
"""

_COMMANDS = """
DIR_NAME RUNS_SUBDIR RUN_ID RUN_ID_SUFFIX | veracity run … --name NAME
"""

_TRAINING = """
TRAINERS TRAINER_TYPE | methods
SFT_USING_EVAL_RESULTS | source.run, the run that DIR_NAME or RUN_ID names; source.metric, the first of ALGO_NAMES
RL_USING_DOMAIN | domain, the first of DOMAIN_NAMES
VALIDATION_STRATEGY | selection.validation
LORA_RANK | sft.lora.rank, grpo.lora.rank
TRAINED_POLICY_NAME_PATTERN | --name; a model is trained/<run>/<method>
SFT_TOP_PERCENTAGE | selection.share
SFT_NUM_EPOCHS | sft.epochs
SFT_LEARNING_RATE | sft.learning_rate
SFT_BATCH_SIZE | sft.batch_size
SFT_GRADIENT_ACCUMULATION_STEPS | sft.accumulation
SFT_WARMUP_RATIO | sft.warmup
SFT_WEIGHT_DECAY | sft.weight_decay
SFT_MAX_SEQ_LENGTH | sft.max_length
SFT_SAVE_STEPS | sft.save_every
SFT_LOGGING_STEPS | every step is logged
FEWSHOT_TOP_COUNT | few_shot.count
FEWSHOT_TOP_PERCENTAGE | few_shot.share
RL_NUM_EPOCHS | grpo.epochs
RL_LEARNING_RATE | grpo.learning_rate
RL_BATCH_SIZE | grpo.batch_size
RL_GRADIENT_ACCUMULATION_STEPS | grpo.accumulation
RL_WARMUP_RATIO | grpo.warmup
RL_KL_COEF | grpo.beta
RL_REWARD_SCALE | a factor is no setting: rewards are divided by their group's deviation
RL_GRADER_TYPE | grader
RL_GRADER_MODEL | roles.judge
RL_NUM_SAMPLES | problems
FORCE_SINGLE_GPU DISABLE_DEEPSPEED | veracity launch CLUSTER run …
"""

_ANALYSIS = """
ANALYZERS | veracity analyze RUN… --analyzers NAMES
REMOVE_N_OUTGROUP_SETUP REMOVE_N_OUTGROUP_ACROSS_SETUPS | performance_comparison.drop, by name; all stay shown beside it
GROUP_MODE_SETUP GROUP_MODE_ACROSS_SETUPS | performance_comparison.groups
ASSIGN_X_COORDS_SETUP ASSIGN_X_COORDS_ACROSS_SETUPS | performance_comparison.x
ELO_CORR_X_TICKS_SETUP ELO_CORR_X_TICKS_ACROSS_SETUPS | performance_comparison.x=name labels each point
ELO_CORR_X_LABEL_SETUP ELO_CORR_X_LABEL_ACROSS_SETUPS | axes say what they show
ELO_CORR_Y_COORDS_SETUP ELO_CORR_Y_COORDS_ACROSS_SETUPS | a metric's direction is data, so nothing is negated by hand
"""

_SECRETS = """
OPENAI_API_KEY ANTHROPIC_API_KEY GOOGLE_API_KEY | stays in the environment; `veracity keys check` finds it
TOGETHER_API_KEY OPENROUTER_API_KEY DEEPSEEK_API_KEY | stays in the environment; `veracity keys check` finds it
HUGGINGFACE_API_KEY WANDB_API_KEY REDIS_PASSWORD | stays in the environment; nothing here reads it into a file
"""

_ENVIRONMENT = """
GOOGLE_CLOUD_PROJECT GOOGLE_CLOUD_LOCATION | as it is
OPENROUTER_REFERER OPENROUTER_TITLE | as it is
CACHE_DIR | VERACITY_CACHE
CUDA_VISIBLE_DEVICES TOKENIZERS_PARALLELISM TORCH_NCCL_AVOID_RECORD_STREAMS | as it is
RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT | as it is; the launcher sets it
RAY_DEDUP_LOGS VERL_LOGGING_LEVEL | as it is
"""

_DROPPED = """
DEBUG SAVE_TO_FILE NO_FILE_LOGGING | every run writes log.jsonl, whole
SHOW_PROGRESS | progress is shown where there is a terminal
PARALLEL_BATCH | everything of a run is asked at once
MAX_WORKERS MAX_CONCURRENT_PER_WORKER_DEFAULT | the pace follows what a server takes, up to a model's own limit
NO_RETRY | what failed is counted, and asked again by the next launch; a backend's retries are its own
PRESENCE_PENALTY | not a parameter here: it changes what is measured
DECOUPLE_TRAJECTORY_BELIEFS | always so
USE_SINGLE_INFERENCE TOTAL_ITERS LEGACY_POLICY_LIST | not documented there
LOCALMODEL_MAX_CONCURRENT | a local model is opened once
LOCALMODEL_USE_API | name the server: vllm/…, sglang/…
DISABLE_REASONING | a model's option `thinking=false`, where the provider has one
DISABLE_RAY_MODEL DISABLE_LOCAL_MODEL | libraries are loaded when they are used
KILLALL | no process of anybody's is ever ended
HALT_BEFORE_LOAD OVERRIDE_MIN_GPUS_PER_INSTANCE PY_EXEC | nothing waits for it here
NO_CACHE | the ledger is what makes a run resumable; `resume.*: always` asks anew
PROMPT_HISTORY_DIR SAFETYTOOLING_PRINT_PROMPTS | every request is in the ledger, every conversation in a table
REDIS_CACHE | the ledger is a file
"""

VARIABLES: dict[str, Variable] = {
    one.name: one
    for kind, table in (
        ("setting", _SETTINGS),
        ("option", _OPTIONS),
        ("command", _COMMANDS),
        ("training", _TRAINING),
        ("analysis", _ANALYSIS),
        ("secret", _SECRETS),
        ("environment", _ENVIRONMENT),
        ("dropped", _DROPPED),
    )
    for one in _of(kind, table)  # type: ignore[arg-type]
}
"""Every variable by name."""
