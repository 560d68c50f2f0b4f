"""Any metric or grader as a reward: its value where higher is better, minus its value where lower is.

The direction is read off the score, never assumed; a score whose direction is neither is no reward. What could not be
measured, a grader that failed or a problem without a known truth, is None: it is never the best grade, nor any other,
so that a failure cannot raise the mean reward. A batch in which everything failed stops training (`max_missing`).
"""

from __future__ import annotations

from veracity.core.errors import ConfigError
from veracity.core.judged import Group, JudgedResponse
from veracity.rewards.base import reward


@reward("metric", "scores")
def metric(group: Group, *, name: str) -> list[float | None]:
    """The score called `name` of each response, signed so that higher is better.

    Raises:
        ConfigError: nothing says which way that metric is better.
    """
    return [_signed(response, name) for response in group.responses]


def _signed(response: JudgedResponse, name: str) -> float | None:
    score = next((score for score in response.scores if score.metric == name), None)
    if score is None or score.value is None:
        return None
    if score.direction == "neither":
        raise ConfigError(f"the metric {name!r} has no direction, so it cannot be a reward; take one that has")
    return score.value if score.direction == "higher" else 0.0 - score.value
