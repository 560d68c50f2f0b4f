"""Trajectories, beliefs and metric values as tables: what comes back, and what is refused."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from veracity.core.errors import DataError
from veracity.core.problem import Problem
from veracity.core.requests import Message
from veracity.core.trajectory import Step, Trajectory
from veracity.judging.beliefs import Reading
from veracity.metrics.belief_rows import BELIEFS, belief_rows, check_beliefs
from veracity.metrics.metric_rows import METRIC_ROWS, check_metric_rows
from veracity.metrics.trajectory_rows import (
    STEPS,
    TRAJECTORIES,
    failed_row,
    read_trajectories,
    step_rows,
    trajectory_row,
)

BINARY = Problem("p1", "d", "Rain?", options=("rain", "sun"), correct=1, cluster="storm")
FREE = Problem("p1", "other", "Why?", answers=("clouds",))
DEBATE = Trajectory(
    BINARY,
    "self_debate",
    1,
    (Message("system", "Be brief."), *BINARY.messages((1, 0))),
    (Step("Argue.", "instruction", "user", trainable=False, side=1), Step("Sun.", "argument", side=1)),
    (1, 0),
    tokens=7,
    condition="u1",
    prompt_hash="h",
)
THOUGHT = Trajectory(
    FREE,
    "direct",
    0,
    FREE.messages(),
    (Step("Hm.", "reasoning", hidden=True, apart=True), Step("So.")),
    target_tokens=9,
)


def tables(*trajectories: Trajectory) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = [trajectory_row(t, arm="a", model="m", split="test") for t in trajectories]
    steps = [row for t in trajectories for row in step_rows(t, model="m")]
    return TRAJECTORIES.frame(rows), STEPS.frame(steps)


def test_trajectories_come_back_as_they_were() -> None:
    found, steps = tables(DEBATE, THOUGHT)
    failed = failed_row(BINARY, arm="a", model="m", mode="direct", replicate=0, reason="timed out")
    both = pl.concat([found, TRAJECTORIES.frame([failed])])
    back = read_trajectories(both, steps.sample(fraction=1, shuffle=True, seed=1), [BINARY, FREE])
    assert list(back.values()) == [DEBATE, THOUGHT]
    assert list(back) == [DEBATE.identity("m"), THOUGHT.identity("m")]
    assert found["cluster"].to_list() == ["storm", "p1"] and found["reference"].to_list() == ["sun", "clouds"]
    assert found["answer"].to_list() == ["Sun.", "So."] and both["answer"][2] is None
    with pytest.raises(DataError, match="problem is not at hand"):
        read_trajectories(found, steps, [BINARY])


def reading(probability: float | None, status: Any = "ok", replicate: int = 0) -> Reading:
    both = None if probability is None else (probability, 1 - probability)
    return Reading(2, True, None, replicate, "judge", "judge_own", "prefix", (1, 0), "h", both, status, "raw", None)


def test_beliefs_point_at_their_trajectory_and_name_who_gave_them() -> None:
    rows = belief_rows(DEBATE, [reading(0.25), reading(None, "refused", 1)], arm="a", model="m", models={"judge": "j"})
    found = check_beliefs(BELIEFS.frame(rows))
    assert found["probability"].to_list() == [0.25, None] and found["probabilities"][0].to_list() == [0.25, 0.75]
    assert set(found["trajectory"]) == {DEBATE.identity("m")} and set(found["judge"]) == {"j"}
    assert set(found["condition"]) == {"u1"} and set(found["prior"]) == {"none"}


@pytest.mark.parametrize(
    ("bad", "field"),
    [(reading(1.25), "probability"), (reading(None), "probability"), (reading(0.2, "parse_failed"), "probability")],
)
def test_beliefs_out_of_range_or_without_a_state_are_refused(bad: Reading, field: str) -> None:
    rows = belief_rows(DEBATE, [bad], arm="a", model="m", models={"judge": "j"})
    with pytest.raises(DataError, match=field):
        check_beliefs(BELIEFS.frame(rows))


def value(**changes: Any) -> dict[str, Any]:
    row = {"item": "p1", "cluster": "storm", "domain": "d", "arm": "a", "metric": "x", "config": "c"}
    return {**row, "value": 0.5, "direction": "lower", "status": "ok", **changes}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([value(status="no_truth")], "if and only if"),
        ([value(value=None)], "if and only if"),
        ([value(), value(item="p2", direction="higher")], "two directions"),
        ([value(direction=None)], "direction"),
        ([value(value=float("nan"))], "finite"),
        ([value(status="failed", value=None)], "is not one of"),
        ([value(), value()], "two rows"),
    ],
)
def test_metric_rows_without_direction_state_or_number_are_refused(rows: list[dict[str, Any]], message: str) -> None:
    check_metric_rows(METRIC_ROWS.frame([value(), value(item="p2", value=None, status="insufficient")]))
    with pytest.raises(DataError, match=message):
        check_metric_rows(METRIC_ROWS.frame(rows))
