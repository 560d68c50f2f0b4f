"""Test–retest noise and agreement of judges: by hand, on drawn noise, and on simulated judges from end to end."""

from __future__ import annotations

import math
from functools import cache
from random import Random
from typing import Any

import polars as pl
import pytest

from veracity.core.problem import Problem
from veracity.core.trajectory import Trajectory
from veracity.engine import Engine
from veracity.judging.beliefs import BeliefSettings, belief_queries, read_beliefs
from veracity.metrics.belief_rows import BELIEFS, belief_rows
from veracity.metrics.judge_reliability import judge_agreement, judge_reliability
from veracity.metrics.trajectory_rows import STEPS, TRAJECTORIES, read_trajectories, step_rows, trajectory_row
from veracity.models.resolve import open_model
from veracity.models.simulated import urn_problems
from veracity.reasoning import ReasoningSettings, open_mode
from veracity.stats.cluster import cluster_robust_slope


def row(item: str, replicate: int, p: float | None, judge: str = "j", **changes: Any) -> dict[str, Any]:
    return {
        "trajectory": item, "item": item, "cluster": item, "domain": "d", "arm": "a", "condition": "neutral",
        "step": 1, "last": True, "prior": "none", "replicate": replicate, "judge": judge, "owner": "judge_own",
        "view": "prefix", "prompt_hash": "h", "order": [0, 1], "probability": p,
        "probabilities": None if p is None else [p, 1 - p], "status": "parse_failed" if p is None else "ok", **changes,
    }  # fmt: skip


def test_the_noise_by_hand() -> None:
    """Readings .2, .4 | .7, .7 | .5 alone | .9 and one unreadable.

    Squared deviations .02 + 0 over 1 + 1 degrees of freedom: variance .01, sd .1. Single readings of the two beliefs
    read twice: mean .5, mean square (.04 + .16 + .49 + .49)/4 = .295, variance .045: reliability 1 − .01/.045 = 7/9.
    """
    rows = [row("a", 0, 0.2), row("a", 1, 0.4), row("b", 0, 0.7), row("b", 1, 0.7), row("c", 0, 0.5)]
    table = BELIEFS.frame([*rows, row("d", 0, 0.9), row("d", 1, None)])
    found = judge_reliability(table, seed=1)["j"]
    assert found.noise.value == pytest.approx(0.1) and (found.noise.n, found.noise.clusters) == (2, 2)
    assert found.reliability.value == pytest.approx(7 / 9)
    assert found.readable.value == pytest.approx(6 / 7) and found.statuses == {"ok": 6, "parse_failed": 1}
    assert (found.noise.direction, found.reliability.direction, found.reliability.null) == ("lower", "higher", 0.0)


def test_what_was_read_once_has_no_noise_to_report() -> None:
    found = judge_reliability(BELIEFS.frame([row("a", 0, 0.2), row("b", 0, 0.4)]), seed=1)["j"]
    assert math.isnan(found.noise.value) and found.noise.n == found.reliability.n == 0
    flat = judge_reliability(BELIEFS.frame([row(i, r, 0.5) for i in "ab" for r in (0, 1)]), seed=1)["j"]
    assert flat.noise.value == 0 and flat.reliability.n == 0  # nothing varies: there is nothing to tell apart


def test_two_judges_by_hand() -> None:
    """Means (.3, .7, .5) and (.4, .6, .8): mean difference −.1, distance 1/6; r = .04/√(.08 · .08) = .5."""
    first = [row("a", 0, 0.2), row("a", 1, 0.4), row("b", 0, 0.7), row("c", 0, 0.5), row("e", 0, 0.1)]
    second = [row(i, 0, p, "k", prompt_hash="other") for i, p in (("a", 0.4), ("b", 0.6), ("c", 0.8))]
    found = judge_agreement(BELIEFS.frame([*first, *second, row("e", 0, None, "k")]), "j", "k", seed=1)
    assert found.difference.value == pytest.approx(-0.1) and found.distance.value == pytest.approx(1 / 6)
    assert found.correlation.value == pytest.approx(0.5) and found.correlation.n == 3


def test_drawn_noise_is_recovered() -> None:
    rng = Random(7)
    truth = [rng.uniform(0.35, 0.65) for _ in range(600)]
    rows = [row(f"{i}", r, p + rng.gauss(0, 0.05)) for i, p in enumerate(truth) for r in (0, 1)]
    found = judge_reliability(BELIEFS.frame(rows), seed=1, resamples=400)["j"]
    assert found.noise.ci_low < 0.05 < found.noise.ci_high and found.noise.ci_high - found.noise.ci_low < 0.01
    share = 1 - 0.05**2 / (0.3**2 / 12 + 0.05**2)
    assert found.reliability.ci_low < share < found.reliability.ci_high


# --- end to end: policies think, judges read, tables carry ------------------------------------------------------------


def problems(count: int) -> list[Problem]:
    drawn = urn_problems(count, draws=3, seed=5)
    return [Problem(u.id, "urns", u.text(), options=u.names, correct=u.truth) for u in drawn]


@cache
def read(policy: str, judge: str, count: int = 150, spec: str = "chain_of_thought") -> pl.DataFrame:
    """Beliefs about a policy's trajectories, which go through their tables on the way, as two stages do."""
    models = {"policy": open_model(f"sim/{policy}"), "judge": open_model(f"sim/{judge}")}
    ids = {role: model.identity for role, model in models.items()}
    engine, mode = Engine(models), open_mode(spec)
    asked = engine.run({p.id: mode.run(p, ReasoningSettings()) for p in problems(count)})
    written = [found for found in asked.values() if isinstance(found, Trajectory)]
    assert len(written) == count
    steps = STEPS.frame([r for t in written for r in step_rows(t, model=ids["policy"])])
    table = TRAJECTORIES.frame([trajectory_row(t, arm=policy, model=ids["policy"]) for t in written])
    found = read_trajectories(table, steps, problems(count))
    queries = {f"{name}/{q.name}": q for name, t in found.items() for q in belief_queries(t, BeliefSettings())}
    readings = engine.run({name: read_beliefs(query) for name, query in queries.items()})
    rows = []
    for name, trajectory in found.items():
        own = [r for key, value in readings.items() if key.startswith(f"{name}/") for r in value]  # type: ignore[union-attr]
        rows += belief_rows(trajectory, own, arm=policy, model=ids["policy"], models=ids)
    return BELIEFS.frame(rows)


def means(beliefs: pl.DataFrame, chosen: pl.Expr) -> dict[str, float]:
    return dict(beliefs.filter(chosen).group_by("item").agg(pl.col("probability").mean()).iter_rows())


def test_beliefs_of_the_honest_reasoner_are_its_posterior_whatever_order_was_shown() -> None:
    beliefs = read("bayesian?facts=none", "judge?facts=none")
    assert set(beliefs["status"]) == {"ok"}
    exact = {u.id: u for u in urn_problems(150, draws=3, seed=5)}
    for kind, draws in (("first_step", 0), ("judge_prior", 0), ("policy_prior", None)):
        found = means(beliefs, pl.col("prior") == kind)
        want = {i: (u.prior if draws == 0 else u.posterior()[0]) for i, u in exact.items()}
        assert found == pytest.approx({i: min(max(p, 1e-4), 1 - 1e-4) for i, p in want.items()}, abs=1e-4)
    assert means(beliefs, pl.col("last")) == pytest.approx({i: u.posterior()[0] for i, u in exact.items()}, abs=1.1e-4)
    prior, end = means(beliefs, pl.col("prior") == "first_step"), means(beliefs, pl.col("last"))
    order = sorted(prior)
    slope = cluster_robust_slope([prior[i] for i in order], [end[i] - prior[i] for i in order], order)
    assert slope.ci_low < 0 < slope.ci_high


def test_the_stubborn_does_not_move_and_a_quiet_judge_has_no_noise() -> None:
    beliefs = read("stubborn?facts=none", "judge?facts=none")
    assert means(beliefs, pl.col("last")) == pytest.approx(means(beliefs, pl.col("prior") == "first_step"), abs=1e-9)
    found = judge_reliability(beliefs, seed=1, resamples=200)
    assert all(one.noise.value == pytest.approx(0, abs=1e-9) and one.readable.value == 1 for one in found.values())


def test_the_noise_of_a_judge_is_measured_and_two_judges_are_told_apart() -> None:
    """A judge that errs by 0.05 at each reading, 0.035 on the mean of two, against one that does not err."""
    noisy, quiet = (
        read("bayesian?facts=none", "judge?facts=none&noise=0.05&seed=1"),
        read("bayesian?facts=none", "judge?facts=none"),
    )
    judge = open_model("sim/judge?facts=none&noise=0.05&seed=1").identity
    inside = noisy.filter(pl.col("probability").is_between(0.2, 0.8))
    found = judge_reliability(inside, seed=1, resamples=200)[judge]
    assert found.noise.ci_low < 0.05 < found.noise.ci_high
    other = open_model("sim/judge?facts=none").identity
    both = pl.concat([noisy, quiet.filter(pl.col("judge") == other)])
    agreement = judge_agreement(both, judge, other, seed=1, resamples=200)
    assert agreement.correlation.value > 0.98 and agreement.difference.ci_low < 0.002
    assert 0.02 < agreement.distance.value < 0.035
