"""Belief paths: the readings of a beliefs table put together, trajectory by trajectory, for the metrics that need them.

A metric says which series it takes (`BeliefChoice`): whose belief, read by whom, from which kind of prior on. Readings
of one belief are averaged over replicates and over nothing else; their spread is kept, because reading noise biases
whatever regresses on beliefs. A belief that could not be read stays without a number, with the reason why.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from veracity.core.errors import DataError
from veracity.judging.beliefs import Owner, PriorKind, View
from veracity.metrics.belief_rows import BELIEFS, check_beliefs
from veracity.metrics.trajectory_rows import TRAJECTORIES

Side = Literal[0, 1]
SERIES = ("judge", "owner", "prompt_hash")
"""Columns in which the readings of one series agree."""


@dataclass(frozen=True, slots=True)
class BeliefChoice:
    """Which readings a metric takes. What is None must not vary within an arm's table."""

    prior: PriorKind = "first_step"
    """The belief that a path begins with."""
    condition: str | None = "neutral"
    """Which trajectories; None: all."""
    judge: str | None = None
    """Identity of who read the path. A `policy_prior` is always the policy's own number."""
    owner: Owner | None = None
    view: View = "prefix"
    prompt_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Belief:
    """All readings of one belief."""

    step: int
    readings: tuple[tuple[float, ...], ...] = ()
    """One an ok reading, by replicate: probabilities of all options in canonical order."""
    failures: tuple[tuple[str, int], ...] = ()
    """Status and count of the readings that gave no number."""

    @property
    def probabilities(self) -> tuple[float, ...] | None:
        """Mean over readings; None where there is none."""
        if not self.readings:
            return None
        return tuple(math.fsum(column) / len(self.readings) for column in zip(*self.readings, strict=True))

    @property
    def probability(self) -> float | None:
        """Mean probability of canonical option 0."""
        return None if (found := self.probabilities) is None else found[0]

    @property
    def noise(self) -> float:
        """Unbiased estimate of the variance of `probability` about what it reads; NaN where it was read once."""
        own = [reading[0] for reading in self.readings]
        return float(np.var(own, ddof=1)) / len(own) if len(own) > 1 else math.nan

    @property
    def halves(self) -> tuple[float, float]:
        """Means of the first, third, … and of the second, fourth, … reading; the latter is NaN where there is one."""
        own = [reading[0] for reading in self.readings]
        even, odd = own[::2], own[1::2]
        return math.fsum(even) / len(even), math.fsum(odd) / len(odd) if odd else math.nan

    @property
    def status(self) -> str:
        """`ok`, the commonest failure, or `no_belief` where nothing was asked."""
        if self.readings:
            return "ok"
        return max(self.failures, key=lambda pair: (pair[1], pair[0]))[0] if self.failures else "no_belief"

    @property
    def reason(self) -> str:
        """Why there is no number."""
        counted = ", ".join(f"{count} {status}" for status, count in self.failures)
        return f"readings after step {self.step}: {counted}" if counted else "the belief was not read"


@dataclass(frozen=True, slots=True)
class BeliefPath:
    """The beliefs of one trajectory, and what its table says of it."""

    trajectory: str
    item: str
    cluster: str
    domain: str
    arm: str
    condition: str
    replicate: int
    options: int
    correct: int | None
    judge: str | None
    """Who read the path; None where nothing was read."""
    failure: str | None
    """Why the trajectory is not there; None where it is."""
    initial: Belief
    """The prior of the kind that was chosen."""
    later: tuple[Belief, ...]
    """After the prior, by step."""
    end: Belief
    """After all steps; the last of `later`, if anything was read there."""

    @property
    def source(self) -> str:
        """The source item, told from those of other domains: the unit of every interval."""
        return f"{self.domain}/{self.cluster}"

    @property
    def beliefs(self) -> tuple[Belief, ...]:
        """The prior and all that follows."""
        return (self.initial, *self.later)

    def missing(self, *needed: Belief) -> tuple[str, str] | None:
        """Status and reason why a value that needs these beliefs cannot be had; None where it can."""
        if self.failure is not None:
            return "request_failed", self.failure
        if self.options < 2:
            return "not_applicable", "the problem has no options"
        return next(((b.status, b.reason) for b in needed if b.status != "ok"), None)

    def row(self, metric: str, config: str, **values: Any) -> dict[str, Any]:
        """A row of the table of metric values about this trajectory."""
        own = ("item", "cluster", "domain", "arm", "trajectory", "replicate", "judge")
        return {name: getattr(self, name) for name in own} | {"metric": metric, "config": config} | values


def belief_paths(trajectories: pl.DataFrame, beliefs: pl.DataFrame, choice: BeliefChoice) -> tuple[BeliefPath, ...]:
    """One path a trajectory of the chosen condition, in the order of their table; failed trajectories too.

    Raises:
        DataError: a table breaks its rules, beliefs are not in one canonical order, or the choice leaves several
            series within an arm.
    """
    TRAJECTORIES.check(trajectories)
    check_beliefs(beliefs)
    _check_canonical(trajectories, beliefs)
    if choice.condition is not None:
        trajectories = trajectories.filter(pl.col("condition") == choice.condition)
    own = _series(beliefs.join(trajectories.select("trajectory"), on="trajectory", how="semi"), choice)
    read: dict[str, list[dict[str, Any]]] = {}
    columns = ("trajectory", "step", "last", "prior", "replicate", "judge", "probabilities", "status")
    for row in own.select(columns).sort("trajectory", "step", "replicate").iter_rows(named=True):
        read.setdefault(row["trajectory"], []).append(row)
    return tuple(_path(row, read.get(row["trajectory"], []), choice) for row in trajectories.iter_rows(named=True))


def one_arm(trajectories: pl.DataFrame) -> None:
    """DataError if the table holds more than one arm, whose mixture would describe none of them."""
    arms = sorted(trajectories["arm"].unique().to_list())
    if len(arms) > 1:
        raise DataError(f"holds {', '.join(arms)}; choose one of them", path=TRAJECTORIES.name, field="arm")


def deshuffled(shown_first: np.ndarray, orders: Sequence[Sequence[int]]) -> np.ndarray:
    """Probabilities of canonical option 0, from those of the option that was shown first of two.

    A regression on beliefs about whatever stood first is one through 0.5, and turns a drift into entrenchment.

    Raises:
        ValueError: an order is none of two options, or there is not one a belief.
    """
    first = np.asarray(shown_first, dtype=float)
    if first.shape != (len(orders),) or any(sorted(order) != [0, 1] for order in orders):
        raise ValueError("each belief needs the order, (0, 1) or (1, 0), in which its two options were shown")
    return np.where([order[0] == 0 for order in orders], first, 1 - first)


def _check_canonical(trajectories: pl.DataFrame, beliefs: pl.DataFrame) -> None:
    """Every problem has one order of options, and every reading is about option 0 of it."""
    orders = trajectories.group_by("domain", "item").agg(pl.col("options").n_unique())
    if (several := orders.filter(pl.col("options") > 1)).height:
        what = f"problem {several['item'][0]} has its options in several orders; store them in one, and what was shown"
        raise DataError(f"{what} in `order`", path=TRAJECTORIES.name, field="options")
    first = pl.col("probabilities").list.first()
    if beliefs.filter((first - pl.col("probability")).abs() > 1e-9).height:
        raise DataError("is not that of canonical option 0", path=BELIEFS.name, field="probability")
    sizes = beliefs.join(trajectories.select("trajectory", "options"), on="trajectory", how="inner")
    width, shown = pl.col("options").list.len(), pl.col("order").list.len()
    if sizes.filter((pl.col("probabilities").list.len() != width) | (shown != width)).height:
        raise DataError("has another number of options than its problem", path=BELIEFS.name, field="order")


def _series(beliefs: pl.DataFrame, choice: BeliefChoice) -> pl.DataFrame:
    """The rows of the chosen series: the path and the prior that it begins with."""
    for column in ("owner", "prompt_hash"):
        if (wanted := getattr(choice, column)) is not None:
            beliefs = beliefs.filter(pl.col(column) == wanted)
    on_path = pl.col("prior").is_in(["none", "first_step"]) & (pl.col("view") == choice.view)
    asked = pl.col("prior") == choice.prior if choice.prior != "first_step" else pl.lit(False)
    if choice.judge is not None:
        by_judge = pl.col("judge") == choice.judge
        on_path = on_path & by_judge
        asked = asked if choice.prior == "policy_prior" else asked & by_judge
    _check_one_series(beliefs.filter(on_path))
    chosen = beliefs.filter(on_path | asked)
    if choice.prior == "judge_prior":
        _check_one_series(chosen)
    return chosen


def _check_one_series(path: pl.DataFrame) -> None:
    for column in SERIES:
        found = path.group_by("arm", maintain_order=True).agg(pl.col(column).unique().sort())
        if (several := found.filter(pl.col(column).list.len() > 1)).height:
            names = ", ".join(several[column][0])
            raise DataError(f"holds several series ({names}); choose one of them", path=BELIEFS.name, field=column)


def _path(row: Mapping[str, Any], readings: Sequence[Mapping[str, Any]], choice: BeliefChoice) -> BeliefPath:
    by_step: dict[int, list[Mapping[str, Any]]] = {}
    for reading in readings:
        if reading["prior"] in ("none", "first_step") and reading["step"] > 0:
            by_step.setdefault(reading["step"], []).append(reading)
    later = [_belief(step, found) for step, found in by_step.items()]
    ends = [reading["step"] for reading in readings if reading["last"]]
    initial = _belief(0, [r for r in readings if r["prior"] == choice.prior])
    if choice.prior == "first_step":
        first = {r["step"] for r in readings if r["prior"] == "first_step"}
        later = [belief for belief in later if belief.step not in first]
        initial = _belief(min(first, default=0), [r for r in readings if r["prior"] == "first_step"])
    judges = {r["judge"] for r in readings if r["prior"] != "policy_prior"}
    return BeliefPath(
        **{name: row[name] for name in ("trajectory", "item", "cluster", "domain", "arm", "condition", "replicate")},
        options=len(row["options"]),
        correct=row["correct"],
        judge=next(iter(judges), None),
        failure=(row["reason"] or "the trajectory's request failed") if row["status"] == "request_failed" else None,
        initial=initial,
        later=tuple(later),
        end=next((b for b in later if b.step in ends), Belief(row["steps"])),
    )


def _belief(step: int, readings: Iterable[Mapping[str, Any]]) -> Belief:
    listed = list(readings)
    failures = Counter(reading["status"] for reading in listed if reading["status"] != "ok")
    ok = tuple(tuple(reading["probabilities"]) for reading in listed if reading["status"] == "ok")
    return Belief(step, ok, tuple(sorted(failures.items())))


def side(belief: Belief) -> Side | None:
    """Which of two options a belief favours; None where it favours neither or was not read."""
    p = belief.probability
    if p is None or p == 0.5:
        return None
    return 0 if p > 0.5 else 1
