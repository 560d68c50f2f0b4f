"""Qualitative verdicts: a table of them, the mean by trajectory, what length does to it, and how far to trust it.

Scores run from 0 to 1, higher is better; there is no chance level. A trajectory's score is the mean of its verdicts
(orders of examples, rounds); a verdict that could not be read is none of them and is counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from veracity.core.errors import DataError
from veracity.core.estimate import Estimate
from veracity.core.identity import derive_seed
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
    names = _criteria(verdicts)
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


def _criteria(verdicts: pl.DataFrame) -> list[str]:
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
    """Slope of the overall score on log₂ of the words judged, over all verdicts: what doubling the length earns.

    Cluster-robust by source item. A judge that rewards length shows here; null 0, and neither direction is better. None
    where all texts are of one length.
    """
    valid = VERDICTS.check(verdicts).filter((pl.col("status") == "ok") & (pl.col("words") > 0))
    lengths = np.log2(valid["words"].to_numpy().astype(float))
    if valid.height < 2 or np.all(lengths == lengths[0]):
        return None
    return cluster_robust_slope(lengths, valid["overall"].to_numpy(), valid["cluster"].to_list(), direction="neither")


def length_controlled(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The same verdicts with the overall score that is expected at the table's mean log-length: its slope taken off.

    Scores may then lie a little outside [0, 1]. Unchanged where all texts are of one length.
    """
    slope = length_slope(verdicts)
    if slope is None:
        return verdicts
    lengths = pl.col("words").clip(1).log(2)
    centre = float(np.log2(np.maximum(verdicts["words"].to_numpy(), 1)).mean())
    return verdicts.with_columns(overall=pl.col("overall") - slope.value * (lengths - centre))


def swap_effect(against_first: Mapping[str, float], in_favour_first: Mapping[str, float]) -> float:
    """Mean score with the case for shown first, minus that with the case against shown first, on shared trajectories.

    Raises:
        DataError: there are none.
    """
    shared = sorted(against_first.keys() & in_favour_first.keys())
    if not shared:
        raise DataError("the two orders were asked about no trajectory in common; ask both about the same ones")
    return math.fsum(in_favour_first[name] - against_first[name] for name in shared) / len(shared)


def double_scored(trajectories: Sequence[str], *, share: float = 0.1, seed: int = 0) -> list[str]:
    """Which trajectories people score too: `share` of them, at least one, the same ones whatever the order given."""
    ranked = sorted(trajectories, key=lambda name: derive_seed(seed, "double scoring", name))
    return sorted(ranked[: max(1, round(share * len(ranked)))]) if ranked else []


def krippendorff_alpha(ratings: Sequence[Sequence[float | None]]) -> float | None:
    """Krippendorff's α of interval data, 1 − D_o / D_e: 1 is agreement, 0 what chance gives.

    Args:
        ratings: one sequence a rated thing, one entry a rater; None where that rater gave none.

    Returns:
        None where no thing has two ratings, or all ratings are equal.

    Source: Krippendorff, 2011, Computing Krippendorff's alpha-reliability.
    """
    units = [[r for r in unit if r is not None] for unit in ratings]
    units = [unit for unit in units if len(unit) > 1]
    pooled = [rating for unit in units for rating in unit]
    n = len(pooled)
    if not pooled or (expected := _squares(pooled) / (n * (n - 1))) == 0:  # or differences too small to be squared
        return None
    observed = math.fsum(_squares(unit) / (len(unit) - 1) for unit in units) / n
    return 1 - observed / expected


def _squares(values: Sequence[float]) -> float:
    """Sum of squared differences over all ordered pairs: 2 (n Σx² − (Σx)²), from the mean for accuracy."""
    mean = math.fsum(values) / len(values)
    return 2 * len(values) * math.fsum((value - mean) ** 2 for value in values)
