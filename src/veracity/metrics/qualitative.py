"""Qualitative verdicts: a table of them, the mean by trajectory, and what length does to it.

Scores run from 0 to 1, higher is better; there is no chance level. A trajectory's score is the mean of its verdicts
(orders of examples, rounds); a verdict that could not be read is none of them and is counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from veracity.core.estimate import Estimate
from veracity.core.trajectory import Trajectory
from veracity.judging.qualitative import QualitativeSettings, Verdict
from veracity.metrics.table_schema import TableSchema
from veracity.stats.cluster import cluster_robust_slope

VERDICTS = TableSchema(
    name="verdicts table",
    columns={
        "trajectory": pl.String(),
        "item": pl.String(),
        "cluster": pl.String(),  # source item: the unit of every interval
        "domain": pl.String(),
        "arm": pl.String(),
        "replicate": pl.Int64(),  # of the trajectory
        "words": pl.Int64(),  # of what was judged
        "judge": pl.String(),  # identity
        "self_judged": pl.Boolean(),  # whether the judge is the policy
        "blue_first": pl.Boolean(),  # whether the case for it was shown before the case against it
        "config": pl.String(),  # content hash of rubric, prompts and settings
        "order": pl.List(pl.Int64()),  # of the examples; empty without any
        "round": pl.Int64(),  # from 0
        "overall": pl.Float64(),  # 0 to 1; null unless ok
        "criteria": pl.List(pl.Struct({"name": pl.String(), "score": pl.Float64()})),  # null unless ok
        "rationale": pl.String(),
        "status": pl.String(),  # ok, parse_failed, request_failed
        "reason": pl.String(),  # why it is not ok
    },
    allowed={"status": frozenset({"ok", "parse_failed", "request_failed"})},
    required=frozenset(
        {"trajectory", "item", "cluster", "domain", "arm", "replicate", "words", "judge", "self_judged"}
        | {"blue_first", "config", "order", "round", "status"}
    ),
)
"""Columns of `tables/verdicts.parquet`."""


def verdict_rows(
    trajectory: Trajectory,
    transcript: str,
    verdicts: Iterable[Verdict],
    settings: QualitativeSettings,
    *,
    arm: str,
    model: str,
    judge: str,
) -> list[dict[str, Any]]:
    """Rows of the verdicts table; `model` and `judge` are the identities of the policy and of who judged."""
    problem = trajectory.problem
    about = {
        "trajectory": trajectory.identity(model),
        "item": problem.id,
        "cluster": problem.cluster or problem.id,
        "domain": problem.domain,
        "arm": arm,
        "replicate": trajectory.replicate,
        "words": len(transcript.split()),
        "judge": judge,
        "self_judged": judge == model,
        "blue_first": settings.blue_first,
        "config": settings.config,
    }
    return [about | _said(verdict) for verdict in verdicts]


def _said(verdict: Verdict) -> dict[str, Any]:
    scores = verdict.scores
    return {
        "order": list(verdict.query.order),
        "round": verdict.query.round,
        "overall": scores.overall if scores else None,
        "criteria": [{"name": name, "score": score} for name, score in scores.criteria] if scores else None,
        "rationale": scores.rationale if scores else None,
        "status": verdict.status,
        "reason": verdict.reason,
    }


def qualitative_rows(verdicts: pl.DataFrame, *, minimum: int = 1) -> list[dict[str, Any]]:
    """Rows of the metric rows table: `qualitative.overall` and one a criterion, for every trajectory and judge.

    A trajectory with fewer valid verdicts than `minimum` is `insufficient`; one with none has its failures' status.

    Raises:
        DataError: the table breaks its schema.
    """
    VERDICTS.check(verdicts)
    rows: list[dict[str, Any]] = []
    keys = ("arm", "domain", "item", "cluster", "trajectory", "replicate", "config", "judge")
    names = criteria_named(verdicts)
    for values, own in verdicts.group_by(keys, maintain_order=True):
        found: dict[str, list[float]] = {name: [] for name in ("overall", *names)}
        for verdict in own.filter(pl.col("status") == "ok").iter_rows(named=True):
            found["overall"].append(verdict["overall"])
            for entry in verdict["criteria"]:
                found[entry["name"]].append(entry["score"])
        about = dict(zip(keys, values, strict=True))
        failures = Counter(own.filter(pl.col("status") != "ok")["status"].to_list())
        rows += [about | _row(name, scores, failures, minimum) for name, scores in found.items()]
    return rows


def criteria_named(verdicts: pl.DataFrame) -> list[str]:
    """Names of the criteria that the verdicts score."""
    listed = verdicts["criteria"].drop_nulls().to_list()
    return list(dict.fromkeys(entry["name"] for entries in listed for entry in entries))


def _row(name: str, scores: Sequence[float], failures: Counter[str], minimum: int) -> dict[str, Any]:
    row: dict[str, Any] = {"metric": f"qualitative.{name}", "direction": "higher", "trials": len(scores)}
    if scores and len(scores) >= minimum:
        spread = float(np.std(scores, ddof=1)) / math.sqrt(len(scores)) if len(scores) > 1 else None
        return row | {"value": math.fsum(scores) / len(scores), "se": spread, "status": "ok"}
    said = ", ".join(f"{count} {status}" for status, count in sorted(failures.items())) or "none failed"
    status = "insufficient" if scores or not failures else failures.most_common(1)[0][0]
    return row | {"status": status, "reason": f"{len(scores)} valid verdicts of at least {minimum} ({said})"}


def length_slope(verdicts: pl.DataFrame) -> Estimate | None:
    """Slope of the overall score on log₂ of the words judged, within arms: what doubling the length earns.

    Lengths and scores are taken as differences from their arm's means, so that an arm that is longer and better is not
    taken for a judge that likes length. Cluster-robust by source item; null 0, and neither direction is better. None
    where no arm has texts of two lengths.
    """
    valid = VERDICTS.check(verdicts).filter((pl.col("status") == "ok") & (pl.col("words") > 0))
    length, score = pl.col("words").log(2), pl.col("overall")
    valid = valid.select("cluster", x=length - length.mean().over("arm"), y=score - score.mean().over("arm"))
    lengths = valid["x"].to_numpy()
    if valid.height < 2 or float(np.ptp(lengths)) < 1e-9:
        return None
    return cluster_robust_slope(lengths, valid["y"].to_numpy(), valid["cluster"].to_list(), direction="neither")


def length_controlled(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The same verdicts with the overall score that is expected at the table's mean log-length: its slope taken off.

    One slope for all arms of the table, so that arms of different lengths can be compared. Scores may lie a little
    outside [0, 1]. Unchanged where no arm has texts of two lengths.
    """
    slope = length_slope(verdicts)
    if slope is None:
        return verdicts
    lengths = pl.col("words").clip(1).log(2)
    centre = float(np.log2(np.maximum(verdicts["words"].to_numpy(), 1)).mean())
    return verdicts.with_columns(overall=pl.col("overall") - slope.value * (lengths - centre))


def length_controlled_rows(controlled: pl.DataFrame, *, minimum: int = 1) -> list[dict[str, Any]]:
    """Rows `qualitative.at_equal_length`, of verdicts that `length_controlled` made."""
    whole = qualitative_rows(controlled, minimum=minimum)
    return [row | {"metric": "qualitative.at_equal_length"} for row in whole if row["metric"] == "qualitative.overall"]
