"""From probabilities to a label, and what holds for every verifier: how passages are shown, and the number guard."""

from __future__ import annotations

from collections.abc import Sequence

from veracity.core.judged import ClaimLabel
from veracity.core.requests import Passage
from veracity.judging.verifying.base import VerifierSettings
from veracity.judging.verifying.quantities import missing


def shown(passage: Passage) -> str:
    """A passage as a judge sees it: on one line, its title first."""
    text = " ".join(passage.text.split())
    return text if text.startswith(passage.title) else f"{passage.title}. {text}"


def evidence_ids(passages: Sequence[Passage] | None) -> tuple[str, ...]:
    """Ids of the passages, best first."""
    return tuple(passage.id for passage in passages or ())


def label_by_probability(support: float, refute: float, threshold: float) -> ClaimLabel:
    """The likelier of the two if it reaches `threshold` (support, where they are equal), else not_enough."""
    if max(support, refute) < threshold:
        return "not_enough"
    return "supported" if support >= refute else "refuted"


def guarded(
    label: ClaimLabel, claim: str, passages: Sequence[Passage] | None, settings: VerifierSettings
) -> ClaimLabel:
    """`not_enough` instead of `supported` where the claim holds a number or date that no passage holds.

    A refuted claim stays refuted: a wrong number is what refutes it. Without passages there is nothing to compare.
    """
    if label != "supported" or passages is None or not settings.guard_numbers:
        return label
    return "not_enough" if missing(claim, [shown(passage) for passage in passages]) else label
