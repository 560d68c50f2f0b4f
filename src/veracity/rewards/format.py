"""Whether a response keeps the format that was asked for.

    r = `kept` if it does, else `broken`

KLCF (arXiv 2509.23765) names a format reward; 0 and −1 are a reconstruction. KnowRL (arXiv 2506.19807) publishes +1 and
−1: `format?kept=1&broken=-1`.
"""

from __future__ import annotations

from veracity.core.judged import Group
from veracity.rewards.base import reward


@reward("format", "format")
def format(group: Group, *, kept: float = 0.0, broken: float = -1.0) -> list[float | None]:
    """`kept` or `broken`; None where no format was asked for."""
    return [None if r.well_formed is None else kept if r.well_formed else broken for r in group.responses]
