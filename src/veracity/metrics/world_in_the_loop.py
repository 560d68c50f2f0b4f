"""World in the loop from a table of uplifts: by token, for the outcome, and beyond what control answers give.

    U = lp(report | task, question, answer) − lp(report | task, question)

Higher is better and 0 is no effect. `controlled` takes off the mean of the control arms (irrelevant answers of the same
length, another policy's answer) on the same task: what any text in that place would give. `outcome` is the gain in log
p(outcome) over the task's fixed outcomes, which no style or length of a report can earn. Tasks of one trajectory are
averaged first; trajectories are rows, and source items the clusters.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from veracity.core.trajectory import Trajectory
from veracity.judging.world_in_the_loop import Investigation, TaskSampling, TaskState, Uplift, WorldSettings
from veracity.metrics.table_schema import TableSchema
from veracity.metrics.token_evidence import token_rows

WORLD_TRIALS = TableSchema(
    name="world trials table",
    columns={
        "trajectory": pl.String(),
        "item": pl.String(),
        "cluster": pl.String(),  # source item: the unit of every interval
        "domain": pl.String(),
        "arm": pl.String(),  # the system that is measured
        "replicate": pl.Int64(),
        "config": pl.String(),  # content hash of template, dates and prompts
        "template": pl.String(),  # vanilla, rephrase, toolcall
        "blind": pl.Boolean(),
        "as_of": pl.String(),  # data from after this day were not to be used
        "task": pl.String(),  # content hash; null where no tasks could be made
        "task_question": pl.String(),
        "outcomes": pl.List(pl.String()),
        "outcome": pl.Int64(),  # index of the one that holds; null without a report
        "report": pl.String(),
        "report_hash": pl.String(),
        "read": pl.String(),  # what the forecaster had read: answer, irrelevant, other_policy; null without an uplift
        "conditional": pl.Float64(),  # nats; null unless ok
        "base": pl.Float64(),
        "tokens": pl.Int64(),  # of the report
        "outcome_conditional": pl.Float64(),
        "outcome_base": pl.Float64(),
        "status": pl.String(),  # ok, no_uplift (a report that was not scored yet), or why there is none
        "stage": pl.String(),  # tasks, investigation, uplift: the last that was reached
        "reason": pl.String(),
    },
    allowed={
        "template": frozenset({"vanilla", "rephrase", "toolcall"}),
        "read": frozenset({"answer", "irrelevant", "other_policy"}),
        "stage": frozenset({"tasks", "investigation", "uplift"}),
        "status": frozenset(
            {"ok", "no_uplift", "timed_out", "request_failed", "parse_failed", "refused", "skipped", "insufficient"}
        ),
    },
    required=frozenset(
        {"trajectory", "item", "cluster", "domain", "arm", "replicate", "config", "template", "blind", "as_of"}
        | {"status", "stage"}
    ),
    key=("arm", "trajectory", "config", "task", "read"),
)
"""Columns of `tables/world_trials.parquet`."""

VALUES = ("uplift", "uplift_per_token", "uplift_per_token_controlled", "outcome", "outcome_controlled")
"""A metric is called `world_in_the_loop.<value>`."""
NULLS = {f"world_in_the_loop.{name}": 0.0 for name in VALUES}
"""What no effect gives."""
_TRACE = ("arm", "domain", "item", "cluster", "trajectory", "replicate", "config")


def world_rows(
    trajectory: Trajectory,
    sampled: TaskSampling,
    found: Mapping[str, Investigation],
    uplifts: Mapping[str, Sequence[Uplift]],
    settings: WorldSettings,
    *,
    arm: str,
    model: str,
) -> list[dict[str, Any]]:
    """Rows of the world trials table for one trajectory, as far as each task has come.

    `found` and `uplifts` are by task id; `model` is the policy's identity.
    """
    problem = trajectory.problem
    about: dict[str, Any] = {
        "trajectory": trajectory.identity(model),
        "item": problem.id,
        "cluster": problem.cluster or problem.id,
        "domain": problem.domain,
        "arm": arm,
        "replicate": trajectory.replicate,
        "config": settings.config,
        "template": settings.template,
        "blind": settings.blind,
        "as_of": settings.as_of.isoformat(),
    }
    if sampled.status != "ok":
        return [about | {"stage": "tasks", "status": sampled.status, "reason": sampled.reason}]
    rows: list[dict[str, Any]] = []
    for task in sampled.tasks:
        posed = about | {"task": task.id, "task_question": task.question, "outcomes": list(task.outcomes)}
        rows += [posed | row for row in _task_rows(found.get(task.id), uplifts.get(task.id, ()))]
    return rows


def evidence_rows(
    trajectory: str, sampled: TaskSampling, uplifts: Mapping[str, Sequence[Uplift]]
) -> list[dict[str, Any]]:
    """Rows of the token evidence table: a report's tokens with and without the answer; the trial is the task's place.

    Args:
        trajectory: Its identity.
        sampled: Its tasks, in their order.
        uplifts: By task id.
    """
    return [
        row
        for place, task in enumerate(sampled.tasks)
        for uplift in uplifts.get(task.id, ())
        if uplift.arm == "answer" and uplift.by_token is not None
        for row in token_rows(trajectory, "world_in_the_loop.uplift", place, uplift.by_token)
    ]


def _task_rows(found: Investigation | None, uplifts: Iterable[Uplift]) -> list[dict[str, Any]]:
    if found is None:
        return [{"stage": "tasks", "status": "no_uplift", "reason": "it was not looked into"}]
    if found.status != "ok":
        return [{"stage": "investigation", "status": found.status, "reason": found.reason}]
    report = {"report": found.report, "report_hash": found.report_hash, "outcome": found.outcome}
    scored = [report | _uplift_row(uplift) for uplift in uplifts]
    unscored = {"stage": "investigation", "status": "no_uplift", "reason": "its report was not scored"}
    return scored or [report | unscored]


def _uplift_row(uplift: Uplift) -> dict[str, Any]:
    return {
        "read": uplift.arm,
        "conditional": uplift.conditional,
        "base": uplift.base,
        "tokens": uplift.tokens,
        "outcome_conditional": uplift.outcome_conditional,
        "outcome_base": uplift.outcome_base,
        "stage": "uplift",
        "status": uplift.status,
        "reason": uplift.reason,
    }


def task_states(trials: pl.DataFrame) -> dict[str, dict[str, TaskState]]:
    """By trajectory and task, whether there is a report, and an uplift of the answer: what recomputing is decided by.

    Raises:
        DataError: the table breaks its schema.
    """
    states: dict[str, dict[str, TaskState]] = {}
    for row in WORLD_TRIALS.check(trials).filter(pl.col("task").is_not_null()).iter_rows(named=True):
        tasks = states.setdefault(row["trajectory"], {})
        before = tasks.get(row["task"], TaskState(report=False, uplift=False))
        scored = row["read"] == "answer" and row["status"] == "ok"
        tasks[row["task"]] = TaskState(before.report or row["report"] is not None, before.uplift or scored)
    return states


def world_metric_rows(trials: pl.DataFrame, *, minimum: int = 1) -> list[dict[str, Any]]:
    """Rows of the metric rows table: every value of `VALUES` for every trajectory, the mean over its scored tasks.

    A trajectory with fewer scored tasks than `minimum` has no number: `timed_out` (or another failure) if every task
    failed alike, else `insufficient`.

    Raises:
        DataError: the table breaks its schema.
    """
    WORLD_TRIALS.check(trials)
    rows: list[dict[str, Any]] = []
    for values, own in trials.group_by(*_TRACE, maintain_order=True):
        about = dict(zip(_TRACE, values, strict=True))
        by_task: dict[str, dict[str, Mapping[str, Any]]] = {}
        failed: list[str] = []
        for row in own.iter_rows(named=True):
            if row["status"] == "ok":
                by_task.setdefault(row["task"], {})[row["read"]] = row
            elif row["read"] in (None, "answer"):
                failed.append(row["status"])
        for name in VALUES:
            valid = [value for task in by_task.values() if (value := task_value(name, task)) is not None]
            rows.append(about | _row(name, valid, failed, minimum))
    return rows


def task_value(name: str, task: Mapping[str, Mapping[str, Any]]) -> float | None:
    """One of `VALUES` of one task, from its rows by what was read; None without the answer's, or without a control."""
    plain = name.removesuffix("_controlled")
    gains = {read: _gain(plain, row) for read, row in task.items()}
    if "answer" not in gains:
        return None
    controls = [gain for read, gain in gains.items() if read != "answer"]
    if name == plain:
        return gains["answer"]
    return gains["answer"] - math.fsum(controls) / len(controls) if controls else None


def _gain(name: str, row: Mapping[str, Any]) -> float:
    if name == "outcome":
        return float(row["outcome_conditional"] - row["outcome_base"])
    whole = float(row["conditional"] - row["base"])
    return whole / row["tokens"] if name == "uplift_per_token" else whole


def _row(name: str, values: Sequence[float], failed: Sequence[str], minimum: int) -> dict[str, Any]:
    row: dict[str, Any] = {"metric": f"world_in_the_loop.{name}", "direction": "higher", "trials": len(values)}
    if len(values) >= max(1, minimum):
        spread = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else None
        return row | {"value": math.fsum(values) / len(values), "se": spread, "status": "ok"}
    alike = set(failed) if not values else set()
    status = alike.pop() if len(alike) == 1 and alike != {"no_uplift"} else "insufficient"
    said = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(failed).items())) or "none failed"
    return row | {"status": status, "reason": f"{len(values)} scored tasks of at least {max(1, minimum)} ({said})"}
