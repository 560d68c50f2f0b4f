"""From an environment of TruthSeekingGym to a recipe that trains: `imitation` (SFT, few-shot) or `reinforcement` (RL).

There both are one script; here imitation learns from the trajectories of a run that was evaluated, and reinforcement
from rewards for answers that it samples itself, so each has a recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from veracity.core.errors import ConfigError
from veracity.experiments.truth_seeking.environment import (
    DOMAINS,
    GRADERS,
    METRICS,
    MODEL_SETS,
    Note,
    Translation,
    model_of,
    put,
)
from veracity.experiments.truth_seeking.values import Rule, flag, listed, named, number, one_of, whole
from veracity.experiments.truth_seeking.variables import VARIABLES

Part = Literal["imitation", "reinforcement"]
TRAINERS = {"SFTTrainer": "sft", "FewShotTrainer": "few_shot", "RLTrainer": "grpo"}
KINDS = {"sft": "sft", "fewshot": "few_shot", "few_shot": "few_shot", "rl": "grpo"}
METHODS: Mapping[Part, tuple[str, ...]] = {"imitation": ("sft", "few_shot"), "reinforcement": ("grpo",)}
SCORED = {
    "truth_accuracy": "truth_accuracy.brier.eventual",
    "martingale": "martingale.weight.total",
    "mutual_predictability": "mutual_predictability.uplift",
    "world_in_the_loop": "world_in_the_loop.uplift",
    "qualitative": "qualitative.overall",
}
"""By metric, the value of single trajectories that they are chosen by."""
READ = {
    "POLICY_LIST": "model",
    "POLICY_LIST_MODE": "model, if it is one",
    **dict.fromkeys(("DOMAIN_NAMES", "DOMAIN_NAME"), "domain, if problems are sampled"),
    **dict.fromkeys(("ALGO_NAMES", "ALGO_NAME"), "source.metric, if a run is learnt from"),
    **dict.fromkeys(("RUN_ID", "DIR_NAME"), "source.run, if a run is learnt from"),
    "GRADER_TYPE": "grader, where RL_GRADER_TYPE says nothing",
    "GRADER_MODEL": "roles.judge, where RL_GRADER_MODEL says nothing",
}
"""Variables of evaluation that a training reads, too."""
LONGEST = 4096
"""Tokens of an answer, as theirs is."""


def parts_of(environment: Mapping[str, str]) -> tuple[Part, ...]:
    """The trainings that an environment asks for. ConfigError for a trainer that nobody knows."""
    methods = _methods(environment)
    return tuple(part for part, ours in METHODS.items() if set(ours) & set(methods))


def translate_training(environment: Mapping[str, str], part: Part) -> Translation:
    """The training recipe that an environment means, with a note on every variable of training.

    Raises:
        ConfigError: values that their variables cannot have, all of them at once; no model, or no run to learn from.
    """
    recipe: dict[str, Any] = {"experiment": "truth-seeking-train"}
    notes, wrong = [], []
    for read in (_model, _methods_of(part), _source if part == "imitation" else _problems, _grader):
        try:
            read(recipe, environment)
        except ConfigError as error:
            wrong.append(str(error))
    recipe |= {"max_tokens": LONGEST} if "source" not in recipe else {}
    for name, value in environment.items():
        known = VARIABLES.get(name)
        if name in READ and value.strip():
            several = len(listed(name, value)) > 1
            notes.append(Note(name, "training", READ[name] + ("; the first of them" if several else "")))
        if known is None or known.kind != "training" or not value.strip():
            continue
        try:
            paths = _paths(name, part)
            for path in paths:
                _set(recipe, path, name, value.strip(), environment)
        except ConfigError as error:
            wrong.append(str(error))
            continue
        notes.append(Note(name, "training", ", ".join(paths) or _elsewhere(name, part)))
    if wrong:
        raise ConfigError("\n".join(dict.fromkeys(wrong)))
    if part == "reinforcement":
        _grouped(recipe)
    return Translation(recipe, tuple(notes))


def _elsewhere(name: str, part: Part) -> str:
    """What becomes of a variable that sets nothing in this recipe."""
    other: Part = "reinforcement" if part == "imitation" else "imitation"
    return f"of the recipe for {other}" if name in _RULES and _paths(name, other) else VARIABLES[name].ours


def _methods(environment: Mapping[str, str]) -> list[str]:
    """What is trained; both where nothing says."""
    found = []
    for name, table in (("TRAINERS", TRAINERS), ("TRAINER_TYPE", KINDS)):
        said = environment.get(name, "").strip()
        if said == "all":
            found += list(TRAINERS.values())
        elif said:
            found += named(table)(name, said)
    return list(dict.fromkeys(found)) or list(TRAINERS.values())


def _methods_of(part: Part) -> Any:
    def read(recipe: dict[str, Any], environment: Mapping[str, str]) -> None:
        recipe["methods"] = [method for method in METHODS[part] if method in _methods(environment)]
        if not recipe["methods"]:
            raise ConfigError(f"TRAINERS and TRAINER_TYPE ask for no {part}; take the other recipe")

    return read


def _model(recipe: dict[str, Any], environment: Mapping[str, str]) -> None:
    """The first model that is named: one recipe trains one."""
    names = [environment.get(name, "").strip() for name in ("POLICY_LIST_MODE", "POLICY_LIST")]
    models = listed("", next((said for said in names if said and said not in MODEL_SETS), ""))
    if not models:
        raise ConfigError("which model to train is not said: set POLICY_LIST to one with weights, as Qwen/Qwen3-0.6B")
    recipe["model"] = model_of(models[0], {})  # a model in a server is not trained, so not behind Ray


def _source(recipe: dict[str, Any], environment: Mapping[str, str]) -> None:
    """The run that was evaluated, where results of evaluations are used, or a run is named."""
    used = environment.get("SFT_USING_EVAL_RESULTS", "").strip()
    run = environment.get("RUN_ID", "").strip() or environment.get("DIR_NAME", "").strip()
    if (used and not flag("SFT_USING_EVAL_RESULTS", used)) or not (used or run):
        _problems(recipe, environment)
        return
    if not run:
        raise ConfigError("SFT_USING_EVAL_RESULTS=1 does not say of which run: set RUN_ID or DIR_NAME to its name")
    metrics = named(METRICS)("ALGO_NAMES", environment.get("ALGO_NAMES") or environment.get("ALGO_NAME") or "")
    metric = metrics[0] if metrics else "truth_accuracy"
    if metric == "grader":
        spec = environment.get("GRADER_TYPE", "").strip() or "python_brier"
        recipe["source"] = {"run": run, "metric": f"grader.{spec}"}
    elif metric in SCORED:
        recipe["source"] = {"run": run, "metric": SCORED[metric]}
    else:
        raise ConfigError(f"ALGO_NAMES={metric} gives single trajectories no score; train by {', '.join(SCORED)}")


def _problems(recipe: dict[str, Any], environment: Mapping[str, str]) -> None:
    """The first domain that is named."""
    for name in ("DOMAIN_NAMES", "DOMAIN_NAME"):
        if said := environment.get(name, "").strip():
            recipe["domain"] = named(DOMAINS)(name, said)[0]
            return
    recipe["domain"] = "forecasting"


def _grader(recipe: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Theirs for training, else theirs for evaluation; `python` is the Brier reward."""
    if "source" in recipe:
        return
    for name in ("RL_GRADER_TYPE", "GRADER_TYPE"):
        if said := environment.get(name, "").strip():
            ours = one_of("python", *GRADERS)(name, said)
            recipe["grader"] = "python_brier" if ours == "python" else ours
            break
    judge = environment.get("RL_GRADER_MODEL", "").strip() or environment.get("GRADER_MODEL", "").strip()
    if judge:
        recipe["roles"] = {"judge": judge}


_OWN: Mapping[Part, frozenset[str]] = {
    "imitation": frozenset({"SFT", "FEWSHOT", "VALIDATION", "LORA"}),
    "reinforcement": frozenset({"RL", "LORA"}),
}
_RULES: Mapping[str, Rule] = {
    "VALIDATION_STRATEGY": one_of("none", "train", "gt"),
    **dict.fromkeys(("LORA_RANK", "FEWSHOT_TOP_COUNT", "RL_NUM_SAMPLES", "SFT_MAX_SEQ_LENGTH"), whole),
    "SFT_SAVE_STEPS": whole,
    **dict.fromkeys((f"{kind}_{name}" for kind in ("SFT", "RL")
                     for name in ("NUM_EPOCHS", "BATCH_SIZE", "GRADIENT_ACCUMULATION_STEPS")), whole),
    **dict.fromkeys(("SFT_TOP_PERCENTAGE", "SFT_LEARNING_RATE", "SFT_WARMUP_RATIO", "SFT_WEIGHT_DECAY",
                     "FEWSHOT_TOP_PERCENTAGE", "RL_LEARNING_RATE", "RL_WARMUP_RATIO", "RL_KL_COEF"), number),
}  # fmt: skip
"""By variable that sets something, what its value becomes."""


def _paths(name: str, part: Part) -> list[str]:
    """The settings that a variable sets in a recipe of this part."""
    if name.partition("_")[0] not in _OWN[part] or name not in _RULES:
        return []
    wanted = "grpo." if part == "reinforcement" else "sft."
    paths = [path.strip() for path in VARIABLES[name].ours.split(",")]
    return [path for path in paths if path.startswith(wanted)] if len(paths) > 1 else paths


def _set(recipe: dict[str, Any], path: str, name: str, value: str, environment: Mapping[str, str]) -> None:
    ours = _RULES[name](name, value)
    if name == "LORA_RANK":  # 0 trains all weights; their adapters scale by twice the rank
        path = path.removesuffix(".rank")
        ours = {"rank": ours, "alpha_ratio": 2.0, "dropout": 0.1} if ours else None
    if name.endswith("_BATCH_SIZE"):  # of one forward pass there, of one optimizer step here
        steps = name.replace("BATCH_SIZE", "GRADIENT_ACCUMULATION_STEPS")
        ours *= whole(steps, environment.get(steps, "").strip() or "1")
    put(recipe, path, ours)


def _grouped(recipe: dict[str, Any]) -> None:
    """Groups as large as theirs: one forward pass, of 2 to 16; an optimizer step holds whole groups."""
    grpo = recipe.setdefault("grpo", {})
    grpo["max_completion_length"] = LONGEST
    if "batch_size" in grpo:
        group = max(2, min(16, grpo["batch_size"] // grpo.get("accumulation", 1)))
        grpo |= {"batch_size": -(-grpo["batch_size"] // group) * group, "group_size": group}
