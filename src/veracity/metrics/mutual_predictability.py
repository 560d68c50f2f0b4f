"""Mutual predictability from a table of trials: uplift in nats, by token, and beyond what control contexts give.

    uplift     = lp(a | context) − lp(a)
    controlled = lp(a | context) − lp(a | as many answers to other questions by another policy)
    content    = lp(a | context) − lp(a | as many answers to other questions by the evaluated policy)

Higher is better and 0 is no effect. Sums are ruled by long answers, so values a token stand beside them. `controlled`
takes off what any answers in that place would give. `content` takes off the evaluated policy's own style, format and
length, which its answers to other questions have too: what is left is the pointwise mutual information, for this
predictor, between its answer and another policy's on the same question. It is 0 for who says the same whatever it is
asked, and neither padding nor brevity changes it. Only where the context answers the target's question is there any.

Across questions a policy that repeats itself scores well, since another policy's answers do not take its own style off;
`examples` do, which show that style in both terms.

No policy predicts its own answer, so each is asked about other targets, whose lengths and ease differ: means over
policies' own targets do not rank them. `common_rows` are for comparing two policies on targets that both were asked
about. A policy that is coherent need not be right, and who says all that another says cannot be told from it by what
its words predict: read it beside accuracy. A context in the target's very words is left out, as in the paper, so of
answers of a word or two only those that disagree are scored: `uplift` is then below 0 where nothing is known of one
another, `content` is not. Trials of one answer are averaged first; answers are rows, and source items the clusters.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from veracity.judging.mutual_predictability import Answer, MutualSettings, Trial, TrialResult
from veracity.metrics.table_schema import TableSchema
from veracity.metrics.token_evidence import token_rows

TRIALS = TableSchema(
    name="mutual trials table",
    columns={
        "trajectory": pl.String(),  # of the answer whose score it is
        "item": pl.String(),
        "cluster": pl.String(),  # source item: the unit of every interval
        "domain": pl.String(),
        "arm": pl.String(),
        "replicate": pl.Int64(),
        "config": pl.String(),  # content hash of the axes and prompts
        "scoring": pl.String(),  # uplift, conditional_only, judge_consistency
        "trial": pl.Int64(),  # number of the draw, from 0
        "evaluated": pl.String(),  # identity of the policy whose score it is
        "predictor": pl.String(),  # identity; null where none was drawn
        "predicted": pl.String(),  # identity; null where none was drawn
        "target": pl.String(),  # trajectory of the target answer
        "context": pl.List(pl.String()),  # trajectories of the context answers
        "conditional": pl.Float64(),  # nats; null unless ok, or where the scoring has none
        "base": pl.Float64(),
        "control": pl.Float64(),
        "matched": pl.Float64(),
        "tokens": pl.Int64(),  # of the target answer
        "rating": pl.Float64(),  # 0 to 1
        "status": pl.String(),  # ok, skipped, request_failed, parse_failed, refused, out_of_range
        "reason": pl.String(),  # of a skip its name, else the words of an error
    },
    allowed={
        "scoring": frozenset({"uplift", "conditional_only", "judge_consistency"}),
        "status": frozenset({"ok", "skipped", "request_failed", "parse_failed", "refused", "out_of_range"}),
    },
    required=frozenset(
        {"trajectory", "item", "cluster", "domain", "arm", "replicate", "config", "scoring", "trial", "status"}
        | {"evaluated"}
    ),
    key=("arm", "trajectory", "config", "trial"),
)
"""Columns of `tables/mutual_trials.parquet`."""

UPLIFTS = ("uplift", "uplift_per_token", "uplift_per_token_controlled", "content", "content_per_token")
CONDITIONALS = ("conditional", "conditional_per_token")
VALUES: Mapping[str, tuple[str, ...]] = {
    "uplift": UPLIFTS,
    "conditional_only": CONDITIONALS,
    "judge_consistency": ("consistency",),
}
"""Values of a trial, by scoring; a metric is called `mutual_predictability.<value>`."""
_WITHOUT = {"uplift_per_token_controlled": "control", "content": "matched"}
"""Column of the term that is taken off; the base for all others."""
NULLS = {f"mutual_predictability.{name}": 0.0 for name in UPLIFTS}
"""What no effect gives."""


def trial_rows(
    evaluated: Answer, results: Iterable[TrialResult], settings: MutualSettings, *, arm: str
) -> list[dict[str, Any]]:
    """Rows of the mutual trials table for one answer."""
    about = {
        "trajectory": evaluated.trajectory,
        "item": evaluated.item,
        "cluster": evaluated.cluster,
        "domain": evaluated.domain,
        "arm": arm,
        "replicate": evaluated.replicate,
        "config": settings.config,
        "scoring": settings.scoring,
        "evaluated": evaluated.model,
    }
    return [about | _row(result) for result in results]


def evidence_rows(evaluated: Answer, results: Iterable[TrialResult]) -> list[dict[str, Any]]:
    """Rows of the token evidence table: the target's tokens in each valid trial that was scored with and without."""
    return [
        row
        for result in results
        if result.by_token is not None
        for row in token_rows(
            evaluated.trajectory, "mutual_predictability.uplift", result.drawn.number, result.by_token
        )
    ]


def _row(result: TrialResult) -> dict[str, Any]:
    drawn = result.drawn
    return {
        "trial": drawn.number,
        "predictor": drawn.predictor.model if drawn.predictor else None,
        "predicted": drawn.target.model if drawn.target else None,
        "target": drawn.target.trajectory if drawn.target else None,
        "context": [answer.trajectory for answer in drawn.context] if isinstance(drawn, Trial) else [],
        "conditional": result.conditional,
        "base": result.base,
        "control": result.control,
        "matched": result.matched,
        "tokens": result.tokens,
        "rating": result.rating,
        "status": result.status,
        "reason": result.reason,
    }


def trial_value(name: str, row: Mapping[str, Any]) -> float | None:
    """One of `VALUES` of a valid trial; None where it lacks the control that is taken off."""
    if name == "consistency":
        rating: float = row["rating"]
        return rating
    whole: float = row["conditional"]
    if not name.startswith("conditional"):
        without = row[_WITHOUT.get(name.removesuffix("_per_token"), "base")]
        if without is None:
            return None
        whole -= without
    return whole / row["tokens"] if "per_token" in name else whole


def mutual_rows(trials: pl.DataFrame, *, minimum: int = 1) -> list[dict[str, Any]]:
    """Rows of the metric rows table: every value of `VALUES` for every answer, the mean over its valid trials.

    An answer with fewer valid trials than `minimum` is `insufficient`: no number, and the skips in its reason. Where
    the axes give no matched control, `content` has no rows.

    Raises:
        DataError: the table breaks its schema.
    """
    TRIALS.check(trials)
    keys = ("arm", "domain", "item", "cluster", "trajectory", "replicate", "config")
    matched = set(trials.drop_nulls("matched")["config"])
    rows: list[dict[str, Any]] = []
    for values, own in trials.group_by(*keys, "scoring", maintain_order=True):
        about = dict(zip(keys, values[:-1], strict=True))
        drawn = list(own.iter_rows(named=True))
        for name in _names(str(values[-1]), matched=about["config"] in matched):
            found = [trial_value(name, row) for row in drawn if row["status"] == "ok"]
            valid = [value for value in found if value is not None]
            rows.append(about | _metric_row(name, valid, drawn, minimum))
    return rows


def common_rows(trials: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows by which two policies are compared on the same targets: one row a trial and value.

    `item` is the question with the number of the draw, the target and the predictor, so that pairing rows by item pairs
    trials that differ in the context alone; trials in which either policy is the predicted one have no partner. Empty
    where policies are asked about their own answers, which no two share: those are compared question by question.

    Raises:
        DataError: the table breaks its schema.
    """
    TRIALS.check(trials)
    matched = set(trials.drop_nulls("matched")["config"])
    others = trials.filter((pl.col("status") == "ok") & (pl.col("predicted") != pl.col("evaluated")))
    rows: list[dict[str, Any]] = []
    for row in others.iter_rows(named=True):
        about = {name: row[name] for name in ("arm", "domain", "cluster", "trajectory", "replicate", "config")}
        about |= {"item": f"{row['item']} #{row['trial']} {row['target']} {row['predictor']}"}
        values = {name: trial_value(name, row) for name in _names(row["scoring"], matched=row["config"] in matched)}
        rows += [about | _metric_row(name, [value], [row], 1) for name, value in values.items() if value is not None]
    return rows


def _names(scoring: str, *, matched: bool) -> list[str]:
    return [name for name in VALUES[scoring] if matched or not name.startswith("content")]


def _metric_row(name: str, values: Sequence[float], drawn: Sequence[Mapping[str, Any]], minimum: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "metric": f"mutual_predictability.{name}",
        "direction": "higher",
        "trials": len(values),
    }
    if len(values) >= max(1, minimum):
        spread = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else None
        return row | {"value": math.fsum(values) / len(values), "se": spread, "status": "ok"}
    skips = ", ".join(f"{count} {reason}" for reason, count in sorted(_reasons(drawn).items())) or "none was skipped"
    reason = f"{len(values)} valid trials of at least {max(1, minimum)} ({skips})"
    return row | {"status": "insufficient", "reason": reason}


def skip_reasons(trials: pl.DataFrame) -> dict[str, int]:
    """How many draws were no valid trial, by reason; failed requests and unreadable ratings by their status.

    Raises:
        DataError: the table breaks its schema.
    """
    return dict(sorted(_reasons(list(TRIALS.check(trials).iter_rows(named=True))).items()))


def _reasons(drawn: Sequence[Mapping[str, Any]]) -> Counter[str]:
    lost = [row for row in drawn if row["status"] != "ok"]
    return Counter(row["reason"] if row["status"] == "skipped" else row["status"] for row in lost)
