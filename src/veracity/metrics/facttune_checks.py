"""Did fine-tuning for factuality work: does the share of wrong facts fall, and are right facts kept?"""

from __future__ import annotations

from collections.abc import Mapping

from veracity.core.estimate import Estimate
from veracity.metrics.arm_effects import Change
from veracity.metrics.checks import Check
from veracity.metrics.wording import percent, share

NAMES = {"fs": "FactTune-FS", "mc": "FactTune-MC"}


def fall_check(method: str, change: Mapping[str, Change], target: float) -> Check:
    """Whether the share of wrong facts of `method` fell by `target` against SFT (Tian et al., 2023, table 1).

    Passes where the estimate reaches the target and its interval leaves no doubt that there is a fall at all.
    """
    fall = change["share_wrong"].fall
    numbers: dict[str, Estimate | float] = {"fall of the share of wrong facts": fall, "target": target}
    name = f"{NAMES[method]}: fewer wrong facts"
    if not fall.n:
        return Check(name, None, numbers, "SFT makes no wrong claim, so that nothing can fall.")
    sentence = f"The share of wrong facts falls by {percent(fall)} against SFT; {share(target)} or more is asked for."
    return Check(name, fall.value >= target and fall.ci_low > 0, numbers, sentence)


def kept_check(method: str, change: Mapping[str, Change], target: float) -> Check:
    """Whether `method` states at least `target` of the right facts a response that SFT states."""
    kept = change["right"].ratio
    numbers: dict[str, Estimate | float] = {"right facts over those of SFT": kept, "target": target}
    name = f"{NAMES[method]}: right facts kept"
    if not kept.n:
        return Check(name, None, numbers, "SFT states no right fact.")
    sentence = f"It states {percent(kept)} of the right facts that SFT states; {share(target)} or more is asked for."
    return Check(name, kept.value >= target, numbers, sentence)
