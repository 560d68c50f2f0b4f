"""How much of a score belongs to the model, the mode, the prompt, and to how the answer is written?

The features are declared before the scores are looked at, in the options. What the experimenter set for every item
alike (mode, prompt, asked length) is randomised by design: its effect is estimated without adjusting for anything that
comes after it, such as the length of the answer. What the policy chose (length, hedges, questions) and which policy it
was are adjusted for the design and for each other, and stay associational whatever is adjusted for.

All fits have a constant for every item; scores and numbers are in standard deviations within items.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import Field

from veracity.analysis.base import Analyzer, analyzer
from veracity.analysis.scores import RunTables, Setup
from veracity.analysis.wording import better, cell, in_mode, left_out, number, opening, plain_names
from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.core.finding import Cell, Finding, IntervalPlot, Place, Point, ResultTable
from veracity.stats.attribution import e_value, r_squared, robustness_value, shapley_r_squared
from veracity.stats.cluster import Floats, cluster_codes
from veracity.stats.correlation import within
from veracity.stats.paired import holm

DESIGN = {"mode": "mode", "prompt": "system", "length_target": "target_tokens"}
"""Features that an experimenter sets → column of scores; the first column named is a category unless it is a number."""
OBSERVED = {"policy": "policy", "length": "words", "hedges": "hedges", "questions": "questions"}
NUMBERS = ("length_target", "length", "hedges", "questions")
"""Features that are numbers; they enter as log(1 + x)."""
FREEDOM = 10
"""Fewest degrees of freedom of a fit."""
NO_ERROR = 1e-9
"""Standard errors below this are rounding."""
INFLATED = 10.0
"""Variance inflation from which a feature is not told apart from the others (Marquardt, 1970, Technometrics 12)."""


class AttributionOptions(Settings):
    """What is declared before looking."""

    features: list[str] = Field(
        default=[*DESIGN, *OBSERVED],
        description=f"Features of the score: {', '.join([*DESIGN, *OBSERVED])}.",
    )
    randomised: list[str] = Field(
        default=list(DESIGN), description="Features that were set for every item alike, or drawn by lot."
    )


@dataclass(frozen=True)
class _Effect:
    """One coefficient."""

    feature: str
    term: str
    value: float
    se: float
    low: float
    high: float
    p: float
    t: float
    freedom: float
    inflation: float
    """How much the other columns inflate its variance (VIF)."""
    causal: bool

    @property
    def in_words(self) -> str:
        """The term; modes without their underscores."""
        return self.term.replace("_", " ") if self.feature == "mode" else self.term

    @property
    def kind(self) -> str:
        """What may be said of it."""
        if self.inflation > INFLATED:
            return "not separable"
        return "causal (randomised)" if self.causal else "associational"


@analyzer("causal_attribution")
class CausalAttribution(Analyzer):
    """What does a score depend on, and which of that was randomised?"""

    Options = AttributionOptions

    def on_setup(self, setup: Setup) -> Iterable[Finding]:
        """Policies and their ways of writing, in one mode under one prompt."""
        return self._attribute(setup.place, "setup", setup.scores)

    def across(self, runs: Sequence[RunTables], scores: pl.DataFrame) -> Iterable[Finding]:
        """With modes and prompts, where there are several."""
        for (algorithm,), own in sorted(scores.group_by("algorithm", maintain_order=True), key=lambda p: str(p[0])):
            if own.select("mode", "system", "domain").n_unique() > 1:
                yield from self._attribute(Place(str(algorithm)), "across", own)

    def _attribute(self, place: Place, scale: Literal["setup", "across"], scores: pl.DataFrame) -> list[Finding]:
        known = DESIGN | OBSERVED
        if wrong := [f for f in (*self.options.features, *self.options.randomised) if f not in known]:
            raise ConfigError(f"causal_attribution: {wrong[0]!r} is no feature; there are: {', '.join(known)}")
        rows = scores.filter(pl.col("status") == "ok")
        features = _columns(rows, list(self.options.features))
        y = _scaled(within(rows["value"].to_numpy(), rows["unit"].to_list())) if rows.height else np.zeros(0)
        width = sum(len(names) for names, _ in features.values())
        items = rows["unit"].n_unique()
        if not features or rows.height - items - width < FREEDOM or not y.any():
            why = "no declared feature varies within items" if not features else "too few rows within items"
            title, note = f"{opening(place.algorithm)}: insufficient", f"Insufficient: {why}."
            return [Finding(self.name, scale, place, title, notes=[note])]
        effects = self._effects(y, features, rows)
        shares = shapley_r_squared(y, {name: columns for name, (_, columns) in features.items()})
        whole = r_squared(y, np.column_stack([columns for _, columns in features.values()]))
        tables = [_effects_table(effects), _shares_table(shares, whole, self._causal(features, rows))]
        notes = [*left_out(scores), _adjustment(self.options.features, features, self._causal(features, rows))]
        title = f"{opening(place.algorithm)}: what it depends on ({better(rows['direction'][0])})"
        told, row = _in_words(place, effects, shares, whole)
        return [Finding(self.name, scale, place, title, tables, [_plot(effects)], notes, answer=told, summary=row,
                        decided=_decided(effects))]  # fmt: skip

    def _causal(self, features: Mapping[str, Any], rows: pl.DataFrame) -> set[str]:
        """Features that were randomised and whose levels all were tried on the same items by the same policies."""
        return {f for f in features if f in self.options.randomised and f in DESIGN and _crossed(rows, DESIGN[f])}

    def _effects(
        self, y: Floats, features: Mapping[str, tuple[list[str], Floats]], rows: pl.DataFrame
    ) -> list[_Effect]:
        """Randomised features in a fit of their own with the policy; the others in a fit of all."""
        causal = self._causal(features, rows)
        before = {n: f for n, f in features.items() if n in DESIGN or n == "policy"}
        found = []
        for name in features:
            adjusted = before if name in causal else features
            found += [e for e in _fit(y, adjusted, rows) if e.feature == name]
        return [replace(e, causal=e.feature in causal) for e in found]


def _columns(rows: pl.DataFrame, names: Sequence[str]) -> dict[str, tuple[list[str], Floats]]:
    """Feature → names and columns, each deviating from its item's mean; those that do not vary within items fall away.

    A category has a column for each level but the commonest. A number that is unknown in a row is left out altogether.
    """
    units = rows["unit"].to_list()
    found = {}
    for name in dict.fromkeys(names):
        column = rows[(DESIGN | OBSERVED)[name]]
        if name in NUMBERS:
            if column.null_count() or not rows.height:
                continue
            terms, raw = [name], [np.log1p(column.to_numpy().astype(float))]
        else:
            levels = column.value_counts(sort=True).sort("count", column.name, descending=[True, False])[column.name]
            plain = plain_names(str(level) for level in levels)
            terms = [f"{plain[str(level)]}, against {plain[str(levels[0])]}" for level in levels[1:]]
            raw = [(column == level).to_numpy().astype(float) for level in levels[1:]]
        moved = [(t, within(r, units)) for t, r in zip(terms, raw, strict=True)]
        kept = [(t, _scaled(m) if name in NUMBERS else m) for t, m in moved if np.abs(m).max() > 1e-9]
        if kept:
            found[name] = ([t for t, _ in kept], np.column_stack([m for _, m in kept]))
    return found


def _fit(y: Floats, features: Mapping[str, tuple[list[str], Floats]], rows: pl.DataFrame) -> list[_Effect]:
    """Least squares with cluster-robust errors; columns that others determine are left out."""
    import statsmodels.api as sm

    terms = [(name, term) for name, (names, _) in features.items() for term in names]
    design = np.column_stack([columns for _, columns in features.values()])
    kept = _independent(design)
    codes, count = cluster_codes(rows["source"].to_list(), len(y))
    freedom = len(y) - rows["unit"].n_unique() - len(kept)
    with np.errstate(invalid="ignore", divide="ignore"):  # variances may round to just below zero
        fit = sm.OLS(y, design[:, kept]).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
        errors, ends, p_values = fit.bse, fit.conf_int(), fit.pvalues
        plain = sm.OLS(y, design[:, kept]).fit().tvalues
    scale = math.sqrt((len(y) - len(kept)) / freedom)  # the items' constants take their degrees of freedom
    effects = [
        _Effect(
            *terms[place],
            value=float(fit.params[i]),
            se=float(errors[i]),
            low=float(ends[i][0]),
            high=float(ends[i][1]),
            p=float(p_values[i]),
            t=float(plain[i] / scale),
            freedom=freedom,
            inflation=_inflation(design[:, kept], i),
            causal=False,
        )
        for i, place in enumerate(kept)
        if count > 1
    ]
    return [effect if effect.se > NO_ERROR else _imprecise(effect) for effect in effects]


def _imprecise(effect: _Effect) -> _Effect:
    """Without errors: a score that follows from the features in every row is no evidence of precision."""
    return replace(effect, se=math.nan, low=math.nan, high=math.nan, p=1.0, t=math.nan)


def _independent(design: Floats) -> list[int]:
    kept: list[int] = []
    for place in range(design.shape[1]):
        if np.linalg.matrix_rank(design[:, [*kept, place]], tol=1e-8) > len(kept):
            kept.append(place)
    return kept


def _crossed(rows: pl.DataFrame, column: str) -> bool:
    """Whether at least nine in ten (policy, item) pairs have all levels that occur."""
    levels = rows[column].n_unique()
    per = rows.group_by("policy", "unit").agg(pl.n_unique(column).alias("levels"))["levels"].to_numpy()
    return levels > 1 and bool((per == levels).mean() >= 0.9)


def _scaled(values: Floats) -> Floats:
    spread = float(values.std())
    return values / spread if spread > 1e-12 else np.zeros_like(values)


def _effects_table(effects: Sequence[_Effect]) -> ResultTable:
    adjusted = holm({str(i): e.p for i, e in enumerate(effects)})
    rows: list[tuple[Cell, ...]] = [
        (e.feature, e.term, _told(e.value), cell(e.se), cell(e.low), cell(e.high),
         *((None, None) if math.isnan(e.se) else (cell(e.p), cell(adjusted[str(i)]))),
         cell(e.inflation), e.kind, *_sensitivity(e))
        for i, e in enumerate(effects)
    ]  # fmt: skip
    header = ("feature", "term", "effect", "se", "low", "high", "p", "p corrected", "inflation", "kind", "robustness",
              "e-value")  # fmt: skip
    note = (
        "Effects in standard deviations of the score within items; of a number, for one of log(1 + x). "
        "Errors by source, p corrected by Holm. Robustness: what share of the rest of both, feature and score, an "
        "unseen cause must explain to account for all of it. E-value: the least risk ratio with both that it needs. "
        "An effect without an error follows from the features in every row, which is no evidence of precision. "
        f"Not separable: the other features determine it so far that its variance is over {INFLATED:.0f} times what it "
        "would be (inflation)."
    )
    return ResultTable("effects", "Effects", header, tuple(rows), note)


def _decided(effects: Sequence[_Effect]) -> bool:
    """Whether an effect of what was randomised remains after Holm's correction."""
    adjusted = holm({str(i): e.p for i, e in enumerate(effects)})
    return any(e.causal and adjusted[str(i)] < 0.05 for i, e in enumerate(effects))


def _told(value: float) -> float:
    """Without what rounding leaves of 0."""
    return 0.0 if abs(value) < NO_ERROR else value


def _sensitivity(effect: _Effect) -> tuple[float | None, float | None]:
    if effect.inflation > INFLATED or math.isnan(effect.se):
        return None, None
    return cell(robustness_value(effect.t, effect.freedom)), e_value(effect.value)


def _inflation(design: Floats, place: int) -> float:
    """1 / (1 − R²) of a column on the others."""
    left = 1 - r_squared(design[:, place], np.delete(design, place, axis=1))
    return 1 / left if left > 1e-12 else math.inf


def _shares_table(shares: Mapping[str, float], whole: float, causal: set[str]) -> ResultTable:
    rows = tuple(
        (name, share, "causal (randomised)" if name in causal else "associational")
        for name, share in sorted(shares.items(), key=lambda pair: -pair[1])
    )
    note = "Shapley's division of the R² within items: each feature's mean gain over all orders of entering."
    header = ("feature", "share of variance", "kind")
    return ResultTable("shares", "Share of the variance within items", header, (*rows, ("all", whole, "")), note)


def _in_words(
    place: Place, effects: Sequence[_Effect], shares: Mapping[str, float], whole: float
) -> tuple[str, dict[str, Cell]]:
    """The sentence and the row of one fit: what the score goes with, and what was randomised."""
    first = max(shares, key=lambda name: shares[name])
    randomised = [e for e in effects if e.causal and not math.isnan(e.se)]
    largest = max(randomised, key=lambda e: abs(e.value), default=None)
    cause = "nothing was randomised within items"
    if largest is not None:
        ends = f"{number(largest.value)} sd [{number(largest.low)}, {number(largest.high)}]"
        cause = f"of what was randomised, {largest.in_words}, moves it most, by {ends}"
    told = (
        f"{opening(place.algorithm)}{in_mode(place.mode)}: {100 * whole:.0f} % of the variance within items goes with "
        f"the features, most of it with the {first.replace('_', ' ')} ({100 * shares[first]:.0f} %); {cause}."
    )
    row: dict[str, Cell] = {
        "R² within items": whole,
        "largest share": f"{first.replace('_', ' ')}, {100 * shares[first]:.0f} %",
        "largest randomised effect, sd": "–" if largest is None else f"{largest.in_words}: {number(largest.value)}",
        "robustness": None if largest is None else _sensitivity(largest)[0],
    }
    return told, row


def _adjustment(declared: Sequence[str], features: Iterable[str], causal: set[str]) -> str:
    named = list(features)
    told = f"In the fit: {', '.join(named)}; constants for items. "
    if causal:
        told += f"Randomised: {', '.join(sorted(causal))}, adjusted for each other and the policy only. "
    if rest := [name for name in named if name not in causal]:
        told += f"Associational, adjusted for all the others: {', '.join(rest)}. "
    if still := [name for name in declared if name not in named]:
        told += f"Declared, but unknown or the same in all rows of an item: {', '.join(still)}."
    return told.strip()


def _plot(effects: Sequence[_Effect]) -> IntervalPlot:
    points = [
        Point(e.value, 0.0, cell(e.low), cell(e.high),
              label=e.term if e.term == e.feature else f"{e.feature}: {e.in_words}", solid=e.causal)
        for e in effects
        if e.inflation <= INFLATED
    ]  # fmt: skip
    caption = (
        "Filled: randomised. Hollow: associational, whatever it is adjusted for. What is not separable is left out."
    )
    return IntervalPlot("effects", "Effects", caption, points, "standard deviations within items", null=0.0)
