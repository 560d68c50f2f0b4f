"""What judges said of one sampled response, and of all responses to one problem: what rewards and pairs are made of.

A part that was not asked for, or whose judge failed, is None; it is never a zero, an empty list or a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from veracity.core.estimate import Direction
from veracity.core.problem import Problem

Outcome = Literal["correct", "process_correct", "abstained", "incorrect"]
"""Of a short answer. `process_correct`: the reasoning gives the accepted answer, the final answer does not."""
Coverage = Literal["consistent", "contradictory", "missing"]
"""What a response says of an item of a checklist."""
ClaimLabel = Literal["supported", "refuted", "not_enough", "irrelevant"]


@dataclass(frozen=True, slots=True)
class JudgedClaim:
    """One claim of a response."""

    text: str
    label: ClaimLabel | None = None
    """The verifier's label; None where there is none (judge failed, no evidence, not asked)."""
    confidence: float | None = None
    """Probability that the claim is true, in [0, 1], as the scorer sees it; None where it gives none."""


@dataclass(frozen=True, slots=True)
class MetricScore:
    """What a metric or a grader gave a response."""

    metric: str
    """Its name and variant: `grader.python_brier`."""
    value: float | None
    """In the metric's own unit; None where it could not be had."""
    direction: Direction
    """Which way is better."""


@dataclass(frozen=True, slots=True)
class JudgedResponse:
    """One sampled response, with what was asked about it."""

    text: str
    tokens: int
    """Generated tokens, the end mark included."""
    truncated: bool = False
    """Whether it ended at the token limit."""
    well_formed: bool | None = None
    """Whether it keeps the format that the problem asks for; None where none is asked for."""
    abstained: bool | None = None
    """Whether it declines to answer; None where no detector was asked."""
    outcome: Outcome | None = None
    """Of a short answer; None for a long one, and where the grade failed."""
    claims: tuple[JudgedClaim, ...] | None = None
    """Of a long answer; None where none were extracted or the extraction failed, () where it makes none."""
    checklist: tuple[Coverage | None, ...] | None = None
    """One entry an item of the problem's checklist, in its order; None where there is no checklist, an entry None where
    its judge failed."""
    general: float | None = None
    """A reward model's score, in its own unit."""
    relevance: float | None = None
    """Probability that a judge prefers it to the reference response, in [0, 1]."""
    scores: tuple[MetricScore, ...] = ()
    """Of metrics and graders, by name; one a metric."""


@dataclass(frozen=True, slots=True)
class Group:
    """All responses to one problem that are judged against each other."""

    problem: Problem
    responses: tuple[JudgedResponse, ...]
