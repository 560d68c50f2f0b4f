"""Agreement of repeated answers: max_conf, exp_conf and entropy over questions, and the published binning by name.

FactTune (Tian et al., 2023, arXiv 2311.08401) scores a claim without any reference by how much sampled answers to its
question agree. Answers are equal here if their classes are (`veracity.judging.confidence.keys`); the `legacy_`
function reproduces the binning of the published code, which joins answers by their ends and depends on their order.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import polars as pl

from veracity.core.estimate import Estimate
from veracity.judging.confidence.distribution import Consistency, consistency, sample_consistency
from veracity.judging.confidence.keys import count_empty
from veracity.judging.self_confidence.legacy import legacy_bins
from veracity.metrics.answer_rows import ANSWERS
from veracity.stats.cluster import bootstrap_mean


@dataclass(frozen=True, slots=True)
class ConsistencyEstimates:
    """Means over questions that have an answer."""

    max_conf: Estimate
    exp_conf: Estimate
    neg_entropy: Estimate
    """Nats."""
    empty_share: Estimate
    """Share of a question's samples that say nothing; these are in none of the above."""
    without_answer: int
    """Questions all of whose samples say nothing."""


def consistency_estimates(
    samples: Sequence[Sequence[str]], clusters: Sequence[Hashable], *, seed: int, resamples: int = 2000
) -> ConsistencyEstimates:
    """`samples[i]` are the answers drawn for question i, of `clusters[i]`; ValueError for a question without samples.

    Agreement says nothing of truth: the direction of these means is neither.
    """
    if any(not drawn for drawn in samples):
        raise ValueError("a question has no samples; leave it out")
    found = [sample_consistency(drawn) for drawn in samples]

    def mean(values: Sequence[float]) -> Estimate:
        return bootstrap_mean(values, clusters, seed=seed, resamples=resamples, direction="neither")

    return ConsistencyEstimates(
        mean([c.max_conf if c else math.nan for c in found]),
        mean([c.exp_conf if c else math.nan for c in found]),
        mean([c.neg_entropy if c else math.nan for c in found]),
        mean([count_empty(drawn) / len(drawn) for drawn in samples]),
        sum(c is None for c in found),
    )


def consistency_of_answers(
    answers: pl.DataFrame, arm: str, *, seed: int, resamples: int = 2000
) -> ConsistencyEstimates:
    """The same for one arm of an answers table, by item; failed requests are no samples. DataError as by `ANSWERS`."""
    own = ANSWERS.check(answers).filter((pl.col("arm") == arm) & pl.col("answer").is_not_null())
    items = own.group_by("item", maintain_order=True).agg(pl.col("answer"), pl.col("cluster").first())
    return consistency_estimates(items["answer"].to_list(), items["cluster"].to_list(), seed=seed, resamples=resamples)


def response_score(claims: Sequence[float | None]) -> float | None:
    """Mean confidence of a response's claims, those without one left out; None if there is none left."""
    known = [c for c in claims if c is not None]
    return math.fsum(known) / len(known) if known else None


def legacy_consistency(answers: Sequence[str]) -> Consistency | None:
    """max_conf, exp_conf and entropy over `legacy_bins`, empty answers among them; None without answers."""
    sizes = [len(members) for members in legacy_bins(answers)]
    return consistency([size / len(answers) for size in sizes]) if sizes else None
