"""From a sampled text to a `JudgedResponse` with a grader's score, which the reward `metric?name=grader.…` reads."""

from __future__ import annotations

from veracity.core.judged import JudgedResponse, MetricScore
from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.judging.graders.base import Grader


def judge_by_grader(
    problem: Problem, text: str, grader: Grader, *, tokens: int, truncated: bool = False
) -> Program[JudgedResponse]:
    """Grade one response; a grade that could not be had leaves the score without a value."""
    graded = yield from grader.grade(problem, text)
    score = MetricScore(f"grader.{grader.name}", graded.reward, "higher")
    return JudgedResponse(text, tokens, truncated, scores=(score,))
