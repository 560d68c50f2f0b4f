"""From a sampled text to a `JudgedResponse` with a grader's score, which the reward `metric?name=grader.…` reads."""

from __future__ import annotations

from veracity.core.judged import JudgedResponse, MetricScore
from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.judging.graders.base import Grader

MISFORMED = frozenset({"parse_failed", "out_of_range"})
"""States that are a grader's word on the answer where it asks no model: its form is wrong."""


def judge_by_grader(
    problem: Problem,
    text: str,
    grader: Grader,
    *,
    tokens: int,
    truncated: bool = False,
    misformed: float | None = None,
) -> Program[JudgedResponse]:
    """Grade one response; a grade that could not be had leaves the score without a value.

    `misformed`, where given, is what an answer earns whose form the grader cannot read; a failure of anything else
    still earns nothing. It is for graders that read answers themselves: one that asks a model may misread its reply.
    """
    graded = yield from grader.grade(problem, text)
    reward = misformed if graded.reward is None and graded.status in MISFORMED else graded.reward
    score = MetricScore(f"grader.{grader.name}", reward, "higher")
    return JudgedResponse(text, tokens, truncated, scores=(score,))
