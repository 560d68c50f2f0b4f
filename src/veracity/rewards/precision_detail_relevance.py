"""Precision, detail and relevance at once (Chen et al., 2025, "Learning to Reason for Factuality", arXiv 2508.05618).

    r = F / (T + smoothing) + detail · ln(1 + F) + relevance · P(judge prefers it to the reference)

F claims of T are supported. Published: the three terms, the logarithm, weights among 0, .01 and .1, and that precision
alone shortens answers. That both counts are smoothed by one is our recollection of the equation (`smoothing=0` is plain
precision), and the reference implementation's relevance is a win or none, where this takes the judge's probability.
"""

from __future__ import annotations

import math

from veracity.core.errors import ConfigError
from veracity.core.judged import Group, JudgedResponse
from veracity.rewards.base import reward
from veracity.rewards.reading import claim_counts


@reward("precision_detail_relevance", "claims", "verdicts", relevance="relevance")
def precision_detail_relevance(
    group: Group, *, detail: float = 0.1, relevance: float = 0.1, smoothing: float = 1.0
) -> list[float | None]:
    """One value a response; None where a claim has no label, or the judge of relevance failed and its weight is not 0.

    Without any claim the first two terms are 0, or undefined with `smoothing=0`. ConfigError for a negative one.
    """
    if smoothing < 0:
        raise ConfigError(f"precision_detail_relevance: smoothing={smoothing}; it is added to a count, give 0 or more")
    return [_reward(response, detail, relevance, smoothing) for response in group.responses]


def _reward(response: JudgedResponse, detail: float, relevance: float, smoothing: float) -> float | None:
    counts = claim_counts(response)
    if counts is None or counts.judged + smoothing == 0:
        return None
    facts = counts.supported / (counts.judged + smoothing) + detail * math.log1p(counts.supported)
    if not relevance:
        return facts
    return None if response.relevance is None else facts + relevance * response.relevance
