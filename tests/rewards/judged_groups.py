"""Groups of judged responses in a line each."""

from __future__ import annotations

from collections.abc import Sequence

from veracity.core.judged import ClaimLabel, Coverage, Group, JudgedClaim, JudgedResponse, Outcome
from veracity.core.problem import Problem

PROBLEM = Problem("q", "d", "Who?", ("A",))
OUTCOMES: dict[str, Outcome | None] = {
    "C": "correct",
    "P": "process_correct",
    "A": "abstained",
    "W": "incorrect",
    "?": None,
}
LABELS: dict[str, ClaimLabel | None] = {
    "s": "supported",
    "r": "refuted",
    "n": "not_enough",
    "i": "irrelevant",
    "?": None,
}
COVERAGE: dict[str, Coverage | None] = {"c": "consistent", "x": "contradictory", "m": "missing", "?": None}


def group(*responses: JudgedResponse) -> Group:
    return Group(PROBLEM, responses)


def short(letters: str) -> Group:
    """`CCW?` is two right answers, a wrong one, and one whose grade failed."""
    return group(*(JudgedResponse("x", 1, outcome=OUTCOMES[letter]) for letter in letters))


def claims(letters: str | None, confidences: Sequence[float | None] | None = None) -> JudgedResponse:
    """A response whose claims have these labels; None: its claims were not extracted."""
    if letters is None:
        return JudgedResponse("x", 1)
    sure = confidences if confidences is not None else [None] * len(letters)
    return JudgedResponse(
        "x", 1, claims=tuple(JudgedClaim("c", LABELS[k], c) for k, c in zip(letters, sure, strict=True))
    )


def confident(*confidences: float | None) -> JudgedResponse:
    return claims("s" * len(confidences), confidences)


def covering(letters: str | None) -> JudgedResponse:
    """A response that covers a checklist so; None: there is none."""
    return JudgedResponse("x", 1, checklist=None if letters is None else tuple(COVERAGE[k] for k in letters))
