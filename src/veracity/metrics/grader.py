"""Any grader as a metric: one row a trajectory, its reward as the value, higher is better.

A grade that could not be had is a row with its status and no number, excluded from the mean and counted.
"""

from __future__ import annotations

from typing import Any

from veracity.core.identity import content_hash
from veracity.core.trajectory import Trajectory
from veracity.judging.graders import Graded, Grader


def grader_row(
    trajectory: Trajectory, graded: Graded, grader: Grader, *, arm: str, model: str, judge: str | None = None
) -> dict[str, Any]:
    """A row of the metric rows table.

    `model` is the identity of the trajectory's policy, `judge` that of whoever grades, if anybody does.
    """
    problem = trajectory.problem
    return {
        "item": problem.id,
        "cluster": problem.cluster or problem.id,
        "domain": problem.domain,
        "arm": arm,
        "trajectory": trajectory.identity(model),
        "replicate": trajectory.replicate,
        "metric": f"grader.{grader.name}",
        "config": content_hash(["grader", grader.to_openai_spec()]),
        "judge": judge,
        "value": graded.reward,
        "trials": 1,
        "direction": "higher",
        "status": graded.status,
        "reason": graded.reason,
    }
