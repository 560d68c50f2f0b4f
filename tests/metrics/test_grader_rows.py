"""A grader as a metric, and a metric as a reward: the direction is kept, and a failure is never the best grade."""

from __future__ import annotations

from dataclasses import replace

import pytest

from veracity.core.errors import ConfigError, TrainingStoppedError
from veracity.core.judged import Group, JudgedResponse, MetricScore
from veracity.core.problem import Problem
from veracity.core.trajectory import Step, Trajectory
from veracity.engine import Engine
from veracity.judging.graders import open_grader
from veracity.judging.graders.judged import judge_by_grader
from veracity.metrics.grader import grader_row
from veracity.metrics.metric_rows import METRIC_ROWS
from veracity.metrics.row_estimates import row_estimates
from veracity.rewards import open_reward
from veracity.training.reward_functions import RewardPart, RewardStage

PROBLEM = Problem("q", "d", "Will it rain?", options=("rain", "sun"), correct=0)
BRIER = open_grader("python_brier")
REWARD = open_reward("metric?name=grader.python_brier")


def said(probability: str) -> str:
    return f"\\finalBeliefProb{{{probability}}}"


def judged(*texts: str, problem: Problem = PROBLEM, misformed: float | None = None) -> Group:
    graded = {
        str(i): judge_by_grader(problem, text, BRIER, tokens=1, misformed=misformed) for i, text in enumerate(texts)
    }
    return Group(problem, tuple(Engine({}).run(graded).values()))  # type: ignore[arg-type]


def test_the_mean_leaves_failures_out_and_counts_them() -> None:
    """−.0625 and −.25 have the mean −.15625; an answer without a number and one out of range are two failures."""
    answers = {"a": said("0.75"), "b": said("0.5"), "c": "Perhaps.", "d": said("7")}
    rows = []
    for name, answer in answers.items():
        problem = Problem(name, "d", "Will it rain?", options=("rain", "sun"), correct=0)
        trajectory = Trajectory(problem, "direct", 0, problem.messages(), (Step(answer),))
        graded = Engine({}).run({"x": BRIER.grade(problem, trajectory.answer)})["x"]
        rows.append(grader_row(trajectory, graded, BRIER, arm="a", model="m"))  # type: ignore[arg-type]
    table = METRIC_ROWS.frame(rows)
    found = row_estimates(table, seed=1, nulls={"grader.python_brier": -0.25})["grader.python_brier"]
    assert found.estimate.value == pytest.approx(-0.15625)
    assert (found.estimate.n, found.estimate.direction, found.estimate.null) == (2, "higher", -0.25)
    assert found.statuses == {"ok": 2, "out_of_range": 1, "parse_failed": 1}


def test_a_failure_has_no_reward_and_never_raises_the_mean() -> None:
    """0 is the best Brier reward: a failure that were 0 would raise the mean of −.0625 and −.25."""
    values = REWARD.of(judged(said("0.75"), "Perhaps.", said("0.5"), said("7")))
    assert values == [-0.0625, None, -0.25, None]


def test_an_answer_without_the_form_earns_what_it_is_set_to_and_other_failures_nothing() -> None:
    """No number, and one out of range, are the answer's own doing; a problem without a truth is not."""
    texts = (said("0.75"), "Perhaps.", said("7"))
    assert REWARD.of(judged(*texts, misformed=-1.0)) == [-0.0625, -1, -1]
    assert REWARD.of(judged(*texts, problem=replace(PROBLEM, correct=None), misformed=-1.0)) == [None] * 3


@pytest.mark.parametrize(("direction", "reward"), [("higher", 0.3), ("lower", -0.3)])
def test_a_reward_follows_the_direction(direction: str, reward: float) -> None:
    scores = (MetricScore("other", 9.0, "higher"), MetricScore("grader.python_brier", 0.3, direction))  # type: ignore[arg-type]
    assert REWARD.of(Group(PROBLEM, (JudgedResponse("x", 1, scores=scores), JudgedResponse("y", 1)))) == [reward, None]


def test_a_metric_without_a_direction_is_no_reward() -> None:
    scores = (MetricScore("grader.python_brier", 0.3, "neither"),)
    with pytest.raises(ConfigError, match="no direction"):
        REWARD.of(Group(PROBLEM, (JudgedResponse("x", 1, scores=scores),)))


def test_a_batch_in_which_every_grade_failed_stops_training() -> None:
    """Even where half of the grades may be missing."""

    def judge(asked):
        return [judged(*(completion.text for completion in completions)) for _, completions in asked]

    stage = RewardStage(judge, (RewardPart(REWARD, 1.0),), group_size=2, max_missing=0.5)
    (part,) = stage.functions()
    assert part([said("0.75"), "Perhaps."], [[1], [2]], ["q", "q"])[0] == -0.0625
    with pytest.raises(TrainingStoppedError, match="has no value for 2 of 2"):
        part(["Perhaps.", "Who knows?"], [[3], [4]], ["q", "q"])
