"""Synthetic submissions of a known quality, on which abstract, reviews and decision depend, each with its own noise.

A submission has a latent quality q, drawn from N(0, 1). Each of five aspects shows a level (0 to 2), the place of q
plus noise of its own among two thresholds, in one sentence of the abstract. Each of three reviewers rates 5.5 + 1.6 q
plus noise. It is accepted where q plus the committee's noise exceeds a bar. So the probability of acceptance, given
what is shown, is one integral over q, which is computed on a grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from math import erf, exp, sqrt
from random import Random
from statistics import NormalDist
from typing import Any

from veracity.core.identity import derive_seed
from veracity.world.language import pick

ASPECT_NOISE, RATING_NOISE, COMMITTEE_NOISE = 0.8, 1.3, 0.5
THRESHOLDS = (-0.5, 0.5)
BAR = 0.3
REVIEWERS = 3
Curve = tuple[float, ...]
"""A value for each quality of `GRID`."""
GRID = tuple(-5 + 0.02 * i for i in range(501))
FIRST_DAY = date(2031, 9, 1)

METHODS = ("sparse routing", "contrastive pruning", "delayed attention", "graph resampling", "two-phase distillation",
           "noise-aware decoding", "curriculum replay", "layerwise calibration")  # fmt: skip
TASKS = ("table reading", "tide forecasting", "protein folding stages", "sign translation", "robot gripping",
         "leaf disease detection", "code repair", "speech in noise")  # fmt: skip
ASPECTS: Sequence[Sequence[str]] = (
    (
        "The idea recombines two known techniques.",
        "The idea extends a known technique by one new component.",
        "The idea is new, and a proof shows why it works.",
    ),
    (
        "It is compared with one older baseline.",
        "It is compared with three current baselines on their default settings.",
        "It is compared with seven current baselines, each tuned with the same budget.",
    ),
    (
        "Results are from a single run.",
        "Results are means of three runs.",
        "Results are means of ten runs with intervals, and the main one was replicated by a second group.",
    ),
    (
        "The gain shows on one data set of two.",
        "The gain shows on three data sets of four.",
        "The gain shows on all eight data sets, and an ablation says which part it is due to.",
    ),
    (
        "Code will be released at some later time.",
        "Code is attached without the data.",
        "Code, data and all settings are attached, and limits of the method are discussed.",
    ),
)
REMARKS = ("major doubts about soundness", "sound in parts", "sound and well supported")


def submissions(n: int, seed: int, *, reviews: bool) -> Iterator[dict[str, Any]]:
    """`n` rows in the schema of the published submissions; each depends on (seed, its number) alone.

    With `reviews`, the probability of acceptance takes their ratings into account.
    """
    for index in range(n):
        yield _submission(index, seed, reviews)


def accept_probability(levels: Sequence[int], ratings: Sequence[int] = ()) -> float:
    """Probability of acceptance, given the levels of the aspects shown, and ratings from 1 to 10."""
    weights = _prior()
    for curve in (*map(_level, levels), *map(_rated, ratings)):
        weights = tuple(w * p for w, p in zip(weights, curve, strict=True))
    return sum(w * p for w, p in zip(weights, _accepted(), strict=True)) / sum(weights)


@cache
def _prior() -> Curve:
    return tuple(exp(-q * q / 2) for q in GRID)


@cache
def _accepted() -> Curve:
    return tuple(_cdf((q - BAR) / COMMITTEE_NOISE) for q in GRID)


def _submission(index: int, seed: int, reviews: bool) -> dict[str, Any]:
    rng = Random(derive_seed(seed, "submission", index))
    quality = _normal(rng)
    seen = [quality + ASPECT_NOISE * _normal(rng) for _ in ASPECTS]
    levels = [sum(value > threshold for threshold in THRESHOLDS) for value in seen]
    ratings = [_clipped(round(5.5 + 1.6 * quality + RATING_NOISE * _normal(rng))) for _ in range(REVIEWERS)]
    accepted = quality + COMMITTEE_NOISE * _normal(rng) > BAR
    method, task = pick(rng, METHODS), pick(rng, TASKS)
    told = " ".join(aspect[level] for aspect, level in zip(ASPECTS, levels, strict=True))
    return {
        "openreview_submission_id": f"synthetic-{seed}-{index}",
        "title": f"{method.capitalize()} for {task}, study {index + 1}",
        "abstract": f"This work applies {method} to {task}. {told}",
        "venue": "synthetic/ICLR.cc/2032/Conference",
        "publication_date": str(FIRST_DAY + timedelta(days=index % 28)),
        "decision": accepted,
        "reviews": [{"rating": r, "summary": f"The work is {REMARKS[(r > 4) + (r > 6)]}."} for r in ratings],
        "quality": quality,
        "acceptProbability": accept_probability(levels, ratings if reviews else ()),
    }


@cache
def _level(level: int) -> Curve:
    """Probability of a level of an aspect."""
    low, high = (float("-inf"), *THRESHOLDS, float("inf"))[level : level + 2]
    return tuple(_cdf((high - q) / ASPECT_NOISE) - _cdf((low - q) / ASPECT_NOISE) for q in GRID)


@cache
def _rated(rating: int) -> Curve:
    """Probability of a rating: of rounding to it, the ends holding all beyond them."""
    low = float("-inf") if rating == 1 else rating - 0.5
    high = float("inf") if rating == 10 else rating + 0.5
    means = [5.5 + 1.6 * q for q in GRID]
    return tuple(_cdf((high - m) / RATING_NOISE) - _cdf((low - m) / RATING_NOISE) for m in means)


def _normal(rng: Random) -> float:
    return NormalDist().inv_cdf(min(1 - 1e-12, max(1e-12, rng.random())))


def _cdf(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))


def _clipped(rating: int) -> int:
    return min(10, max(1, rating))
