"""A reward model's score made comparable with rewards in [0, 1], prompt by prompt.

    z = (s − mean) / sd over the prompt's responses;    r = z, or σ(z) with `squash=sigmoid`

Reward models score in units of their own, which differ between prompts, so that a raw score can outweigh every other
part however small its weight. KLCF (arXiv 2509.23765) adds a general reward with weight 0.1 (second-hand); how it is
squashed is a reconstruction. sd is the sample's; where all scores are equal, z is 0.
"""

from __future__ import annotations

import math
import statistics
from typing import Literal

from veracity.core.judged import Group
from veracity.rewards.base import reward

Squash = Literal["zscore", "sigmoid"]


@reward("general", "general")
def general(group: Group, *, squash: Squash = "zscore") -> list[float | None]:
    """One value a response; None where the reward model gave no score, and for a score that is alone in its group."""
    standard = standardised([response.general for response in group.responses])
    if squash == "zscore":
        return standard
    return [None if z is None else 1 / (1 + math.exp(-z)) for z in standard]


def standardised(scores: list[float | None]) -> list[float | None]:
    """z-scores among the scores that are there, if there are two."""
    known = [score for score in scores if score is not None]
    if len(known) < 2:
        return [None] * len(scores)
    mean, spread = statistics.fmean(known), statistics.stdev(known)
    return [None if s is None else (s - mean) / spread if spread > 0 else 0.0 for s in scores]
