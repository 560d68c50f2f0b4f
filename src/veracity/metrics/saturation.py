"""When acquisition is over: the epoch from which neither recognition nor recall gains any more, by a declared rule.

The paper types its saturation epochs into recipes and gives no algorithm (Davidson et al., 2026, arXiv
2605.27564). The rule here gives 3 on its Gemma-3-4B curve, where the recipe says 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from veracity.metrics.curves import Curve

RULE = "plateau: the next 3 epochs gain at most 1 SEM, from at least half of the whole rise"


@dataclass(frozen=True, slots=True)
class Saturation:
    """The epoch at which later phases start, and what decided it."""

    epoch: int
    """The first epoch at which both curves have levelled off; the last probed one if they never do."""
    reached: bool
    """False: no epoch met the rule, and `epoch` is merely the last."""
    rule: str
    numbers: Mapping[str, float]
    """At `epoch`: value, SEM and mean gain over the horizon of both curves (NaN gains at the end of a curve)."""


def saturation(verification: Curve, generation: Curve, *, horizon: int = 3) -> Saturation:
    """First epoch e at which, for both curves, mean(next `horizon` values) − value(e) ≤ 1 SEM(e).

    Both must also have made at least half of the rise from their first value to their maximum: otherwise a model
    that has not begun to learn would count as one that has finished. Curves must share their epochs (ValueError).
    The next values are those of the next `horizon` probed epochs; near the end, where fewer follow, an epoch is
    not decided, so that acquisition must run `horizon` epochs past saturation for it to be seen.
    """
    if verification.epochs != generation.epochs:
        raise ValueError("saturation compares two curves over the same epochs")
    if horizon < 1:
        raise ValueError(f"the horizon is at least 1 epoch, not {horizon}")
    pair = (verification, generation)
    undecided = len(verification.epochs) - horizon
    found = next((i for i in range(max(0, undecided)) if all(_levelled(c, i, horizon) for c in pair)), None)
    index = len(verification.epochs) - 1 if found is None else found
    numbers: dict[str, float] = {"horizon": float(horizon)}
    for name, curve in zip(("verification", "generation"), pair, strict=True):
        numbers[f"{name}_value"], numbers[f"{name}_sem"] = curve.values[index], curve.sems[index]
        numbers[f"{name}_gain"] = _gain(curve, index, horizon)
    rule = RULE.replace("3", str(horizon))
    return Saturation(verification.epochs[index], found is not None, rule, numbers)


def _levelled(curve: Curve, i: int, horizon: int) -> bool:
    risen = curve.values[i] - curve.values[0] >= 0.5 * (max(curve.values) - curve.values[0])
    return risen and _gain(curve, i, horizon) <= curve.sems[i] + 1e-12


def _gain(curve: Curve, i: int, horizon: int) -> float:
    """Mean of the next `horizon` values minus this one; NaN where fewer follow."""
    following = curve.values[i + 1 : i + 1 + horizon]
    return sum(following) / horizon - curve.values[i] if len(following) == horizon else float("nan")
