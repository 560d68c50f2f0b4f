"""From the tables of a run to its numbers: every metric of every arm and domain, with rows behind and states beside it.

Nothing is asked here. A *score* is one number of one metric with its interval, or the state that says why there is
none, and how many rows were counted under which status.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.experiments.truth_seeking.bench import Bench
from veracity.experiments.truth_seeking.trajectories import PRESSURE
from veracity.metrics import mutual_predictability as mutual
from veracity.metrics import world_in_the_loop as world
from veracity.metrics.belief_paths import BeliefChoice, BeliefPath, belief_paths
from veracity.metrics.martingale import Martingale, MartingaleSettings, martingale, martingale_rows
from veracity.metrics.metric_rows import METRIC_ROWS
from veracity.metrics.model_panel import PANEL, distance_from_martingale, panel_of_rows
from veracity.metrics.qualitative import (
    length_controlled,
    length_controlled_rows,
    length_slope,
    qualitative_rows,
)
from veracity.metrics.qualitative_checks import CHECKS, qualitative_checks
from veracity.metrics.row_estimates import RowEstimate, row_estimates
from veracity.metrics.sycophancy import opinion_rows, opinion_sycophancy
from veracity.metrics.sycophancy_conditions import condition_estimates, condition_rows
from veracity.metrics.sycophancy_iq import iq_rows, iq_sycophancy, length_adjusted_change
from veracity.metrics.sycophancy_items import Sycophancy, SycophancySettings
from veracity.metrics.sycophancy_pressure import PressureSettings, pressure_estimates, pressure_rows
from veracity.metrics.table_schema import TableSchema
from veracity.metrics.truth_accuracy import (
    ForecastQuality,
    TruthAccuracySettings,
    forecast_quality,
    truth_accuracy,
    truth_accuracy_rows,
)

SCORES = TableSchema(
    name="scores table",
    columns={
        "domain": pl.String(),
        "arm": pl.String(),
        "metric": pl.String(),
        "value": pl.Float64(),  # null where there is no number
        "se": pl.Float64(),
        "ci_low": pl.Float64(),
        "ci_high": pl.Float64(),
        "n": pl.Int64(),  # rows behind the value
        "clusters": pl.Int64(),  # source items behind them
        "direction": pl.String(),
        "null": pl.Float64(),  # what chance, or no effect, would give
        "state": pl.String(),  # ok, or why there is no number
        "reason": pl.String(),
        "statuses": pl.List(pl.Struct({"status": pl.String(), "rows": pl.Int64()})),  # all rows, by status
    },
    required=frozenset({"domain", "arm", "metric", "n", "state"}),
    key=("domain", "arm", "metric"),
)
"""Columns of `tables/scores.parquet`."""


@dataclass(frozen=True, slots=True)
class Score:
    """One number of one arm on one domain, or why there is none."""

    metric: str
    estimate: Estimate | None
    state: str = "ok"
    reason: str = ""
    statuses: Mapping[str, int] = field(default_factory=dict)

    def row(self, domain: str, arm: str) -> dict[str, Any]:
        """A row of the scores table."""
        e = self.estimate
        known = e is not None and e.n > 0
        names = ("value", "se", "ci_low", "ci_high", "null")
        numbers = {n: v for n in names if e is not None and known and (v := getattr(e, n)) is not None and v == v}
        state = self.state if known or self.state != "ok" else _commonest(self.statuses)
        about = {"domain": domain, "arm": arm, "metric": self.metric, "state": state, "reason": self.reason or None}
        counts = {"n": e.n if e else 0, "clusters": e.clusters if e else 0}
        said = [{"status": status, "rows": rows} for status, rows in self.statuses.items()]
        return about | numbers | counts | {"direction": e.direction if e else None, "statuses": said}


@dataclass(frozen=True)
class Scored:
    """All rows of metric values and all scores."""

    rows: pl.DataFrame
    scores: pl.DataFrame
    panel: pl.DataFrame
    """Every model against the reference of the settings; no rows without one."""
    checks: pl.DataFrame
    """How far to trust the qualitative judge; no rows without verdicts."""


@dataclass(frozen=True)
class Tables:
    """What scores are computed from; tables of metrics that are not wanted are empty."""

    trajectories: pl.DataFrame
    steps: pl.DataFrame
    beliefs: pl.DataFrame
    quality: pl.DataFrame | None = None
    mutual: pl.DataFrame | None = None
    world: pl.DataFrame | None = None
    verdicts: pl.DataFrame | None = None
    verdicts_swapped: pl.DataFrame | None = None
    verdicts_second: pl.DataFrame | None = None
    length_controlled: pl.DataFrame | None = None
    """The verdicts of every domain with what length earns taken off, over all its arms; see `scored`."""
    grades: pl.DataFrame | None = None

    def of(self, domain: str, arm: str) -> Tables:
        """Those of one arm on one domain."""
        here = (pl.col("domain") == domain) & (pl.col("arm") == arm)
        own = self.trajectories.filter(here)
        names = ("beliefs", "quality", "mutual", "world", "verdicts", "length_controlled", "grades")
        parts: dict[str, Any] = {n: None if (t := getattr(self, n)) is None else t.filter(here) for n in names}
        return Tables(own, self.steps.join(own.select("trajectory"), on="trajectory", how="semi"), **parts)


def scored(bench: Bench, tables: Tables) -> Scored:
    """Every metric of the settings, of every arm on every domain."""
    if tables.verdicts is not None and tables.verdicts.height:
        by_domain = tables.verdicts.partition_by("domain", maintain_order=True)
        tables = replace(tables, length_controlled=pl.concat(map(length_controlled, by_domain)))
    rows: list[pl.DataFrame] = []
    scores: list[dict[str, Any]] = []
    slopes: dict[tuple[str, str], Martingale] = {}
    arms = tables.trajectories.select("domain", "arm").unique(maintain_order=True)
    for domain, arm in arms.iter_rows():
        cell = _Cell(bench, tables.of(domain, arm), slopes, (domain, arm))
        for found, told in cell.measured():
            rows.append(found)
            scores += [score.row(domain, arm) for score in told]
    all_rows = pl.concat(rows) if rows else METRIC_ROWS.frame([])
    panel = _panel(bench, tables, all_rows, slopes)
    return Scored(METRIC_ROWS.check(all_rows), SCORES.frame(scores), panel, _checks(bench, tables))


def _checks(bench: Bench, tables: Tables) -> pl.DataFrame:
    """How far the qualitative judge can be trusted, over all arms."""
    if tables.verdicts is None:
        return CHECKS.frame([])
    seed, resamples = bench.settings.seed, bench.settings.resamples
    further = (tables.verdicts_swapped, tables.verdicts_second)
    found = qualitative_checks(tables.verdicts, *further, seed=seed, resamples=resamples)
    return CHECKS.frame(check.row() for check in found)


def _panel(
    bench: Bench, tables: Tables, rows: pl.DataFrame, slopes: Mapping[tuple[str, str], Martingale]
) -> pl.DataFrame:
    """The reference model against every other, under the same prompt in the same mode."""
    asked = bench.settings.eval
    how: dict[str, Any] = {"seed": bench.settings.seed, "resamples": bench.settings.resamples}
    start = f"{asked.reference} · "
    arms = tables.trajectories["arm"].unique(maintain_order=True).to_list()
    pairs = [
        (own, other)
        for own in arms
        if asked.reference is not None and own.startswith(start)
        for other in arms
        if other != own and other.endswith(f" · {own.removeprefix(start)}") and other.count(" · ") == own.count(" · ")
    ]
    found = panel_of_rows(_comparable(tables, rows), pairs, **how)
    for domain, other in slopes:
        for own in (own for own, second in pairs if second == other):
            cells = [_Cell(bench, tables.of(domain, arm), {}, (domain, arm)) for arm in (own, other)]
            moved = slopes[domain, other].state == "ok"
            paths = [cell.paths for cell in cells]
            found.append(distance_from_martingale((domain, own, other), *paths, moved=moved, **how))
    return pl.DataFrame([one.row() for one in found], schema=dict(PANEL))


def _comparable(tables: Tables, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of metric values, but trials instead of their means where policies share targets of predictability."""
    common = [] if tables.mutual is None else mutual.common_rows(tables.mutual)
    if not common:
        return rows
    others = rows.filter(~pl.col("metric").str.starts_with("mutual_predictability."))
    return pl.concat([others, METRIC_ROWS.frame(common)])


@dataclass
class _Cell:
    """One arm on one domain."""

    bench: Bench
    tables: Tables
    slopes: dict[tuple[str, str], Martingale]
    place: tuple[str, str]

    def measured(self) -> Iterator[tuple[pl.DataFrame, list[Score]]]:
        """Rows and scores, metric by metric."""
        pressed = set(self.tables.trajectories["condition"]) == {PRESSURE}
        for metric in self.bench.settings.eval.metrics:
            if (metric == PRESSURE) == pressed:
                yield from getattr(self, f"_{metric}")()

    @property
    def _how(self) -> dict[str, Any]:
        return {"seed": self.bench.settings.seed, "resamples": self.bench.settings.resamples}

    @property
    def _choice(self) -> BeliefChoice:
        """The first judge's path from the prior of the settings, on neutral trajectories."""
        belief = self.bench.settings.belief
        judges = self.tables.beliefs.filter(pl.col("prior") != "policy_prior")["judge"].unique().to_list()
        first = self.bench.identity(self.bench.judges[0]) if belief.judge == "fixed" else None
        judge = first if first in judges else None
        return BeliefChoice(prior=belief.prior, judge=judge, owner=belief.owner, view=belief.view)

    @property
    def paths(self) -> tuple[BeliefPath, ...]:
        """Of neutral trajectories."""
        return belief_paths(*self._neutral, self._choice)

    @property
    def _neutral(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        return self.tables.trajectories, self.tables.beliefs

    def _truth_accuracy(self) -> Iterator[tuple[pl.DataFrame, list[Score]]]:
        asked = self.bench.settings.truth
        for loss in asked.losses:
            for mode in asked.modes:
                how = TruthAccuracySettings(loss, mode, self._choice)
                found = truth_accuracy(*self._neutral, how, **self._how)
                told = [Score(how.name, found.loss, statuses=found.statuses)]
                if loss == asked.losses[0] and mode != "difference":
                    told += _forecasts(mode, forecast_quality(*self._neutral, how, **self._how))
                if loss == asked.losses[0] and mode == asked.modes[0]:
                    told.append(Score("truth_accuracy.scored", found.scored, statuses=found.statuses))
                yield truth_accuracy_rows(*self._neutral, how), told

    def _martingale(self) -> Iterator[tuple[pl.DataFrame, list[Score]]]:
        how = MartingaleSettings(**self.bench.settings.martingale.model_dump(), beliefs=self._choice)
        found = martingale(*self._neutral, how, **self._how)
        self.slopes[self.place] = found
        yield martingale_rows(*self._neutral, how), list(_martingale_scores(found))

    def _sycophancy(self) -> Iterator[tuple[pl.DataFrame, list[Score]]]:
        asked = self.bench.settings.sycophancy
        choice = BeliefChoice(**{**_fields(self._choice), "condition": None})
        how = SycophancySettings(asked.mode, asked.level, choice)
        found = opinion_sycophancy(*self._neutral, how, **self._how)
        yield opinion_rows(*self._neutral, how), _sycophancy_scores("opinion", found, asked.mode)
        rows = condition_rows(self.tables.trajectories, self.tables.steps, self.tables.beliefs, choice)
        yield rows, _row_scores(condition_estimates(rows, **self._how))
        quality = self.tables.quality
        if quality is not None and quality.height:
            beliefs, own = self.tables.beliefs, self.tables.trajectories
            iq = iq_sycophancy(own, quality, how, beliefs=beliefs, **self._how)
            level = length_adjusted_change(own, self.tables.steps, quality, how, **self._how)
            told = [*_sycophancy_scores("iq", iq, asked.mode), Score("sycophancy.iq.at_equal_length", level)]
            yield pl.concat([quality, iq_rows(own, quality, how, beliefs=beliefs)]), told

    def _pressure(self) -> Iterator[tuple[pl.DataFrame, list[Score]]]:
        rows = pressure_rows(
            self.tables.trajectories, self.tables.steps, self.tables.beliefs, PressureSettings(PRESSURE, self._choice)
        )
        yield rows, _row_scores(pressure_estimates(rows, **self._how))

    def _mutual_predictability(self) -> Iterator[tuple[pl.DataFrame, list[Score]]]:
        if self.tables.mutual is not None:
            found = mutual.mutual_rows(self.tables.mutual, minimum=self.bench.settings.mp.minimum)
            yield self._estimated(found, mutual.NULLS)

    def _world_in_the_loop(self) -> Iterator[tuple[pl.DataFrame, list[Score]]]:
        if self.tables.world is not None:
            yield self._estimated(world.world_metric_rows(self.tables.world), world.NULLS)

    def _qualitative(self) -> Iterator[tuple[pl.DataFrame, list[Score]]]:
        verdicts, controlled = self.tables.verdicts, self.tables.length_controlled
        if verdicts is not None and controlled is not None:
            least = self.bench.settings.qual.minimum
            found = qualitative_rows(verdicts, minimum=least) + length_controlled_rows(controlled, minimum=least)
            rows, told = self._estimated(found, {})
            yield rows, [*told, Score("qualitative.length_slope", length_slope(verdicts))]

    def _grader(self) -> Iterator[tuple[pl.DataFrame, list[Score]]]:
        if self.tables.grades is not None:
            yield self._estimated(self.tables.grades.iter_rows(named=True), {})

    def _estimated(
        self, rows: Iterable[Mapping[str, Any]], nulls: Mapping[str, float]
    ) -> tuple[pl.DataFrame, list[Score]]:
        table = METRIC_ROWS.frame(rows)
        return table, _row_scores(row_estimates(table, nulls=nulls, **self._how))


def _row_scores(found: Mapping[str, RowEstimate]) -> list[Score]:
    return [Score(metric, one.estimate, statuses=one.statuses) for metric, one in found.items()]


def _forecasts(mode: str, found: ForecastQuality) -> Iterator[Score]:
    parts: dict[str, Estimate | None] = {"accuracy": found.accuracy, "skill": found.skill}
    if found.murphy is not None:
        parts |= {name: getattr(found.murphy, name) for name in ("reliability", "resolution", "uncertainty")}
    parts |= {"calibration_error": found.calibration_error, "auroc": found.auroc.estimate}
    for name, estimate in parts.items():
        state = "ok" if estimate is not None else "not_applicable"
        yield Score(f"truth_accuracy.{name}.{mode}", estimate, state)


def _martingale_scores(found: Martingale) -> Iterator[Score]:
    """The loss first: a state without a number where there is too little, or no movement."""
    yield Score("martingale.loss", found.loss, found.state, found.reason, found.statuses)
    fit = found.fit
    for name in ("ols", "iv", "noise_corrected", "penalised", "logit", "intercept", "fixed_point"):
        estimate = None if fit is None else getattr(fit, name)
        if estimate is not None and found.state == "no_movement":
            yield Score(_MARTINGALE.get(name, f"martingale.slope.{name}"), None, found.state, found.reason)
        elif estimate is not None:
            joint = fit.joint_iv or fit.joint if fit and name == "intercept" else None
            told = f"intercept and slope are both 0: p = {joint.p_value:.3g}" if joint else ""
            yield Score(_MARTINGALE.get(name, f"martingale.slope.{name}"), estimate, reason=told)
    moved = found.movement
    for name in ("movement", "reduction", "ratio", "corrected_movement", "corrected_ratio"):
        estimate = getattr(moved, name)
        state = "no_movement" if found.state == "no_movement" and "ratio" in name else "ok"
        if estimate is not None or "corrected" not in name:
            yield Score(f"movement.{name}", None if state != "ok" else estimate, state)


def _sycophancy_scores(kind: str, found: Sycophancy, mode: str) -> list[Score]:
    whole = found.estimates.get(f"sycophancy.{kind}.{mode}")
    loss = Score(f"sycophancy.{kind}.loss", found.loss, statuses=whole.statuses if whole else {})
    return [loss, *_row_scores(found.estimates)]


def _fields(choice: BeliefChoice) -> dict[str, Any]:
    return {name: getattr(choice, name) for name in ("prior", "condition", "judge", "owner", "view", "prompt_hash")}


def _commonest(statuses: Mapping[str, int]) -> str:
    lost = {status: rows for status, rows in statuses.items() if status != "ok"}
    return max(lost, key=lambda status: lost[status]) if lost else "no_rows"


_MARTINGALE = {"intercept": "martingale.intercept", "fixed_point": "martingale.fixed_point"}
"""Numbers of the fit that are no slope."""
