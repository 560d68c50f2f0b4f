"""Which policy is better at what a metric measures, by how much, how sure is that, and is the score itself sound?

Pairs are compared on the items that both have, ratings come from who is better on each item, and ranks have intervals.
Soundness is asked of the score: do two halves of the items order the policies alike (split-half), does a policy that
reasons again get the same value (retest), and does the order agree with a public table of ratings (`arena`)?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np
import polars as pl
from pydantic import Field

from veracity.analysis.base import Analyzer, analyzer
from veracity.analysis.external_ratings import ArenaRow, arena_plots, arena_table
from veracity.analysis.rating import (
    PairedChange,
    Standing,
    UnitMeans,
    against_the_mean,
    changes,
    groups,
    means,
    standings,
)
from veracity.analysis.scores import RunTables, Setup, policies_called, setups, unit_means
from veracity.analysis.wording import (
    ESTIMATE,
    better,
    cell,
    estimate_cells,
    from_to,
    in_mode,
    left_out,
    listed,
    opening,
    point,
    with_interval,
)
from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.core.estimate import Estimate
from veracity.core.finding import Cell, Finding, IntervalPlot, Place, Plot, Point, ResultTable, ScatterPlot
from veracity.metrics.metric_names import variant_words
from veracity.stats.agreement import icc_retest, split_half

Given = TypeVar("Given")


class ComparisonOptions(Settings):
    """What to compare policies with, and how to show them."""

    x: Literal["none", "name", "size"] = Field(
        default="none", description="Horizontal axis of a plot of ratings: names in order, or parameters."
    )
    sizes: dict[str, float] = Field(default={}, description="Parameters in billions, by policy; for x=size.")
    groups: dict[str, str] = Field(default={}, description="Policy to group; groups share a colour.")
    arena: list[ArenaRow] = Field(default=[], description="A public table of ratings: model, score, low, high.")
    aliases: dict[str, str] = Field(default={}, description="Policy to its exact name in the table of ratings.")
    drop: list[str] = Field(
        default=[],
        description="Policies to leave out of a second correlation with the ratings; the one with all is shown too.",
    )


@analyzer("performance_comparison")
class PerformanceComparison(Analyzer):
    """Which policy is better, by how much, and is the score sound?"""

    Options = ComparisonOptions

    def on_run(self, run: RunTables, scores: pl.DataFrame) -> Iterable[Finding]:
        """The policies of one run, on each of its setups."""
        for setup in setups(scores):
            yield from self._compare(replace(setup.place, model=f"run-{run.name}"), "run", setup.scores)

    def on_setup(self, setup: Setup) -> Iterable[Finding]:
        """The policies of all runs in one setup; nothing where that is one run, which was compared already."""
        if setup.scores["run"].n_unique() > 1:
            yield from self._compare(setup.place, "setup", setup.scores)

    def across(self, runs: Sequence[RunTables], scores: pl.DataFrame) -> Iterable[Finding]:
        """The policies over all domains, modes and prompts of a metric; an item in two modes is two items."""
        apart = scores.with_columns(unit=pl.format("{} {} {}", "unit", "mode", "system"))
        for (algorithm,), own in sorted(apart.group_by("algorithm", maintain_order=True), key=lambda p: str(p[0])):
            if own.select("domain", "mode", "system").n_unique() > 1:
                yield from self._compare(Place(str(algorithm)), "across", own)

    def _compare(self, place: Place, scale: Literal["run", "setup", "across"], scores: pl.DataFrame) -> list[Finding]:
        direction = scores["direction"][0]
        wide = unit_means(scores)
        if wide.is_empty():
            return []
        units = UnitMeans.of(wide, direction)
        draws = {"seed": self.seed, "resamples": self.resamples}
        own, called = means(units, **draws), policies_called(scores)
        pairs, order = changes(units, **draws), standings(units, **draws)
        tables = [_means_table(own, direction), *_pairs_table(pairs), *_standings_table(order, pairs)]
        sound = self._soundness(units, scores)
        tables.append(sound)
        plots = _plots(place.algorithm, own, pairs, order, direction)
        plots += self._by_position(order, called)
        notes = [*left_out(scores), *_turned(order)]
        if self.options.arena:
            rated = self._arena(own, direction, called)
            tables.append(rated[0])
            plots += rated[1]
            notes += rated[2]
        title = f"{opening(place.algorithm)}: {len(units.policies)} policies ({better(direction)})"
        told = _answer(place, own, pairs, order)
        row = _summary(own, pairs, order, sound)
        return [Finding(self.name, scale, place, title, tables, plots, notes, answer=told, summary=row,
                        decided=any(pair.winner for pair in pairs))]  # fmt: skip

    def _soundness(self, units: UnitMeans, scores: pl.DataFrame) -> ResultTable:
        middle, low, high = split_half(units.values, units.sources, seed=self.seed, splits=min(self.resamples, 500))
        ok = scores.filter(pl.col("status") == "ok")
        rows = [("split-half, Spearman–Brown", "all", cell(middle), cell(low), cell(high), len(units.values))]
        for policy in units.policies:
            one = ok.filter(pl.col("policy") == policy)
            again = icc_retest(one["value"].to_numpy(), one["unit"].to_list())
            rows.append(("retest, ICC(1,1)", policy, cell(again), None, None, one.height))
        note = (
            "Split-half: the median and 95 % of random halvings of the sources; it needs three policies. Retest: what "
            "share of the variance of one value is not chance; it needs replicates."
        )
        header = ("reliability", "policy", "value", "low", "high", "rows")
        return ResultTable("soundness", "Is the score sound?", header, tuple(rows), note)

    def _by_position(self, order: list[Standing], called: dict[str, str]) -> list[Plot]:
        """Ratings against size or names."""
        options = self.options
        if options.x == "none" or not order:
            return []
        groups_of = _by_policy(options.groups, called)
        if options.x == "size":
            sizes = _by_policy(options.sizes, called)
            if lacking := [one.policy for one in order if one.policy not in sizes]:
                raise ConfigError(f"performance_comparison: x=size needs sizes.{lacking[0]}, in billions of parameters")
            places = {one.policy: sizes[one.policy] for one in order}
        else:
            places = {name: float(i) for i, name in enumerate(sorted(one.policy for one in order), start=1)}
        points = [
            point(one.policy, one.rating, x=places[one.policy], group=groups_of.get(one.policy, "")) for one in order
        ]
        by_size = options.x == "size"
        label = "parameters, billions" if by_size else "policies in the order of their names"
        spread = by_size and max(places.values()) > 10 * min(places.values()) > 0
        caption = "Elo from wins on shared items, with 95 % intervals by source."
        return [
            ScatterPlot("by_position", "Rating by size" if by_size else "Ratings", caption, points, label,
                        "Elo", log_x=spread)
        ]  # fmt: skip

    def _arena(
        self, own: dict[str, Estimate], direction: str, called: dict[str, str]
    ) -> tuple[ResultTable, list[Plot], list[str]]:
        options = self.options
        drop = [called.get(name, name) for name in options.drop]
        if unknown := sorted(set(drop) - set(own)):
            raise ConfigError(f"performance_comparison.drop: {unknown[0]!r} is no policy here: {', '.join(own)}")
        rated, table = arena_table(own, direction, options.arena, _by_policy(options.aliases, called), drop)
        notes = []
        if lacking := sorted(set(own) - {one.policy for one in rated}):
            notes.append(f"Not in the table of ratings under an exact name or alias: {', '.join(lacking)}.")
        if options.drop:
            notes.append(
                f"Left out by hand from the second correlation: {', '.join(options.drop)}. Choosing points by what "
                "they do to a correlation makes it mean less; the first figure has them all."
            )
        return table, arena_plots(rated, direction), notes


def _by_policy(given: Mapping[str, Given], called: Mapping[str, str]) -> dict[str, Given]:
    """Options by the names that policies have in the tables."""
    return {called.get(name, name): value for name, value in given.items()}


def _answer(place: Place, own: dict[str, Estimate], pairs: list[PairedChange], order: list[Standing]) -> str:
    """Who is best, and whom it could be told apart from, on how many shared items."""
    name = f"{opening(place.algorithm)}{in_mode(place.mode)}"
    if len(own) < 2:
        return "".join(f"{name} of {policy}: {with_interval(one)}." for policy, one in own.items())
    if not pairs:
        return f"{name}: no two policies share an item."
    if not order:
        apart = [pair for pair in pairs if pair.adjusted < 0.05]
        differ = f"{len(apart)} of {len(pairs)} pairs of policies differ{_shared(pairs)}"
        return f"{name}: {differ}; neither way is better."
    level = [one.policy for one in order if one.rank == order[0].rank]
    beaten = [pair for pair in pairs if pair.winner == level[0]]
    values = own[level[0]]
    who = f"{listed(level)} {'are level at the top' if len(level) > 1 else 'is best'}"
    others = len(order) - len(level)
    told = f", told apart from {len(beaten)} of {others} other{'s' if others > 1 else ''}"
    if not beaten:
        told = f", but not told apart from the other{'s' if others > 1 else ''}"
    told += f" (the last: {_last(own, order)}){_shared(pairs)}"
    return f"{name}: {who}, {with_interval(values)}{told if others else _shared(pairs)}."


def _shared(pairs: Sequence[PairedChange]) -> str:
    """On how many items pairs were compared, and whether these can tell any pair apart at 5 % after Holm's correction.

    Of 2^k ways to swap two policies in k sources two are at least as far apart as what was seen: itself and its mirror
    image. So no p is below 2 / 2^k, nor is the least one below that times the number of pairs when it is corrected.
    """
    items, sources = from_to([p.change.n for p in pairs]), from_to([p.change.clusters for p in pairs])
    from_sources = "" if sources == items else f" from {sources} source{'s' if sources != '1' else ''}"
    told = f" on {items} shared item{'s' if items != '1' else ''}{from_sources}"
    most = max(pair.change.clusters for pair in pairs)
    few = len(pairs) * 2.0 ** (1 - most) >= 0.05 and all(pair.adjusted >= 0.05 for pair in pairs)
    return f"{told}, too few for the paired test to tell any two apart" if few else told


def _last(own: dict[str, Estimate], order: list[Standing]) -> str:
    return f"{order[-1].policy}, {with_interval(own[order[-1].policy])}"


def _summary(
    own: dict[str, Estimate], pairs: list[PairedChange], order: list[Standing], sound: ResultTable
) -> dict[str, Cell]:
    """The best policy beside the worst, and how sure their order is."""
    if not order:
        return {}
    best, last = own[order[0].policy], own[order[-1].policy]
    beaten = sum(pair.winner == order[0].policy for pair in pairs)
    return {
        "best": order[0].policy,
        "mean": with_interval(best),
        "last": order[-1].policy,
        "mean of last": with_interval(last),
        "told apart": f"{beaten} of {len(order) - 1}",
        "first": f"{100 * order[0].best:.0f} %",
        "split-half": sound.rows[0][2],
    }


def _turned(order: list[Standing]) -> list[str]:
    """A warning where ratings and means order policies differently."""
    if not (turned := against_the_mean(order)):
        return []
    told = "; ".join(f"{second} over {first}" for first, second in turned)
    return [
        f"Ratings put {told}, and means the other way round. A rating counts how often a policy is better, not by how "
        "much, so who gains a little on most items and loses much on a few is rated too high: an overconfident "
        "forecaster is. Believe the means."
    ]


def _means_table(own: dict[str, Estimate], direction: str) -> ResultTable:
    rows = tuple((policy, *estimate_cells(one)) for policy, one in own.items())
    note = f"Mean over a policy's items, intervals by source; {better(direction)}."
    return ResultTable("means", "Means", ("policy", *ESTIMATE), rows, note)


def _pairs_table(pairs: list[PairedChange]) -> list[ResultTable]:
    if not pairs:
        return []
    rows = tuple(
        (f"{p.second} − {p.first}", *estimate_cells(p.change), cell(p.p_value), cell(p.adjusted), p.winner or "–")
        for p in pairs
    )
    note = "On shared items. p of swapping the two within sources; corrected by Holm over the pairs of this table."
    header = ("pair", *ESTIMATE, "p", "p corrected", "better")
    return [ResultTable("differences", "Paired differences", header, rows, note)]


def _standings_table(order: list[Standing], pairs: list[PairedChange]) -> list[ResultTable]:
    if not order:
        return []
    letters = groups([one.policy for one in order], pairs)
    rows = tuple(
        (o.policy, *estimate_cells(o.rating), o.rank, o.rank_low, o.rank_high, o.best, letters[o.policy]) for o in order
    )
    note = (
        "Elo: Bradley–Terry strengths from who is better on each item (a tie is half a win), mean 1000, one drawn "
        "match added to each pair. Ranks are by the mean on items that all have. Policies that share a letter "
        "were not told apart."
    )
    header = ("policy", *ESTIMATE, "rank", "rank low", "rank high", "share first", "group")
    return [ResultTable("standings", "Ratings and ranks", header, rows, note)]


def _plots(
    name: str, own: dict[str, Estimate], pairs: list[PairedChange], order: list[Standing], direction: str
) -> list[Plot]:
    by_mean = sorted(
        own.items(), key=lambda pair: (np.nan_to_num(pair[1].value), pair[0]), reverse=direction != "lower"
    )
    caption = f"Mean over items with its 95 % interval by source; {better(direction)}."
    shown = [point(p, one) for p, one in by_mean]
    words = variant_words(name)
    plots: list[Plot] = [IntervalPlot("means", "Means", caption, shown, f"mean of {words}")]
    if pairs and len(pairs) <= 28:
        shown = [point(f"{p.second} − {p.first}", p.change, solid=p.adjusted < 0.05) for p in pairs]
        caption = "On shared items; filled where the difference remains after Holm's correction."
        plots.append(
            IntervalPlot("differences", "Paired differences", caption, shown, f"difference of {words}", null=0.0)
        )
    if order:
        caption = "Elo from wins on shared items, with 95 % intervals by source."
        shown = [point(one.policy, one.rating) for one in order]
        plots.append(IntervalPlot("ratings", "Ratings", caption, shown, "Elo points", null=1000.0))
        caption = "Rank by mean, 1 is best, with 95 % of the ranks in resampled sources."
        shown = [Point(one.rank, 0.0, one.rank_low, one.rank_high, label=one.policy) for one in order]
        plots.append(IntervalPlot("ranks", "Ranks", caption, shown, "rank, 1 is best"))
    return plots
