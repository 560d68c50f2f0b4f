"""The tables of labels: a row a statement and way of labelling, a row a search, a row a step of a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from veracity.core.records import Failure
from veracity.experiments.coherent_labels.asking import Labelled
from veracity.experiments.coherent_labels.statements import Statement
from veracity.metrics.table_schema import TableSchema

Found = Mapping[tuple[str, str, int | None], Labelled | Failure]
WAY: dict[str, pl.DataType] = {"model": pl.String(), "method": pl.String(), "seed": pl.Int64()}
STATUSES = frozenset({"ok", "completed", "unlabelled", "undecided", "request_failed"})
"""`completed`: labelled from what a search found; `unlabelled`: left out by a search; `undecided`: even odds."""

LABELS = TableSchema(
    "labels table",
    {
        **WAY,
        "statement": pl.Int64(),
        **dict.fromkeys(("item", "cluster", "text", "answer"), pl.String()),
        **dict.fromkeys(("truth", "longer", "label"), pl.Boolean()),
        "log_odds": pl.Float64(),
        "status": pl.String(),
        "reason": pl.String(),
    },
    allowed={"status": STATUSES},
    required=frozenset({"model", "method", "statement", "item", "cluster", "text", "longer", "status"}),
    key=("model", "method", "seed", "statement"),
)
SEARCHES = TableSchema(
    "searches table",
    {**WAY, "utility": pl.Float64(), "labelled": pl.Int64(), "accepted": pl.Int64(), "reason": pl.String()},
    required=frozenset({"model", "seed"}),
    key=("model", "seed"),
)
UTILITIES = TableSchema(
    "utilities table",
    {**WAY, "step": pl.Int64(), "utility": pl.Float64()},
    required=frozenset({"model", "seed", "step", "utility"}),
    key=("model", "seed", "step"),
)


def label_rows(statements: Sequence[Statement], found: Found) -> Iterator[dict[str, Any]]:
    """A row for each statement and way."""
    for way, result in found.items():
        for i, one in enumerate(statements):
            about = {"statement": i, "item": one.item, "cluster": one.cluster, "text": one.text, "answer": one.answer}
            known = {"truth": one.truth, "longer": one.longer}
            yield {**_way(way), **about, **known, **_labelled(i, result)}


def search_rows(found: Found) -> Iterator[dict[str, Any]]:
    """A row for each search."""
    for way, result in found.items():
        if isinstance(result, Failure):
            yield from [{**_way(way), "reason": result.reason}] if way[1] == "coherent" else []
        elif (search := result.search) is not None:
            told = {"utility": search.utility, "labelled": len(search.labels), "accepted": search.accepted}
            yield {**_way(way), **told}


def utilities(found: Found) -> Iterator[dict[str, Any]]:
    """A row for the start and each step of a search."""
    for way, result in found.items():
        if not isinstance(result, Failure) and result.search is not None:
            for step, utility in enumerate(result.search.history):
                yield {**_way(way), "step": step, "utility": utility}


def _way(way: tuple[str, str, int | None]) -> dict[str, Any]:
    return dict(zip(WAY, way, strict=True))


def _labelled(i: int, result: Labelled | Failure) -> dict[str, Any]:
    if isinstance(result, Failure):
        return {"status": "request_failed", "reason": f"{result.kind}: {result.reason}"}
    odds, label = result.log_odds.get(i), result.labels.get(i)
    if label is None:
        return {"log_odds": odds, "status": "unlabelled" if odds is None else "undecided"}
    completed = result.search is not None and i not in result.search.labels
    return {"label": label, "log_odds": odds, "status": "completed" if completed else "ok"}
