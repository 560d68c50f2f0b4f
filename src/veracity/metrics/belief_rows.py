"""The table of beliefs: one row a reading of how probable the options are, after so many steps of a trajectory.

`probability` is always that of option 0 in canonical order, whatever order was shown; `probabilities` are those of all
options. A reading that gave no number has none, and `status` says why. Readings of one (trajectory, step) differ by
replicate, judge, owner, view and kind of prior; a metric chooses, and averages over replicates alone.

Which rows a metric takes:

* the prior: `prior` is the kind that was asked for (`policy_prior` and `judge_prior` at step 0; `first_step` at the
  first point of a trajectory that has a later one). The `judge` of a `policy_prior` is the policy itself; `owner` is
  for all rows that of the series they belong to;
* the path: `prior` is `none` or `first_step`, ordered by `step`;
* the end: `last` is true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from veracity.core.errors import DataError
from veracity.core.trajectory import Trajectory
from veracity.judging.beliefs import Reading
from veracity.metrics.table_schema import TableSchema

BELIEFS = TableSchema(
    name="beliefs table",
    columns={
        "trajectory": pl.String(),
        "item": pl.String(),
        "cluster": pl.String(),  # source item: the unit of every interval
        "domain": pl.String(),
        "arm": pl.String(),
        "condition": pl.String(),  # of the trajectory: neutral, u0, u1, …
        "step": pl.Int64(),  # steps of the trajectory that were shown: 0 none, t the first t
        "last": pl.Boolean(),  # whether that is all of them
        "prior": pl.String(),  # none, policy_prior, judge_prior, first_step
        "replicate": pl.Int64(),  # from 0
        "judge": pl.String(),  # identity of who gave the number
        "owner": pl.String(),  # whose belief it is: policy_expressed, judge_own
        "view": pl.String(),  # prefix: only the steps shown; hindsight: asked with the whole trajectory in sight
        "prompt_hash": pl.String(),  # of the probe's prompt file and settings
        "order": pl.List(pl.Int64()),  # canonical indices in the order in which the options were shown
        "probability": pl.Float64(),  # of canonical option 0; null unless ok
        "probabilities": pl.List(pl.Float64()),  # of all options, in canonical order; null unless ok
        "reply": pl.String(),  # raw; null when the request failed
        "status": pl.String(),  # ok, parse_failed, refused, out_of_range, request_failed
        "reason": pl.String(),  # why it is not ok
    },
    allowed={
        "prior": frozenset({"none", "policy_prior", "judge_prior", "first_step"}),
        "owner": frozenset({"policy_expressed", "judge_own"}),
        "view": frozenset({"prefix", "hindsight"}),
        "status": frozenset({"ok", "parse_failed", "refused", "out_of_range", "request_failed"}),
    },
    required=frozenset(
        {"trajectory", "item", "cluster", "domain", "arm", "condition", "step", "last", "prior", "replicate"}
        | {"judge", "owner", "view", "prompt_hash", "order", "status"}
    ),
    key=("trajectory", "step", "prior", "replicate", "judge", "owner", "view", "prompt_hash"),
)
"""Columns of `tables/beliefs.parquet`."""


def check_beliefs(beliefs: pl.DataFrame) -> pl.DataFrame:
    """`beliefs` unchanged if it keeps the schema, and has a probability in [0, 1] where, and only where, it is ok.

    Raises:
        DataError: naming the column that breaks a rule.
    """
    BELIEFS.check(beliefs)
    for column in ("probability", "probabilities"):
        if beliefs.filter((pl.col("status") == "ok") != pl.col(column).is_not_null()).height:
            raise DataError("has a value if and only if the status is ok", path=BELIEFS.name, field=column)
    if beliefs.filter(~pl.col("probability").is_between(0, 1)).height:
        raise DataError("must lie between 0 and 1", path=BELIEFS.name, field="probability")
    return beliefs


def belief_rows(
    trajectory: Trajectory, readings: Iterable[Reading], *, arm: str, model: str, models: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Rows of the beliefs table.

    `model` is the identity of the trajectory's policy, `models` that of whoever plays each role.

    Raises:
        KeyError: a role without a model.
    """
    problem, name = trajectory.problem, trajectory.identity(model)
    return [
        {
            "trajectory": name,
            "item": problem.id,
            "cluster": problem.cluster or problem.id,
            "domain": problem.domain,
            "arm": arm,
            "condition": trajectory.condition,
            "step": reading.step,
            "last": reading.last,
            "prior": reading.prior or "none",
            "replicate": reading.replicate,
            "judge": models[reading.role],
            "owner": reading.owner,
            "view": reading.view,
            "prompt_hash": reading.prompt_hash,
            "order": list(reading.order),
            "probability": reading.probability,
            "probabilities": None if reading.probabilities is None else list(reading.probabilities),
            "reply": reading.reply,
            "status": reading.status,
            "reason": reading.reason,
        }
        for reading in readings
    ]
