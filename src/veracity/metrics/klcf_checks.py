"""Did knowledge-level reinforcement work: do recall and precision both rise, and do the ablations pull apart?

KLCF (Li et al., 2025, arXiv 2509.23765) claims more facts and fewer wrong ones at once, and its ablation that precision
alone and recall alone push answers in opposite directions. Every condition must hold for the whole 95 % interval of a
difference paired by prompt, with prompts' source items resampled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from veracity.core.estimate import Estimate
from veracity.metrics.checks import Check

Differences = Mapping[str, Estimate]
"""Measure → its difference, arm minus start."""


def both_rise_check(arm: str, start: str, differences: Differences) -> Check:
    """Whether recall of what the base model knows and precision are both higher than at the start."""
    recall, precision = differences["recall"], differences["precision"]
    name = f"{arm}: says more of what it knows, and less else"
    numbers = {"recall": recall, "precision": precision}
    if not recall.n or not precision.n:
        return Check(name, None, numbers, "No answer has claims and a checklist.")
    sentence = (
        f"Against {start}, recall changes by {tenths(recall)} and precision by {tenths(precision)}; both intervals are "
        "to lie above 0."
    )
    return Check(name, recall.ci_low > 0 and precision.ci_low > 0, numbers, sentence)


def length_check(arm: str, start: str, differences: Differences, wanted: Literal["shorter", "longer"]) -> Check:
    """Whether answers become shorter, or longer, than at the start."""
    words = differences["words"]
    name = f"{arm}: {wanted} answers"
    if not words.n:
        return Check(name, None, {"words": words}, "There are no answers.")
    passed = words.ci_high < 0 if wanted == "shorter" else words.ci_low > 0
    side = "below" if wanted == "shorter" else "above"
    sentence = f"Against {start}, answers change by {_words(words)}; the interval is to lie {side} 0."
    return Check(name, passed, {"words": words}, sentence)


def tenths(change: Estimate) -> str:
    """A difference of shares where tenths of a point count: `+1.2 points [+0.3, +2.1]`; `not measured` without rows."""
    if not change.n:
        return "not measured"
    value, low, high = (100 * x for x in (change.value, change.ci_low, change.ci_high))
    return f"{value:+.1f} points [{low:+.1f}, {high:+.1f}]".replace("-", "−")


def _words(change: Estimate) -> str:
    return f"{change.value:+.1f} words [{change.ci_low:+.1f}, {change.ci_high:+.1f}]".replace("-", "−")
