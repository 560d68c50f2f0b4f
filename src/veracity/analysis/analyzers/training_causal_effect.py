"""What did a training do: the same held-out items before and after, paired, beside a training that taught nothing?

The trained policy was made from the base by an intervention, so a paired difference is an effect of training. It is the
effect of *these* samples only beyond a placebo: the same training on samples chosen at random. Items that the
trajectories call `train` or `validation` are left out, since what was trained on shows memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from pydantic import Field

from veracity.analysis.base import Analyzer, analyzer
from veracity.analysis.scores import RunTables, policies_called, unit_means
from veracity.analysis.wording import (
    ESTIMATE,
    better,
    cell,
    estimate_cells,
    listed,
    point,
    sign,
    with_interval,
)
from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.core.estimate import Direction, Estimate
from veracity.core.finding import Cell, Finding, IntervalPlot, Place, ResultTable
from veracity.metrics.metric_names import variant_words
from veracity.stats.paired import holm, paired_difference
from veracity.stats.permutation import swap_test

LENGTH = "words written"
"""A control: a training that only lengthens answers moves metrics too."""


class EffectOptions(Settings):
    """Who was trained from whom."""

    base: str = Field(default="", description="Policy before training; without it there is nothing to do.")
    trained: str = Field(default="", description="Policy after training.")
    placebo: str = Field(default="", description="Policy after the same training on samples chosen at random.")
    split: str = Field(default="test", description="Split of the items that count, where trajectories say theirs.")


@dataclass(frozen=True)
class _Change:
    metric: str
    contrast: str
    estimate: Estimate
    p: float


@analyzer("training_causal_effect")
class TrainingCausalEffect(Analyzer):
    """What did training change, beyond what any training would?"""

    Options = EffectOptions

    def across(self, runs: Sequence[RunTables], scores: pl.DataFrame) -> Iterable[Finding]:
        """All metrics, and the length of answers, on the held-out items that the policies share."""
        arms = self._arms(scores)
        if not arms:
            return
        held = scores.filter(pl.col("split").is_null() | (pl.col("split") == self.options.split))
        held = held.with_columns(unit=pl.format("{} {} {}", "unit", "mode", "system"))
        tables = list(_tables(held))
        # p is corrected over all metrics and contrasts, and the least one can be below 5 % after that, too
        draws = max(4999, self.resamples, 300 * len(tables))
        changes = [change for one in tables for change in self._changes(*one, arms, draws)]
        changes = [change for change in changes if change.estimate.n]
        if not changes:
            note = "Insufficient: the base and the trained policy share no held-out item with a value."
            yield Finding(self.name, "across", Place(model=arms["trained"]), "No shared held-out items", notes=[note])
            return
        yield Finding(
            self.name, "across", Place(model=arms["trained"]), f"{arms['trained']} against {arms['base']}",
            [_table(changes)], [_plot(changes)], self._notes(arms, scores, held), answer=_answer(changes, arms),
        )  # fmt: skip

    def _arms(self, scores: pl.DataFrame) -> dict[str, str]:
        """Role → policy; empty where none was named. ConfigError where one is missing or unknown."""
        given = {role: getattr(self.options, role) for role in ("base", "trained", "placebo")}
        if not any(given.values()):
            return {}
        known, there = policies_called(scores), ", ".join(sorted(set(scores["policy"])))
        for role, policy in given.items():
            if (policy and policy not in known) or (not policy and role != "placebo"):
                what = f"{policy!r} is no policy here" if policy else "name one"
                raise ConfigError(f"training_causal_effect.{role}: {what}; there are: {there}")
        return {role: known[policy] for role, policy in given.items() if policy}

    def _changes(
        self, name: str, direction: Direction, wide: pl.DataFrame, arms: dict[str, str], draws: int
    ) -> Iterable[_Change]:
        contrasts = {"trained − base": ("base", "trained")}
        if "placebo" in arms:
            contrasts |= {"placebo − base": ("base", "placebo"), "trained − placebo": ("placebo", "trained")}
        if any(policy not in wide.columns for policy in arms.values()):
            return
        whole = wide.filter(~pl.any_horizontal(pl.col(list(arms.values())).is_nan()))
        if whole.is_empty():
            return
        for contrast, (before, after) in contrasts.items():
            first, second = whole[arms[before]].to_numpy(), whole[arms[after]].to_numpy()
            sources = whole["source"].to_list()
            change = paired_difference(
                second, first, sources, seed=self.seed, resamples=self.resamples, direction=direction
            )
            p = swap_test(
                first[:, None], second[:, None], np.array(sources), lambda m: m[:, 0], seed=self.seed,
                resamples=draws,
            )  # fmt: skip
            yield _Change(name, contrast, change, p)

    def _notes(self, arms: dict[str, str], scores: pl.DataFrame, held: pl.DataFrame) -> list[str]:
        notes = []
        if "placebo" in arms:
            notes.append("The effect of the chosen samples is trained − placebo: both were trained, on other samples.")
        else:
            notes.append(
                "There is no placebo arm, so the change is that of being trained at all, on whatever samples: it does "
                "not show that choosing them by this metric did anything."
            )
        if gone := scores.height - held.height:
            notes.append(f"{gone} rows of items outside the split {self.options.split!r} are left out.")
        if held["split"].null_count():
            notes.append("Some trajectories do not say their split; that those items were held out is taken on trust.")
        return notes


def _tables(held: pl.DataFrame) -> Iterable[tuple[str, Direction, pl.DataFrame]]:
    """Each metric, and the words that were written, as units × policies."""
    for (name,), own in sorted(held.group_by("algorithm", maintain_order=True), key=lambda pair: str(pair[0])):
        wide = unit_means(own)
        if wide.height:
            yield str(name), own["direction"][0], wide
    words = held.drop_nulls(["trajectory", "words"]).unique("trajectory", maintain_order=True)
    words = words.with_columns(value=pl.col("words").cast(pl.Float64), status=pl.lit("ok"))
    if words.height:
        yield LENGTH, "neither", unit_means(words)


def _table(changes: Sequence[_Change]) -> ResultTable:
    adjusted = holm({str(i): c.p for i, c in enumerate(changes)})
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (c.metric, c.contrast, *estimate_cells(c.estimate), c.p, cell(adjusted[str(i)]), _verdict(c, adjusted[str(i)]))
        for i, c in enumerate(changes)
    )
    header = ("metric", "contrast", *ESTIMATE, "p", "p corrected", "verdict")
    note = "Mean paired difference on items that all arms have, intervals by source, p corrected by Holm over all rows."
    return ResultTable("effects", "Effects of training", header, rows, note)


def _verdict(change: _Change, adjusted: float) -> str:
    if adjusted >= 0.05:
        return "not told apart"
    way = sign(change.estimate.direction) * change.estimate.value
    return "moved" if way == 0 else ("better" if way > 0 else "worse")


def _answer(changes: Sequence[_Change], arms: dict[str, str]) -> str:
    """What got better and what got worse, by the contrast that isolates the chosen samples."""
    adjusted = holm({str(i): c.p for i, c in enumerate(changes)})
    contrast = "trained − placebo" if "placebo" in arms else "trained − base"
    own = [(c, _verdict(c, adjusted[str(i)])) for i, c in enumerate(changes) if c.contrast == contrast]
    parts = [
        f"{verdict} in {listed(f'{variant_words(c.metric)} ({with_interval(c.estimate)})' for c in found)}"
        for verdict in ("better", "worse")
        if (found := [c for c, v in own if v == verdict])
    ]
    against = f"{arms['trained']} against {arms['placebo' if 'placebo' in arms else 'base']}"
    return f"{against}: {listed(parts)}." if parts else f"{against}: no metric of {len(own)} is told apart."


def _plot(changes: Sequence[_Change]) -> IntervalPlot:
    """In standard errors of each row, so that metrics of different units stand side by side."""
    shown = []
    for one in changes:
        scale = one.estimate.se if one.estimate.se > 0 else np.nan
        e = one.estimate
        scaled = Estimate(e.value / scale, 1.0, e.ci_low / scale, e.ci_high / scale, e.n, e.clusters, e.direction, 0.0)
        label = f"{variant_words(one.metric)} ({better(e.direction).split(' ')[0]}): {one.contrast}"
        if np.isfinite(scaled.value):
            shown.append(point(label, scaled, group=one.contrast, solid=one.p < 0.05))
    caption = "Paired differences in their own standard errors; filled where p < 5 % before correction."
    return IntervalPlot("effects", "Effects of training", caption, shown, "difference / standard error", null=0.0)
