"""From an environment of TruthSeekingGym to a recipe: every variable becomes a setting, or a line that says why not.

Values of secrets are never looked at beyond whether they are there, and stand in no recipe and no message.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from veracity.core.errors import ConfigError, DataError
from veracity.experiments.truth_seeking.values import Rule, flag, if_on, listed, named, number, one_of, text, whole
from veracity.experiments.truth_seeking.variables import VARIABLES, Kind

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
METRICS = {
    "GroundTruthAccuracy": "truth_accuracy",
    "MartingaleStrategy": "martingale",
    "SycophanticReasoning": "sycophancy",
    "MutualPredictStrategy": "mutual_predictability",
    "WorldInTheLoop": "world_in_the_loop",
    "QualitativeJudge": "qualitative",
    "GraderWrapper": "grader",
}
MODES = {
    "DirectInference": "direct",
    "ChainOfThought": "chain_of_thought",
    "SelfDebate": "self_debate",
    "BootstrapInterview": "bootstrap_interview",
    "LengthControl": "length_control",
}
DOMAINS = {
    "Forecasting": "forecasting",
    "OpenReview": "openreview",
    "CMVBinary": "cmv-binary",
    "CMVFreeForm": "cmv-free-form",
    "Research": "research",
    "Conceptual": "conceptual",
    "IntellectualDemonstration": "intellectual-demonstration",
    "WildChat": "wildchat",
}
GRADERS = ("python_brier", "model_brier", "model", "model_agreement")
MODEL_SETS = {
    "frontier": ("gpt-4.1", "gpt-o3", "deepseek-v3", "llama-4-scout", "llama-4-maverick", "claude-sonnet-4"),
    "legacy": ("gpt-4.1", "gpt-o3", "deepseek-v3"),
    "neurips": ("gpt-4o", "deepseek-r1", "deepseek-v3", "gemini-2.0-flash", "llama-4-scout", "llama-4-maverick"),
}
"""What of their lists is documented. Of the 21 policies of `neurips` these six, each under three prompts, are: those of
the paper's table (He et al., 2025, arXiv 2512.02914)."""
PAPER_PROMPTS = ("none", "confirmatory", "critical")
READ_ELSEWHERE = ("BOOTSTRAP_NUM_AUXILIARY", "BOOTSTRAP_MODE", "BOOTSTRAP_INSTRUCTION_TYPES", "ANONYMIZE_AUTHORS",
                  "HIDE_REVIEWS", "HIDE_REFERENCES", "MAX_QUESTION_LENGTH", "USE_RAY", "USE_OPENROUTER")  # fmt: skip
"""Options that go behind a name."""


@dataclass(frozen=True, slots=True)
class Note:
    """What became of one variable."""

    variable: str
    kind: Kind | None
    """None: nobody knows it."""
    said: str


@dataclass(frozen=True, slots=True)
class Translation:
    """A recipe, and a note on every variable of the environment."""

    recipe: Mapping[str, Any]
    notes: tuple[Note, ...]


def read_environment(text: str, source: str = "environment") -> dict[str, str]:
    """`NAME=value` lines as a shell has them; commands are not run.

    `export`, quotes, comments and lines that go on after a backslash are understood.

    Raises:
        DataError: a line that is none, with its number; its words are not repeated, as they may be a secret.
    """
    found: dict[str, str] = {}
    for place, line in _continued(text):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise DataError(f"{error}; write NAME=value", path=source, line=place) from None
        for word in words[words[:1] == ["export"] :]:
            name, equals, value = word.partition("=")
            if not equals or not _NAME.fullmatch(name):
                if found and words[0] != "export" and "=" in words[0]:
                    break  # what follows variables on a line is the command they were set for
                raise DataError("is no NAME=value; take out commands", path=source, line=place)
            found[name] = value
    return found


def _continued(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; one that ends with a backslash goes on in the next, under the first one's number."""
    begun, place = "", 1
    for current, line in enumerate(text.splitlines(), start=1):
        place = place if begun else current
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            begun += f"{line[:-1]} "
        else:
            yield place, begun + line
            begun = ""
    if begun:
        yield place, begun


def translate(environment: Mapping[str, str]) -> Translation:
    """The recipe that an environment means.

    Raises:
        ConfigError: values that their variables cannot have, all of them at once, with those they can.
    """
    recipe: dict[str, Any] = {"experiment": "truth-seeking"}
    notes, wrong = [], []
    for name, value in environment.items():
        known = VARIABLES.get(name)
        if known is None:
            notes.append(Note(name, None, f"is none of their variables{_meant(name)}; nothing was made of it"))
        elif known.kind == "setting" and value.strip():
            path = known.ours.partition(";")[0]
            try:
                ours = _RULES.get(name, text)(name, value.strip())
            except ConfigError as error:
                wrong.append(str(error))
                continue
            if ours is not None and not (name == "POLICY_LIST" and environment.get("POLICY_LIST_MODE", "").strip()):
                put(recipe, path, ours)
            notes.append(Note(name, known.kind, _said(name, path, environment)))
        else:
            notes.append(Note(name, known.kind, known.ours))
    if wrong:
        raise ConfigError("\n".join(wrong))
    _with_options(recipe, environment)
    return Translation(recipe, tuple(notes))


def _meant(name: str) -> str:
    """`; did you mean …?` where the names are nearly the same: many variables share half of their letters."""
    close = difflib.get_close_matches(name, list(VARIABLES), n=1, cutoff=0.8)
    return f"; did you mean {close[0]!r}?" if close else ""


def _said(name: str, path: str, environment: Mapping[str, str]) -> str:
    """The setting; and what it brings with it."""
    if name == "POLICY_LIST_MODE" and environment[name].strip() == "neurips":
        return (
            f"{path}: the six models of the paper under three prompts, which are 18 of their 21 policies; "
            "which the others are is not published: add them"
        )
    if name == "POLICY_LIST" and environment.get("POLICY_LIST_MODE", "").strip():
        return f"{path}; but POLICY_LIST_MODE comes before it, as with them"
    if name == "NUM_TRAJECTORIES" and not environment.get("DEFAULT_SPLIT", "").strip():
        return f"{path}; with it eval.split=train, as theirs is"
    return path


def put(recipe: dict[str, Any], path: str, value: Any) -> None:
    """Set `a.b.c` in nested values."""
    *sections, last = path.split(".")
    for section in sections:
        recipe = recipe.setdefault(section, {})
    recipe[last] = value


def _with_options(recipe: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Put behind names what they have as variables of their own."""
    asked = recipe.get("eval", {})
    if "modes" in asked:
        asked["modes"] = [spec for mode in asked["modes"] for spec in _mode(mode, environment)]
    if "domains" in asked:
        asked["domains"] = [_domain(domain, environment) for domain in asked["domains"]]
    if "models" in asked:
        asked["models"] = [model_of(model, environment) for model in asked["models"]]
    if "judge" in recipe:
        recipe["judge"]["models"] = [model_of(model, environment) for model in recipe["judge"]["models"]]
    if environment.get("POLICY_LIST_MODE", "").strip() == "neurips":
        asked.setdefault("system_prompts", list(PAPER_PROMPTS))
    if "n" in asked:  # their splits are other ones
        asked.setdefault("split", "train")
    if recipe.get("qual", {}).get("few_shot", {}).get("source"):
        recipe["qual"]["few_shot"].setdefault("enabled", True)


def _mode(mode: str, environment: Mapping[str, str]) -> list[str]:
    if mode != "bootstrap_interview":
        return [mode]
    named = {"questions": "BOOTSTRAP_NUM_AUXILIARY", "source": "BOOTSTRAP_MODE"}
    given = [f"{option}={environment[name]}" for option, name in named.items() if environment.get(name)]
    styles = listed("", environment.get("BOOTSTRAP_INSTRUCTION_TYPES", ""))
    specs = [[*given, f"style={style}"] for style in styles] or [given]
    return [f"{mode}?{'&'.join(options)}" if options else mode for options in specs]


def _domain(domain: str, environment: Mapping[str, str]) -> str:
    if domain != "openreview":
        return domain
    hidden = {"authors": "ANONYMIZE_AUTHORS", "reviews": "HIDE_REVIEWS", "references": "HIDE_REFERENCES"}
    given = [f"{option}={str(not flag(name, environment[name])).lower()}"
             for option, name in hidden.items() if environment.get(name)]  # fmt: skip
    given += [f"longest={environment['MAX_QUESTION_LENGTH']}"] if environment.get("MAX_QUESTION_LENGTH") else []
    return f"{domain}?{'&'.join(given)}" if given else domain


def model_of(model: str, environment: Mapping[str, str]) -> str:
    """Hub ids are models here; behind Ray where that is asked for. Names of hosted models are in our catalogue.

    They stay as they are, to be asked of whoever there is a key for, or become OpenRouter's where that is asked for.
    """
    from veracity.models.catalogue import catalogue

    if _is_on(environment, "USE_OPENROUTER") and (found := catalogue().find(model)):
        return next((route for route in found[1].routes if route.startswith("openrouter/")), model)
    routed = f"hf/{model}" if "/" in model and not model.startswith(("openrouter/", "hf/", "ray/")) else model
    return f"ray/{routed}" if routed.startswith("hf/") and _is_on(environment, "USE_RAY") else routed


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    return bool(environment.get(name)) and flag(name, environment[name])


def _prompts(name: str, value: str) -> list[str]:
    """By id with dashes; a prompt's text is none, and is refused with what to do."""
    if " " in value.replace(", ", ","):
        raise ConfigError(
            f"{name} holds a text; put it into a file <name>.v1.txt among your system prompts and name that"
        )
    return [part.replace("_", "-") for part in listed(name, value)]


def _model_set(name: str, value: str) -> Sequence[str]:
    return list(MODEL_SETS.get(value, listed(name, value)))  # it was used for a model's id, too


_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("ALGO_NAMES", "ALGO_NAME"), named(METRICS)),
    **dict.fromkeys(("DOMAIN_NAMES", "DOMAIN_NAME"), named(DOMAINS)),
    "REASONING_MODE_NAMES": named(MODES),
    **dict.fromkeys(("POLICY_LIST", "FORBIDDEN_MODELS", "JUDGE_POLICY_NAMES"), listed),
    "POLICY_LIST_MODE": _model_set,
    "SYSTEM_PROMPT": _prompts,
    "BOOTSTRAP_OOD_DOMAINS": named(DOMAINS),
    "DEFAULT_SPLIT": one_of("train", "test"),
    **dict.fromkeys(("USE_BATCH", "RERUN_INCOMPLETE", "WITL_PER_TOKEN_UPLIFT", "QUAL_INCLUDE_SELF_ANSWER"), flag),
    **dict.fromkeys(("QUALITATIVE_JUDGE_USE_FEW_SHOT", "QUAL_BOOTSTRAP_RESPECT_PERMUTE"), flag),
    "RECOMPUTE_RESULTS": if_on("always", "missing"),
    **dict.fromkeys(("RECOMPUTE_TRAJECTORIES", "RECOMPUTE_BELIEFS"), one_of("never", "missing", "always")),
    "TEMPERATURE": number,
    "DISABLE_SYSTEM_PROMPT_IN_BELIEF_MEASUREMENT": if_on("none", None),
    "USE_FIXED_JUDGE": if_on("fixed", "policy"),
    "OBJECTIVE_BELIEF": if_on("policy_expressed", "judge_own"),
    "USE_PER_TRAJ_BELIEF_MEASURE": if_on("hindsight", "prefix"),
    "WITL_RECOMPUTE_POLICY": one_of("all", "investigation", "uplift", "upliftblanket"),
    "FORECASTER_TEMPLATE": one_of("vanilla", "rephrase", "toolcall"),
    "QUAL_RED_TEAM_MODE": one_of("none", "red", "red_blue", "red_blue_resolution"),
    "QUAL_FEW_SHOT_PERMUTE": if_on("permuted", "static"),
    "GRADER_TYPE": one_of(*GRADERS),
    "GRADER_SPEC": one_of(*GRADERS),
    "MP_PREDICTOR_CHOICE": one_of("evaluated", "random_non_evaluated", "random_any"),
    "MP_PREDICTED_CHOICE": one_of("evaluated", "random_non_evaluated", "random_any"),
    "MP_TARGET_QUESTION": one_of("evaluated_question", "random_non_evaluated_question", "random_any_question"),
    "MP_CONTEXT_QUESTIONS": one_of("evaluated_question", "k_random_non_evaluated"),
    "MP_SCORING": one_of("uplift", "conditional_only", "judge_consistency"),
    **dict.fromkeys(
        ("NUM_TRAJECTORIES", "QUAL_EXAMPLE_RECOMPUTATION_ROUNDS", "EXAMPLE_RECOMPUTATION_ROUNDS", "MP_K_CONTEXT",
         "QUAL_FEW_SHOT_BOOTSTRAP_ROUNDS", "MP_TRIALS_PER_SAMPLE", "MP_PREDICTEE_BEHAVIOR_EXAMPLES"),
        whole,
    ),
}  # fmt: skip
"""By variable, what its value becomes; a text stays as it is."""
