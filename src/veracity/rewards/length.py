"""A soft limit of length: DAPO's overlong penalty (Yu et al., 2025, arXiv 2503.14476, equation 13).

    r = 0                          if L ≤ longest − buffer
    r = (longest − buffer − L) / buffer    if L ≤ longest
    r = −1                         otherwise

L counts generated tokens, the end mark included. Published for mathematics with 20,480 and 4,096 tokens; that KLCF's
length reward is this one is a reconstruction.
"""

from __future__ import annotations

from veracity.core.errors import ConfigError
from veracity.core.judged import Group
from veracity.rewards.base import reward


@reward("length")
def length(group: Group, *, longest: int, buffer: int) -> list[float | None]:
    """In [−1, 0]; ConfigError unless 0 < buffer ≤ longest."""
    if not 0 < buffer <= longest:
        raise ConfigError(f"length: longest={longest}, buffer={buffer}; the buffer is a part of the longest length")
    return [overlong(response.tokens, longest, buffer) for response in group.responses]


def overlong(tokens: int, longest: int, buffer: int) -> float:
    """The penalty of one response."""
    return max(-1.0, min(0.0, (longest - buffer - tokens) / buffer))
