"""How estimates stand in tables, and the sentences that several analyzers need."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.core.finding import ALL, Cell, Point
from veracity.metrics.metric_names import metric_words, variant_words

ESTIMATE = ("value", "se", "low", "high", "n", "sources")
"""Columns of an estimate."""


def cell(value: float) -> float | None:
    """The number, or nothing where there is none."""
    return float(value) if math.isfinite(value) else None


def estimate_cells(estimate: Estimate) -> tuple[Cell, ...]:
    """The columns of `ESTIMATE`."""
    numbers = (estimate.value, estimate.se, estimate.ci_low, estimate.ci_high)
    return (*(cell(number) for number in numbers), estimate.n, estimate.clusters)


def point(label: str, estimate: Estimate, *, x: float = 0.0, group: str = "", solid: bool = True) -> Point:
    """The estimate in a plot."""
    ends = cell(estimate.ci_low), cell(estimate.ci_high)
    return Point(estimate.value, x, *ends, label=label, group=group, solid=solid)


def number(value: float) -> str:
    """Three significant digits, with a real minus sign."""
    return f"{value:.3g}".replace("-", "−")


def with_interval(estimate: Estimate) -> str:
    """`0.12 [0.05, 0.19]`; the value alone where there is no interval."""
    if not (math.isfinite(estimate.ci_low) and math.isfinite(estimate.ci_high)):
        return number(estimate.value)
    return f"{number(estimate.value)} [{number(estimate.ci_low)}, {number(estimate.ci_high)}]"


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = list(names) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def from_to(counts: Sequence[int]) -> str:
    """`5`, or `5 to 9` where the counts differ."""
    return str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Names of models or modes without their options (what stands behind `?`), unless two differ in nothing else."""
    plain = {name: name.partition("?")[0] for name in names}
    return plain if len(set(plain.values())) == len(plain) else {name: name for name in plain}


def opening(algorithm: str) -> str:
    """`variant_words` at the beginning of a sentence; an identifier that has no words keeps its letters."""
    metric, words = algorithm.partition("@")[0], variant_words(algorithm)
    return words if metric_words(metric) == metric else words[:1].upper() + words[1:]


def mode_words(mode: str) -> str:
    """`self debate, turns=4` for `self_debate?turns=4`."""
    name, _, options = mode.partition("?")
    return ", ".join([name.replace("_", " "), *filter(None, options.split("&"))])


def in_mode(mode: str) -> str:
    """The mode in brackets, to stand behind the metric; nothing where a finding is about all."""
    return "" if mode == ALL else f" ({mode_words(mode)})"


def better(direction: str) -> str:
    """`higher is better`, `lower is better`, or that neither is."""
    return "neither way is better" if direction == "neither" else f"{direction} is better"


def sign(direction: str) -> int:
    """1 where higher is better, −1 where lower is, 0 where neither."""
    return {"higher": 1, "lower": -1}.get(direction, 0)


def left_out(scores: pl.DataFrame) -> tuple[str, ...]:
    """What has no value, by its reason; nothing where every row has one."""
    counts = {k: v for k, v in scores["status"].value_counts(sort=True).iter_rows() if k != "ok"}
    if not counts:
        return ()
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    return (f"Of {scores.height} rows, {sum(counts.values())} have no value and are in no number here: {told}.",)


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
