"""Names of truth-seeking metrics in words: `truth_accuracy.brier.eventual` is “Brier loss at the end”.

The identifier stands in settings, tables and the API; readers of a page get the words, and the identifier beside them.
"""

from __future__ import annotations

from collections.abc import Mapping

_WHOLE: Mapping[str, str] = {
    "truth_accuracy.scored": "trajectories with a score",
    "martingale.loss": "martingale loss",
    "martingale.distance": "distance of the martingale slope from 0",
    "martingale.slope.ols": "martingale slope, least squares",
    "martingale.slope.iv": "martingale slope, instrumented",
    "martingale.slope.noise_corrected": "martingale slope, corrected for reading noise",
    "martingale.slope.penalised": "martingale slope, penalised",
    "martingale.slope.logit": "martingale slope on log-odds",
    "martingale.intercept": "intercept of the change of belief",
    "martingale.fixed_point": "belief that does not change",
    "movement.movement": "movement of beliefs",
    "movement.reduction": "uncertainty taken off",
    "movement.ratio": "movement over uncertainty taken off",
    "movement.corrected_movement": "movement, corrected for reading noise",
    "movement.corrected_ratio": "movement over uncertainty taken off, corrected",
    "sycophancy.opinion.loss": "size of the mean shift between opposite users",
    "sycophancy.iq.loss": "size of the mean shift of reasoning quality",
    "sycophancy.iq.at_equal_length": "shift of reasoning quality at equal length",
    "reasoning_quality": "reasoning quality",
    "sycophancy.flip": "turned over by a user who disagrees",
    "sycophancy.flip_regressive": "turned from right to wrong",
    "sycophancy.flip_progressive": "turned from wrong to right",
    "pressure.turns_held": "turns for which the stance is held",
    "pressure.turn_of_flip": "turn at which the stance is left",
    "pressure.flips": "changes of stance",
    "pressure.yielded": "yields in the end",
    "mutual_predictability.consistency": "consistency by a judge",
    "mutual_predictability.content": "help by content, beyond own style (nats)",
    "mutual_predictability.content_per_token": "help by content a token (nats)",
    "world_in_the_loop.outcome": "help to expect the outcome (nats)",
    "world_in_the_loop.outcome_controlled": "help to expect the outcome, beyond control answers (nats)",
    "qualitative.overall": "judge's score",
    "qualitative.at_equal_length": "judge's score at equal length",
    "qualitative.length_slope": "judge's score for twice the words",
}
_TRUTH: Mapping[str, str] = {
    "brier": "Brier loss",
    "cross_entropy": "cross-entropy",
    "accuracy": "accuracy",
    "skill": "Brier skill",
    "reliability": "miscalibration (Murphy)",
    "resolution": "resolution (Murphy)",
    "uncertainty": "uncertainty of outcomes (Murphy)",
    "calibration_error": "calibration error",
    "auroc": "AUROC",
}
_WHEN: Mapping[str, str] = {"initial": "{} before", "eventual": "{} at the end", "difference": "change of {}"}
_SHIFT: Mapping[str, str] = {"opinion": "shift of belief", "iq": "shift of reasoning quality"}
_MODES: Mapping[str, str] = {
    "both": "between opposite users",
    "agree": "towards a user who agrees",
    "disagree": "towards a user who disagrees",
    "difference": "towards users who agree, less who disagree",
}
_PARTS: Mapping[str, str] = {
    "size": ", size of each",
    "logit": ", log-odds",
    "third_party": ", for a third party's opinion",
    "excess": ", beyond a third party's",
    "excess_logit": ", beyond a third party's, log-odds",
}
_CONDITIONS: Mapping[str, str] = {
    "neutral": "with nobody's opinion",
    "u0": "with a user for the first option",
    "u1": "with a user for the second option",
    "t0": "with a third party for the first option",
    "t1": "with a third party for the second option",
}
_COUNTED: Mapping[str, str] = {"accuracy": "accuracy", "words": "words", "hedges": "hedges in a hundred words"}
_HELPS: Mapping[str, str] = {
    "mutual_predictability": "help to predict others",
    "world_in_the_loop": "help to expect what is observed",
}
_HELP: Mapping[str, str] = {
    "uplift": "{} (nats)",
    "uplift_per_token": "{} (nats a token)",
    "uplift_per_token_controlled": "{}, beyond that of control answers (nats a token)",
    "conditional": "log-probability of others, given it (nats)",
    "conditional_per_token": "log-probability of others, given it (nats a token)",
}


def metric_words(name: str) -> str:
    """What `name` measures, in words without a capital; a name that is not known is given back as it is."""
    if name in _WHOLE:
        return _WHOLE[name]
    family, _, rest = name.partition(".")
    read = _FAMILIES.get(family)
    return (read(family, rest) if read else None) or name


def variant_words(name: str) -> str:
    """`metric_words`, with what tells variants of a metric apart (behind `@`) in brackets."""
    metric, _, variant = name.partition("@")
    return f"{metric_words(metric)} (variant {variant.replace('@', ', ')})" if variant else metric_words(metric)


def _truth(family: str, rest: str) -> str | None:
    what, _, when = rest.partition(".")
    return _WHEN[when].format(_TRUTH[what]) if what in _TRUTH and when in _WHEN else None


def _martingale(family: str, rest: str) -> str | None:
    told = {"share": "share of the martingale slope", "weight": "size of the share of the martingale slope"}
    changes = {"total": "", "step": ", step by step", "to_go": ", to the end"}
    what, _, kind = rest.partition(".")
    change = kind.partition(".")[0]
    return told[what] + changes[change] if what in told and change in changes else None


def _sycophancy(family: str, rest: str) -> str | None:
    what, _, how = rest.partition(".")
    mode, _, part = how.partition(".")
    if what in _SHIFT and mode in _MODES and (not part or part in _PARTS):
        return f"{_SHIFT[what]} {_MODES[mode]}{_PARTS.get(part, '')}"
    if what in _COUNTED and mode in _CONDITIONS:
        return f"{_COUNTED[what]} {_CONDITIONS[mode]}{f' ({part})' if part else ''}"
    return None


def _help(family: str, rest: str) -> str | None:
    return _HELP[rest].format(_HELPS[family]) if rest in _HELP else None


def _qualitative(family: str, rest: str) -> str | None:
    return f"judge's score for {rest.replace('_', ' ')}" if rest else None


def _grader(family: str, rest: str) -> str | None:
    return f"reward by the grader {rest}" if rest else None


_FAMILIES = {
    "truth_accuracy": _truth,
    "martingale": _martingale,
    "sycophancy": _sycophancy,
    "mutual_predictability": _help,
    "world_in_the_loop": _help,
    "qualitative": _qualitative,
    "grader": _grader,
}

__all__ = ["metric_words", "variant_words"]
