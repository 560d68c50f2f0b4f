"""The table of metric values: one row a value of one metric for one trajectory.

Where a metric compares several trajectories of an item (an opinion shift between conditions) a row is about the item.

`direction` is data: whoever selects or rewards by a value reads there which way is better, and refuses `neither`. A
value that could not be had has a status of its own and a reason, and no number.
"""

from __future__ import annotations

import polars as pl

from veracity.core.errors import DataError
from veracity.metrics.table_schema import TableSchema

METRIC_STATUSES = frozenset(
    {"ok", "insufficient", "skipped", "no_truth", "no_belief", "no_movement", "parse_failed", "refused"}
    | {"out_of_range", "request_failed", "judge_failed", "grader_failed", "timed_out", "not_applicable"}
)
"""Why a row has, or has not, a value.

`insufficient`: fewer valid trials than the minimum. `skipped`: a rule left it out (identical texts, one model on both
sides). `no_truth`: the metric needs a right option and none is known. `no_belief`: a belief that it needs was not read.
`no_movement`: nothing moved, so that the value is undefined. `not_applicable`: the item is of another kind."""

METRIC_ROWS = TableSchema(
    name="metric rows table",
    columns={
        "item": pl.String(),
        "cluster": pl.String(),  # source item: the unit of every interval
        "domain": pl.String(),
        "arm": pl.String(),
        "trajectory": pl.String(),  # null where the value belongs to the item, not to one trajectory
        "replicate": pl.Int64(),  # of the trajectory, or of the item's set of trajectories
        "step": pl.Int64(),  # null where the value belongs to the whole
        "metric": pl.String(),  # name and variant: truth_accuracy.brier.eventual
        "config": pl.String(),  # content hash of the metric's settings
        "judge": pl.String(),  # identity of who judged; null where nobody did
        "value": pl.Float64(),  # null unless ok
        "se": pl.Float64(),  # standard error over the trials; null where there is none
        "trials": pl.Int64(),  # readings, verdicts or trials behind the value
        "direction": pl.String(),  # higher or lower is better; neither
        "status": pl.String(),  # see METRIC_STATUSES
        "reason": pl.String(),  # why it is not ok
    },
    allowed={"direction": frozenset({"higher", "lower", "neither"}), "status": METRIC_STATUSES},
    required=frozenset({"item", "cluster", "domain", "arm", "metric", "config", "direction", "status"}),
    key=("arm", "domain", "item", "trajectory", "replicate", "step", "metric", "config", "judge"),
)
"""Columns of `tables/metric_rows.parquet`."""


def check_metric_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` unchanged if it keeps the schema, has a value where, and only where, it is ok, and one direction a metric.

    Raises:
        DataError: naming the column that breaks a rule.
    """
    METRIC_ROWS.check(rows)
    if rows.filter((pl.col("status") == "ok") != pl.col("value").is_not_null()).height:
        raise DataError("has a value if and only if the status is ok", path=METRIC_ROWS.name, field="value")
    ways = rows.group_by("metric", maintain_order=True).agg(pl.col("direction").n_unique())
    if (both := ways.filter(pl.col("direction") > 1)).height:
        raise DataError(f"{both['metric'][0]} has two directions", path=METRIC_ROWS.name, field="direction")
    return rows
