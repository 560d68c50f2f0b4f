"""Does a metric say the same of a policy's reasoning in another mode, under another prompt, judge or configuration?

Two setups of one metric on one domain are matched on (policy, item). They may agree in order (Kendall's τ-b), in value
(ICC(2,1), Bland and Altman's bias and limits), in sign, and in the order of the policies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from pydantic import Field

from veracity.analysis.base import Analyzer, analyzer
from veracity.analysis.scores import RunTables
from veracity.analysis.wording import ESTIMATE, cell, estimate_cells, mode_words, number, opening
from veracity.core.config import Settings
from veracity.core.finding import Cell, Finding, Place, Plot, Point, ResultTable, ScatterPlot
from veracity.metrics.metric_names import variant_words
from veracity.stats.agreement import BlandAltman, bland_altman, icc_agreement, kendall_tau
from veracity.stats.cluster import Floats
from veracity.stats.proportion import clustered_proportion

SAME_VALUE = 1
"""Row of ICC(2,1) in the table of agreement."""


class AgreementOptions(Settings):
    """When two setups are compared."""

    minimum: int = Field(default=5, ge=2, description="Fewest matched values of a pair; below, it is counted only.")


@dataclass(frozen=True)
class _Matched:
    """Values of two setups on the same policies and items."""

    first: Floats
    second: Floats
    sources: list[str]
    policies: list[str]


@analyzer("cross_setup_agreement")
class CrossSetupAgreement(Analyzer):
    """Do two setups say the same of the same policies and items?"""

    Options = AgreementOptions

    def across(self, runs: Sequence[RunTables], scores: pl.DataFrame) -> Iterable[Finding]:
        """Every pair of setups of a metric on a domain."""
        ok = scores.filter(pl.col("status") == "ok")
        for (metric, domain), own in sorted(ok.group_by("metric", "domain", maintain_order=True), key=str_key):
            named = own.with_columns(setup=pl.format("{}/{}/{}", "algorithm", "mode", "system"))
            for first, second in combinations(sorted(set(named["setup"])), 2):
                yield self._compare(Place(str(metric), str(domain)), named, first, second)

    def _compare(self, place: Place, own: pl.DataFrame, first: str, second: str) -> Finding:
        names = _short(first, second)
        place = Place(place.algorithm, place.domain, model=f"{names[0]}~{names[1]}")
        names = _short(_said(first), _said(second))
        both = _matched(own, first, second)
        title = f"{opening(place.algorithm)} on {place.domain}: {names[0]} and {names[1]}"
        if len(both.sources) < self.options.minimum:
            note = f"Insufficient: {len(both.sources)} matched values, and at least {self.options.minimum} are needed."
            return Finding(self.name, "across", place, title, notes=[note])
        gaps = bland_altman(both.first, both.second, both.sources, seed=self.seed, resamples=self.resamples)
        table = self._table(both, gaps)
        told, row = _told(table, place, names)
        plots = _plots(both, gaps, names, place.algorithm)
        return Finding(self.name, "across", place, title, [table], plots, answer=told, summary=row,
                       decided=_decided(table))  # fmt: skip

    def _table(self, both: _Matched, gaps: BlandAltman) -> ResultTable:
        pair = np.column_stack([both.first, both.second])
        same = np.sign(both.first) == np.sign(both.second)
        ranked = _policy_means(both)
        rows = [
            ("order of values, Kendall's τ-b", kendall_tau(both.first, both.second, both.sources)),
            ("same value, ICC(2,1)",
             icc_agreement(pair, both.sources, seed=self.seed, resamples=self.resamples)),
            ("bias, second − first", gaps.bias),
            ("same sign, share", clustered_proportion(same, both.sources)),
            ("order of policies, Kendall's τ-b", kendall_tau(*ranked, range(len(ranked[0])))),
        ]  # fmt: skip
        cells = [(name, *_without_rounding(estimate_cells(one))) for name, one in rows]
        cells.append(("limits of agreement", None, None, cell(gaps.low), cell(gaps.high), len(both.sources), None))
        note = "Matched on policy and item, replicates averaged; intervals by source. Sign: above, at or below 0."
        return ResultTable("agreement", "Agreement", ("agreement", *ESTIMATE), tuple(cells), note)


def _told(table: ResultTable, place: Place, names: tuple[str, str]) -> tuple[str, dict[str, Cell]]:
    """The sentence and the row of a pair of setups."""
    values = {str(row[0]): row for row in table.rows}
    order, same, bias, sign, policies = (str(row[0]) for row in table.rows[:5])
    row: dict[str, Cell] = {
        "Kendall's τ-b": values[order][1],
        "ICC(2,1)": values[same][1],
        "bias": values[bias][1],
        "same sign": values[sign][1],
        "order of policies, τ-b": values[policies][1],
    }
    agreed = "do not vary"
    if values[same][1] is not None:
        agreed = f"{'agree' if _decided(table) else 'are not shown to agree'}: ICC {_with_ends(values[same])}"
    shift = "" if values[bias][1] is None else f", the second less the first {_with_ends(values[bias])}"
    on = f" on {values[bias][5]} matched values from {values[bias][6]} sources"
    return f"{opening(place.algorithm)}: {names[0]} and {names[1]} {agreed}{shift}{on}.", row


def _decided(table: ResultTable) -> bool:
    """Whether the interval of ICC(2,1) lies above 0, which is no agreement beyond chance."""
    low = table.rows[SAME_VALUE][3]
    return low is not None and float(low) > 0


def _without_rounding(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """An agreement of 0 that rounding moved is not above 0."""
    return tuple(round(one, 12) + 0.0 if isinstance(one, float) else one for one in cells)  # −0.0 + 0.0 is 0.0


def _with_ends(row: tuple[Cell, ...]) -> str:
    """Value and interval of an estimate's row; the value alone where there is no interval."""
    value, low, high = (None if one is None else number(float(one)) for one in (row[1], row[3], row[4]))
    return f"{value}" if low is None or high is None else f"{value} [{low}, {high}]"


def str_key(pair: tuple[tuple[object, ...], pl.DataFrame]) -> str:
    """For sorting groups by their names."""
    return str(pair[0])


def _short(first: str, second: str) -> tuple[str, str]:
    """Both names without the parts that are the same."""
    parts = list(zip(first.split("/", 2), second.split("/", 2), strict=True))
    told = [["/".join(p[side] for p in parts if p[0] != p[1])] for side in (0, 1)]
    return told[0][0], told[1][0]


def _said(setup: str) -> str:
    """A setup's name with its metric and mode in words."""
    algorithm, mode, system = setup.split("/", 2)
    return f"{variant_words(algorithm)}/{mode_words(mode)}/{system}"


def _matched(own: pl.DataFrame, first: str, second: str) -> _Matched:
    keys = ["policy", "unit", "source"]
    sides = [
        own.filter(pl.col("setup") == name).group_by(keys, maintain_order=True).agg(pl.col("value").mean())
        for name in (first, second)
    ]
    rows = sides[0].join(sides[1], on=keys, suffix="_second", maintain_order="left")
    values = [rows[c].to_numpy() for c in ("value", "value_second")]
    return _Matched(values[0], values[1], rows["source"].to_list(), rows["policy"].to_list())


def _policy_means(both: _Matched) -> tuple[Floats, Floats]:
    frame = pl.DataFrame({"policy": both.policies, "x": both.first, "y": both.second})
    means = frame.group_by("policy", maintain_order=True).agg(pl.col("x", "y").mean())
    return means["x"].to_numpy(), means["y"].to_numpy()


def _plots(both: _Matched, gaps: BlandAltman, names: tuple[str, str], metric: str) -> list[Plot]:
    step = max(1, len(both.sources) // 300)
    points = [
        Point(float(b - a), float((a + b) / 2), group=policy)
        for a, b, policy in zip(both.first[::step], both.second[::step], both.policies[::step], strict=True)
    ]
    levels = [(gaps.bias.value, "bias"), (gaps.low, "−1.96 sd"), (gaps.high, "+1.96 sd")]
    caption = "Difference against mean of the two setups, one point a policy and item."
    label = f"{names[1]} − {names[0]}"
    return [
        ScatterPlot("bland_altman", "Bland–Altman", caption, points, f"mean of the two, {variant_words(metric)}", label,
                    levels=levels)
    ]  # fmt: skip
