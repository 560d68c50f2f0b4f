"""The martingale slope of an exact Bayesian on the generated forecasting questions: is it 0, and do intervals say so?

No agent is asked: prior and posterior are the questions' own. Over many seeds of the questions it prints, for all
worlds and for each, the slope pooled over seeds with its standard error by source item, by how much what happened
exceeds the posterior, and in how many seeds the 95 % interval holds 0. One core, 0.2 s a seed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from veracity.domains import open_domain
from veracity.domains.forecast_worlds import WORLDS
from veracity.metrics.martingale_fit import Changes, slope
from veracity.stats.cluster import cluster_robust_slope

Row = tuple[int, str, str, float, float, bool]
"""Seed, world, source item, belief before, belief after, what happened."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--questions", type=int, default=300, help="of a seed")
    asked = parser.parse_args()
    rows = [row for seed in range(asked.seeds) for row in questions(seed, asked.questions)]
    print(f"{asked.seeds} seeds of {asked.questions} questions")
    for world in ("all", *WORLDS):
        own = [row for row in rows if world in ("all", row[1])]
        print(f"{world:7} {pooled(own)}; {covered(own)}", flush=True)


def questions(seed: int, n: int) -> list[Row]:
    """Of one seed; the prior stands in the text, the posterior is the detail `true_probability`."""
    found: list[Row] = []
    for problem in open_domain(f"forecasting?reports=4&n={n}&seed={seed}").problems(None, "all"):
        prior = float(problem.question.split("the probability of Yes is ")[1].split()[0].rstrip("."))
        details = dict(problem.meta)
        posterior = float(str(details["true_probability"]))
        found.append((seed, str(details["site"]), problem.cluster, prior, posterior, problem.correct == 0))
    return found


def pooled(rows: Sequence[Row]) -> str:
    """The slope over all seeds, and by how much what happened exceeds the posterior."""
    before, after, happened = (np.array([row[k] for row in rows], dtype=float) for k in (3, 4, 5))
    found = cluster_robust_slope(before, after - before, [row[2] for row in rows])
    off = happened - after
    error = off.std() / math.sqrt(len(rows))
    return f"slope {found.value:+.4f} ± {found.se:.4f}, happened less posterior {off.mean():+.4f} ± {error:.4f}"


def covered(rows: Sequence[Row]) -> str:
    """In how many seeds the interval of the slope holds 0."""
    held = []
    for seed, group in groupby(rows, key=lambda row: row[0]):
        own = list(group)
        changes = Changes.of([row[3] for row in own], [row[4] for row in own], [row[2] for row in own])
        found = slope(changes, seed=seed, resamples=1000)
        held.append(found is not None and found.ci_low <= 0 <= found.ci_high)
    share = sum(held) / len(held)
    return f"0 is in {100 * share:.1f} % of intervals (± {100 * math.sqrt(share * (1 - share) / len(held)):.1f})"


if __name__ == "__main__":
    main()
