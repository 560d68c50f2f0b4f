"""One row a method: how truthful it is in short and in long form, beside what it started from.

Estimates resample entities. Changes against the start are paired on the same items, tested by swapping the two within
entities, and corrected by Holm's method over all methods and measures at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from veracity.core.estimate import Direction, Estimate
from veracity.metrics.arm_effects import LONG, long_items, means, short_items
from veracity.metrics.calibration import brier, calibration_error
from veracity.metrics.judged_confidence import attempted_answers
from veracity.metrics.knowledge_labels import KnowledgeLabels, knowledge_labels, knowledge_metrics
from veracity.metrics.long_form_rows import response_counts
from veracity.metrics.ranking import auroc
from veracity.metrics.win_rate import PAIRS, win_rate
from veracity.stats.paired import holm, paired_difference
from veracity.stats.permutation import swap_test
from veracity.stats.proportion import clustered_proportion

SHORT: Mapping[str, Direction] = {"correct": "higher", "incorrect": "lower", "not_attempted": "neither"}
TESTED_LONG = ("right", "wrong", "precision", "f1_at_k", "abstained")
OVER = "over_abstained"
"""Declining where the base model knows: a column of items, NaN where it does not know."""
DIRECTIONS: Mapping[str, Direction] = {**LONG, **SHORT, OVER: "lower"}


@dataclass(frozen=True, slots=True)
class MethodTables:
    """What all methods said, an arm a method."""

    greedy: pl.DataFrame
    """Short answers, one a question (answers table)."""
    drawn: pl.DataFrame
    """Short answers, several a question."""
    known: pl.DataFrame
    """Answers of the base model alone that say what it knows."""
    responses: pl.DataFrame
    claims: pl.DataFrame
    pairs: pl.DataFrame
    """Texts of every method against those of one (pairs table)."""


def method_estimates(tables: MethodTables, k: int, *, seed: int = 0) -> dict[str, Estimate]:
    """`<method>: <measure>` of every method; a measure that is undefined (nothing attempted) is not there."""
    labels = knowledge_labels(tables.known)
    found: dict[str, Estimate] = {}
    for arm in tables.greedy["arm"].unique(maintain_order=True):
        own = {**_long(tables, arm, k, seed), **_short(tables, arm, labels, seed), **_won(tables.pairs, arm, seed)}
        found |= {f"{arm}: {name}": value for name, value in own.items()}
    return found


def method_changes(tables: MethodTables, starts: Mapping[str, str], k: int, *, seed: int = 0) -> pl.DataFrame:
    """Every method against its start: one row a measure.

    Columns: method, start, measure, direction, difference, se, ci_low, ci_high, n, clusters, p_value, adjusted
    (Holm over all rows). Measures whose items the two share none of are left out.
    """
    labels = knowledge_labels(tables.known)
    named = dict.fromkeys([*starts, *starts.values()])
    items = {arm: (_long_items(tables, arm, k), _short_items(tables.greedy, arm, labels)) for arm in named}
    rows: list[dict[str, Any]] = []
    for method, start in starts.items():
        for own, other, names in zip(items[method], items[start], (TESTED_LONG, (*SHORT, OVER)), strict=True):
            both = own.join(other, on="item", suffix="_start", maintain_order="left")
            rows += [{"method": method, "start": start, **row} for name in names if (row := _change(both, name, seed))]
    adjusted = holm({str(n): row["p_value"] for n, row in enumerate(rows)})
    return pl.DataFrame([{**row, "adjusted": adjusted[str(n)]} for n, row in enumerate(rows)], schema=CHANGES)


CHANGES = {
    **dict.fromkeys(("method", "start", "measure", "direction"), pl.String),
    **dict.fromkeys(("difference", "se", "ci_low", "ci_high"), pl.Float64),
    **dict.fromkeys(("n", "clusters"), pl.Int64),
    **dict.fromkeys(("p_value", "adjusted"), pl.Float64),
}


def truth_pairs(responses: pl.DataFrame, claims: pl.DataFrame, against: str) -> pl.DataFrame:
    """Pairs of texts to the same request, won by who states more right than wrong facts: a rule, and no reader.

    Right: supported claims; wrong: refuted and undecided ones. A rule has no order, so both orders say the same.
    """
    counts = response_counts(responses, claims).with_columns(
        worth=pl.col("supported") - pl.col("refuted") - pl.col("not_enough")
    )
    text = {(a, i, n): t for a, i, n, t in responses.select("arm", "item", "sample", "response").iter_rows()}
    columns = ("item", "sample", "cluster", "arm", "worth", "words")
    other = counts.filter(pl.col("arm") == against).select(columns)
    both = counts.filter(pl.col("arm") != against).select(columns)
    both = both.join(other, on=["item", "sample"], suffix="_b", maintain_order="left")
    return PAIRS.frame(_pair(row, against, text) for row in both.iter_rows(named=True))


def _pair(row: Mapping[str, Any], against: str, text: Mapping[tuple[Any, ...], str | None]) -> dict[str, Any]:
    own, other = (text[arm, row["item"], row["sample"]] for arm in (row["arm"], against))
    told = {
        **{name: row[name] for name in ("item", "cluster", "arm", "sample")},
        "against": against,
        "length_a": row["words"],
        "length_b": row["words_b"],
    }
    if own is None or other is None:
        return told | {"status": "request_failed"}
    if own.split() == other.split():
        return told | {"status": "identical"}
    better = row["worth"] - row["worth_b"]
    won = "a" if better > 0 else "b" if better < 0 else "tie"
    return told | {"status": "judged", "a_first": won, "b_first": won}


def _long(tables: MethodTables, arm: str, k: int, seed: int) -> dict[str, Estimate]:
    return means(_long_items(tables, arm, k), seed=seed)


def _short(tables: MethodTables, arm: str, labels: KnowledgeLabels, seed: int) -> dict[str, Estimate]:
    """Shares of the greedy answers, of the drawn ones, what the base knows, and calibration of the attempted ones."""
    own = tables.greedy.filter(pl.col("arm") == arm)
    items, clusters = short_items(own), short_items(own)["cluster"].to_list()
    found = {name: clustered_proportion(items[name].to_numpy(), clusters, direction=d) for name, d in SHORT.items()}
    drawn = means(short_items(tables.drawn.filter(pl.col("arm") == arm)).select("item", "cluster", *SHORT), seed=seed)
    found |= {f"drawn {name}": value for name, value in drawn.items()}
    found |= {
        name.partition("@")[0]: value
        for name, value in knowledge_metrics(own, labels, seed=seed).items()
        if name.startswith(("over_abstention", "hallucination_on_unknown"))
    }
    rows = attempted_answers(own, arm).rows
    if not len(rows):
        return found
    ranked = auroc(rows, seed=seed).estimate
    found |= {"ece": calibration_error(rows, seed=seed), "brier": brier(rows, seed=seed)}
    return found | ({"auroc": ranked} if ranked is not None else {})


def _won(pairs: pl.DataFrame, arm: str, seed: int) -> dict[str, Estimate]:
    own = pairs.filter(pl.col("arm") == arm)
    if not own.height:
        return {}
    won = win_rate(own, seed=seed)
    fair = won.length_controlled
    return {"win_rate": won.rate} | ({"win_rate at equal length": fair} if fair is not None else {})


def _long_items(tables: MethodTables, arm: str, k: int) -> pl.DataFrame:
    own = [table.filter(pl.col("arm") == arm) for table in (tables.responses, tables.claims)]
    return long_items(own[0], own[1], k)


def _short_items(answers: pl.DataFrame, arm: str, labels: KnowledgeLabels) -> pl.DataFrame:
    items = short_items(answers.filter(pl.col("arm") == arm))
    known = np.array([bool(labels.known.get(item)) for item in items["item"]])
    return items.with_columns(pl.Series(OVER, np.where(known, items["not_attempted"].to_numpy(), np.nan)))


def _change(both: pl.DataFrame, name: str, seed: int) -> dict[str, Any] | None:
    values = both.select(pl.col(name, f"{name}_start").fill_null(np.nan)).to_numpy().astype(float)
    kept = ~np.isnan(values).any(axis=1)
    if not kept.any():
        return None
    own, start = values[kept, :1], values[kept, 1:]
    clusters: Sequence[str] = both.filter(pl.Series(kept))["cluster"].to_list()
    change = paired_difference(own[:, 0], start[:, 0], clusters, seed=seed, direction=DIRECTIONS[name])
    return {
        "measure": name,
        "direction": change.direction,
        "difference": change.value,
        **{part: getattr(change, part) for part in ("se", "ci_low", "ci_high", "n", "clusters")},
        "p_value": swap_test(start, own, clusters, lambda means: means[:, 0], seed=seed),
    }
