"""How much of what the base model knows an answer states, as a scorer sees it that gave no reward.

An item counts as stated where one of the answer's supported claims is the same fact, or where a checklist verifier says
so. Recall is the share of the list's items that are stated; weighted by importance it is Σ m(c) of the stated ones over
Σ m(c) of all (importance m(c)/k: the share of the base model's samples that make the claim).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

import polars as pl

from veracity.metrics.long_form import FAILED

COVERAGE = {
    "item": pl.String(),
    "cluster": pl.String(),
    "arm": pl.String(),
    "sample": pl.Int64(),
    "stated": pl.Int64(),
    "items": pl.Int64(),
    "recall": pl.Float64(),
    "weighted_recall": pl.Float64(),
}
"""Columns of a coverage table: one row an answer to a prompt that has a list."""


def stated_facts(claims: pl.DataFrame, key: Callable[[str], Hashable]) -> dict[tuple[str, str, int], set[Hashable]]:
    """(arm, item, sample) → the facts of its supported claims."""
    found: dict[tuple[str, str, int], set[Hashable]] = {}
    for row in claims.filter(pl.col("label") == "supported").iter_rows(named=True):
        found.setdefault((row["arm"], row["item"], row["sample"]), set()).add(key(row["text"]))
    return found


def coverage_rows(
    responses: pl.DataFrame,
    lists: pl.DataFrame,
    stated: Callable[[Mapping[str, Any], Sequence[str]], Collection[int] | None],
) -> pl.DataFrame:
    """One row an answer that could be had and read, to a prompt with a list.

    Args:
        responses: the responses table.
        lists: item, place, text, importance.
        stated: (row of `responses`, items' texts) → places of the stated ones; None where the scorer failed, and then
            the answer has no row.
    """
    by_item: dict[str, list[tuple[str, float]]] = {}
    for row in lists.sort("item", "place").iter_rows(named=True):
        by_item.setdefault(row["item"], []).append((row["text"], row["importance"]))
    rows = []
    for row in responses.filter(~pl.col("status").is_in(FAILED)).iter_rows(named=True):
        known = by_item.get(row["item"])
        places = stated(row, [text for text, _ in known]) if known else None
        if known is None or places is None:
            continue
        weight = sum(importance for _, importance in known)
        rows.append(
            {name: row[name] for name in ("item", "cluster", "arm", "sample")}
            | {"stated": len(places), "items": len(known), "recall": len(places) / len(known)}
            | {"weighted_recall": sum(known[place][1] for place in places) / weight}
        )
    return pl.DataFrame(rows, schema=COVERAGE)


def coverage_items(coverage: pl.DataFrame) -> pl.DataFrame:
    """One arm's rows as one row an item: item, and recall and weighted recall as means over its samples."""
    return coverage.group_by("item", maintain_order=True).agg(pl.col("recall", "weighted_recall").mean())
