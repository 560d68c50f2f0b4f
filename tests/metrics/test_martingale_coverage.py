"""Does the interval of the martingale slope hold a Bayesian's slope of 0 as often as it says?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from veracity.domains.forecasting import forecasting
from veracity.metrics.martingale_fit import Changes, Estimator, slope
from veracity.stats.cluster import Floats, cluster_robust_slope

SAMPLES = 600
ERROR = math.sqrt(0.95 * 0.05 / SAMPLES)
"""Monte Carlo error of a share of 95 %: .9 points."""


def bayesians(n: int, noise: float, rng: np.random.Generator) -> Changes:
    """Changes of an exact Bayesian who hears four sources, each right in 55 to 90 % of cases.

    A third of the problems come in pairs whose outcomes are driven by one event, as two questions about a league are.
    """
    prior = rng.uniform(0.02, 0.98, n)
    source = np.concatenate([np.repeat(np.arange(n // 6), 2), np.arange(n, n + n - 2 * (n // 6))])
    drawn = rng.random(2 * n)[source]  # one uniform number a source item, so that its problems happen together
    happened = drawn < prior
    right = rng.choice(np.arange(0.55, 0.95, 0.05), (4, n))
    says = np.where(rng.random((4, n)) < right, happened, ~happened)
    gained = (np.where(says, 1, -1) * np.log(right / (1 - right))).sum(axis=0)
    after = 1 / (1 + np.exp(-np.log(prior / (1 - prior)) - gained))
    read = prior[:, None] + rng.normal(0, noise, (n, 2)) if noise else prior
    return Changes.of(read, after, source.tolist())


@pytest.mark.parametrize(("n", "noise", "estimator"), [(300, 0.0, "ols"), (300, 0.1, "iv"), (100, 0.0, "ols")])
def test_the_interval_of_a_bayesians_slope_holds_0_in_95_of_100_samples(
    n: int, noise: float, estimator: Estimator
) -> None:
    """From about 80 source items on: between 94 and 96 %, within twice the Monte Carlo error."""
    rng = np.random.default_rng(7)
    found = [slope(bayesians(n, noise, rng), estimator, seed=1, resamples=400) for _ in range(SAMPLES)]
    held = np.mean([one is not None and one.ci_low <= 0 <= one.ci_high for one in found])
    assert 0.94 - 2 * ERROR < held < 0.96 + 2 * ERROR


def test_the_generated_questions_are_what_their_reports_imply() -> None:
    """20 seeds of each world: what happened is not above the stated posterior, nor is the posterior's slope off 0.

    3.5 standard errors, of six tests. Single seeds go further: at 300 questions seed 0 shows a slope of 3 errors.
    """
    for world in ("league", "dice", "queue"):
        drawn = [p for seed in range(20) for p in forecasting(worlds=world, n=100, reports=4, seed=seed)]
        prior = np.array([float(p.question.split("probability of Yes is ")[1].split()[0].rstrip(".")) for p in drawn])
        after = np.array([dict(p.meta)["true_probability"] for p in drawn], dtype=float)
        off: Floats = np.array([p.correct == 0 for p in drawn], dtype=float) - after
        assert abs(off.mean()) < 3.5 * off.std() / math.sqrt(len(off)), world
        found = cluster_robust_slope(prior, after - prior, [p.cluster for p in drawn])
        assert abs(found.value) < 3.5 * found.se, world
