"""Do two metrics of the same reasoning go together, and is that more than length, domain or noise?

Values are turned so that higher is better (metrics without a better side stay as they are). Nothing here was
randomised: whatever goes together may do so for a third reason, and the words say so. What a change of one metric does
to another is a question for an intervention (`training_causal_effect`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import polars as pl
from pydantic import Field

from veracity.analysis.base import Analyzer, analyzer
from veracity.analysis.multilevel import multilevel_slope
from veracity.analysis.scores import RunTables
from veracity.analysis.wording import ESTIMATE, cell, estimate_cells, in_mode, number, opening, sign
from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.core.estimate import Estimate
from veracity.core.finding import Cell, Finding, Place, Plot, Point, ResultTable, Scale, ScatterPlot
from veracity.metrics.metric_names import variant_words
from veracity.stats.agreement import icc_retest
from veracity.stats.cluster import Floats
from veracity.stats.correlation import disattenuated, fisher_interval, pearson, residuals, spearman, within

ASSOCIATION = (
    "Associational: neither metric was set by the experimenter, so a correlation may come from a third cause (a harder "
    "item, a longer answer, an abler model). It says nothing on what changing one would do to the other."
)
MOST = 10
"""Metrics that are related unasked: 45 pairs."""
RANKED = 500
"""Most draws for a rank correlation, which is ranked anew in each: a standard error to 3 %."""
_SHORT = {"Pearson within items": "within items", "partial, given length and domain": "partial"}
KEY = ("run", "policy", "mode", "system", "domain", "item", "source", "unit", "replicate")
"""What two metrics of one trajectory share. Metrics about items join those of the item's trajectories by replicate."""


class RelationshipOptions(Settings):
    """Which metrics to relate."""

    metrics: list[str] = Field(
        default=[],
        description="Metrics, with their configuration where they have several; by default ten of those with "
        "a direction, of each paradigm in turn.",
    )
    minimum: int = Field(default=10, ge=4, description="Fewest shared rows of a pair; below, it is counted only.")


@dataclass(frozen=True)
class _Both:
    """Two metrics on the trajectories that have both."""

    rows: pl.DataFrame
    x: Floats
    y: Floats
    sources: list[str]
    turned: tuple[bool, bool]
    """Whether less of the first, and of the second, is better, so that its values have the other sign here."""


@analyzer("evaluation_relationship")
class EvaluationRelationship(Analyzer):
    """Which metrics go together, and is it more than length, domain and noise?"""

    Options = RelationshipOptions

    def on_run(self, run: RunTables, scores: pl.DataFrame) -> Iterable[Finding]:
        """All pairs of metrics of one run."""
        return self._relate(scores, "run", Place(model=f"run-{run.name}"))

    def on_conditions(self, place: Place, scores: pl.DataFrame) -> Iterable[Finding]:
        """All pairs on one domain in one mode under one prompt: neither can make metrics go together there."""
        return self._relate(scores, "setup", place)

    def across(self, runs: Sequence[RunTables], scores: pl.DataFrame) -> Iterable[Finding]:
        """All pairs over all runs; nothing with one run."""
        return self._relate(scores, "across", Place()) if len(runs) > 1 else []

    def _relate(self, scores: pl.DataFrame, scale: Scale, place: Place) -> list[Finding]:
        ok = scores.filter(pl.col("status") == "ok")
        names = [name for name in self._named(ok, scale) if name in set(ok["algorithm"])]
        found, few = [], []
        for first, second in combinations(names, 2):
            both = _both(ok, first, second)
            if both.rows.height < self.options.minimum:
                few.append((first, second, both.rows.height))
                continue
            table = self._table(ok, both, first, second)
            plots = [_scatter(both, first, second)]
            told, row = _told(table, first, second, place, both.turned)
            title = f"{opening(first)} and {variant_words(second)}"
            pair = replace(place, algorithm=f"{first}~{second}")
            found.append(
                Finding(self.name, scale, pair, title, [table], plots, [ASSOCIATION],
                        answer=told, summary=row, decided=_decided(table))
            )  # fmt: skip
        if few and scale != "setup":
            rows = tuple((*pair, "insufficient") for pair in few)
            table = ResultTable("insufficient", "Pairs with too few rows", ("first", "second", "rows", "status"), rows)
            found.append(Finding(self.name, scale, place, "Pairs that were not related", [table]))
        return found

    def _named(self, ok: pl.DataFrame, scale: Scale) -> list[str]:
        """The metrics to relate. ConfigError for one that has no value here, unless here is one setup of several."""
        known = sorted(set(ok["algorithm"]))
        if (lost := [name for name in self.options.metrics if name not in known]) and scale != "setup":
            raise ConfigError(f"evaluation_relationship: no value of {lost[0]!r}; there are: {', '.join(known)}")
        directed = set(ok.filter(pl.col("direction") != "neither")["algorithm"])
        return self.options.metrics or sorted(_in_turn([name for name in known if name in directed])[:MOST])

    def _table(self, ok: pl.DataFrame, both: _Both, first: str, second: str) -> ResultTable:
        seed, resamples = self.seed, self.resamples
        x, y, sources = both.x, both.y, both.sources
        units, controls = both.rows["unit"].to_list(), _controls(both.rows)
        plain = pearson(x, y, sources, seed=seed, resamples=resamples)
        rows = [
            ("Pearson", plain),
            ("Spearman", spearman(x, y, sources, seed=seed, resamples=min(resamples, RANKED))),
            ("Pearson within items", pearson(within(x, units), within(y, units), sources, seed=seed,
                                             resamples=resamples)),
            ("partial, given length and domain", pearson(residuals(x, controls), residuals(y, controls), sources,
                                                         seed=seed, resamples=resamples)),
        ]  # fmt: skip
        rows.append(("multilevel slope", multilevel_slope(x, y, units, sources)))
        rows.append(("between policies", self._between(both)))
        cells = [(name, *estimate_cells(one)) for name, one in rows]
        reliable = [_reliability(ok, name) for name in (first, second)]
        cells.append(
            ("disattenuated", cell(disattenuated(plain.value, *reliable)), *[None] * 3, plain.n, plain.clusters)
        )
        known = ", ".join("unknown" if np.isnan(r) else f"{r:.2f}" for r in reliable)
        note = (
            "Intervals by source. Within items: what is left when items differ for both alike. Multilevel slope: with "
            "a random intercept for each item, in standard deviations; empty without repeated items. Disattenuated: "
            f"Pearson over the root of the retest reliabilities ({known}), empty where one is unknown or not positive. "
            "Between policies: means by policy, Fisher's interval, from three policies on."
        )
        return ResultTable("correlations", "Correlations", ("correlation", *ESTIMATE), tuple(cells), note)

    def _between(self, both: _Both) -> Estimate:
        """Of the means by policy; policies are few and are resampled as they are."""
        means = (
            both.rows.with_columns(x=pl.Series(both.x), y=pl.Series(both.y))
            .group_by("policy", maintain_order=True)
            .agg(pl.col("x", "y").mean())
        )
        x, y = means["x"].to_numpy(), means["y"].to_numpy()
        nothing = Estimate(np.nan, np.nan, np.nan, np.nan, 0, 0, "neither", 0.0)
        if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
            return nothing
        r = float(np.corrcoef(x, y)[0, 1])
        return Estimate(r, np.nan, *fisher_interval(r, len(x)), len(x), len(x), "neither", 0.0)


def _told(
    table: ResultTable, first: str, second: str, place: Place, turned: tuple[bool, bool]
) -> tuple[str, dict[str, Cell]]:
    """The sentence and the row of a pair of metrics; neither where one of them does not vary."""
    values = {str(row[0]): row for row in table.rows}
    _, r, _, low, high, *_ = values["Pearson"]
    row: dict[str, Cell] = {_SHORT.get(name, name): one[1] for name, one in values.items()}
    if r is None:
        return "", {}
    ends = "" if low is None or high is None else f" [{number(float(low))}, {number(float(high))}]"
    rest = [
        f"{name.removeprefix('Pearson ')} {number(float(one[1]))}"
        for name, one in values.items()
        if name in ("Pearson within items", "partial, given length and domain") and one[1] is not None
    ]
    more = f"; {', '.join(rest)}" if rest else ""
    names = f"{opening(first)} and {variant_words(second)}{in_mode(place.mode)}"
    sides = ", both turned so that higher is better" if turned[0] != turned[1] else ""
    return f"{names}{sides}: r = {number(float(r))}{ends}{more}. No cause is shown.", row


def _decided(table: ResultTable) -> bool:
    """Whether the interval of Pearson's r leaves 0 out."""
    low, high = next((row[3], row[4]) for row in table.rows if row[0] == "Pearson")
    return low is not None and high is not None and float(low) * float(high) > 0


def _in_turn(names: Sequence[str]) -> list[str]:
    """The first of each paradigm (the name up to its first dot), then the second of each, and so on."""
    seen: dict[str, int] = {}
    turns = []
    for name in names:
        paradigm = name.split(".")[0]
        seen[paradigm] = seen.get(paradigm, 0) + 1
        turns.append((seen[paradigm], paradigm, name))
    return [name for *_, name in sorted(turns)]


def _both(ok: pl.DataFrame, first: str, second: str) -> _Both:
    sides = [ok.filter(pl.col("algorithm") == name) for name in (first, second)]
    columns = list(KEY)
    if all(side["trajectory"].null_count() == 0 for side in sides):
        columns = ["run", "trajectory"]
    further = [pl.first(c) for c in ("policy", "domain", "source", "unit", "words") if c not in columns]
    meant = [
        side.group_by(columns, maintain_order=True).agg(pl.col("value").mean(), pl.first("direction"), *more)
        for side, more in zip(sides, (further, []), strict=True)
    ]
    rows = meant[0].join(meant[1], on=columns, how="inner", maintain_order="left", suffix="_second")
    x, y = (
        rows[f"value{end}"].to_numpy() * np.array([sign(d) or 1 for d in rows[f"direction{end}"]])
        for end in ("", "_second")
    )
    turned = tuple(bool(rows.height) and sign(rows[f"direction{end}"][0]) < 0 for end in ("", "_second"))
    return _Both(rows, x, y, rows["source"].to_list(), (turned[0], turned[1]))


def _controls(rows: pl.DataFrame) -> Floats:
    """Log length, where it is known for all rows, and domains."""
    columns = [np.zeros(rows.height)]
    if rows["words"].null_count() == 0:
        columns.append(np.log1p(rows["words"].to_numpy()))
    domains = sorted(set(rows["domain"]))
    columns += [(rows["domain"] == domain).to_numpy().astype(float) for domain in domains[1:]]
    return np.column_stack(columns)


def _reliability(ok: pl.DataFrame, name: str) -> float:
    one = ok.filter(pl.col("algorithm") == name)
    subjects = one.select(pl.format("{} {} {} {}", "unit", "policy", "mode", "system").alias("s"))["s"].to_list()
    return icc_retest(one["value"].to_numpy(), subjects)


def _scatter(both: _Both, first: str, second: str) -> Plot:
    """Each trajectory, at most 300 of them, evenly taken; the line is of all."""
    step = max(1, both.rows.height // 300)
    points = [
        Point(float(y), float(x), group=policy)
        for x, y, policy in zip(both.x[::step], both.y[::step], both.rows["policy"].to_list()[::step], strict=True)
    ]
    line = None
    if np.ptp(both.x) > 0:
        slope, intercept = np.polyfit(both.x, both.y, 1)
        line = (float(intercept), float(slope))
    labels = [
        f"minus {variant_words(name)}" if turned else variant_words(name)
        for name, turned in zip((first, second), both.turned, strict=True)
    ]
    caption = "One point a trajectory, turned so that up and right are better; the line is of all of them."
    return ScatterPlot("scatter", "Trajectories", caption, points, labels[0], labels[1], line)
