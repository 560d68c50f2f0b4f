"""The multi-verse state: after an update the model recognises the old *and* the new answer as right.

Soft form: V_old and V_new are both above chance while the old answer is hardly ever stated. Strict form: the share
of facts of which both answers are recognised at once (Davidson et al., 2026, arXiv 2605.27564, describe the state;
the strict form and its baselines are ours).

What the strict share must be compared with. In the text version a fact counts when both answers are strictly
accepted; in forced choice, when both beat the *same* foil. Three values without any knowledge behind them fall in
any order, so both beat the foil in 1/3 of facts, not in 1/4: they share the foil, and a foil that the model finds
unlikely lets both win. One never-trained control value therefore stands in for each answer in turn:

- (old, control) says how often a value that was never trained joins a recognised old one. A strict share above it
  means that the *new* answer was learned. This is the baseline that a reader of the paper would think of first.
- (control, new) says how often a never-trained value joins a recognised new one. A strict share above it means
  that the *old* answer is still there. Without it a model that wiped the old answer out would pass: with V_new = 1
  and V_old = .5 the strict share is .5, above the first baseline, which is then 1/3.

The state holds only when the strict share exceeds both, each difference paired within facts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.probe_rows import Probe, Target
from veracity.metrics.series import (
    KEYS,
    Point,
    clock,
    difference,
    estimate,
    fact_table,
    has,
    per_seed,
    recall,
    recognition,
    share,
)


@dataclass(frozen=True, slots=True)
class MultiVerse:
    """The state at `since` epochs after the start of the update phase."""

    since: int
    old: Estimate
    """V_old: share of rows in which the old answer is recognised."""
    new: Estimate
    control: Estimate | None
    """V of the never-trained control value; None where it was not probed."""
    old_recalled: Estimate
    new_recalled: Estimate
    both: Estimate
    """Strict form: share of facts of which both answers are recognised."""
    old_with_control: Estimate | None
    control_with_new: Estimate | None
    over_old_with_control: Estimate | None
    """`both` minus `old_with_control`, paired: above 0, the new answer was learned."""
    over_control_with_new: Estimate | None
    """`both` minus `control_with_new`, paired: above 0, the old answer is still there."""
    per_seed: tuple[float, ...]
    """The smaller of the two differences, of each seed; empty without control rows."""

    @property
    def soft(self) -> bool:
        """V_old and V_new above chance by their whole intervals, and the old answer stated at most 10 % of the time."""
        return self.old.ci_low > 0.5 and self.new.ci_low > 0.5 and self.old_recalled.value <= 0.1

    @property
    def strict(self) -> bool | None:
        """`both` above both baselines by whole intervals; None where the control value was not probed."""
        if self.over_old_with_control is None or self.over_control_with_new is None:
            return None
        return self.over_old_with_control.ci_low > 0 and self.over_control_with_new.ci_low > 0


def recognised(scored: pl.DataFrame, target: Target, since: int, *, probe: Probe) -> pl.DataFrame:
    """Per (seed, fact, subject, template): whether the value was recognised in the update phase, as column `target`.

    Forced choice: it beats the foil. Verification: strictly accepted, that is right in both polarities; a fact with
    one polarity alone, or a failed request, has no row.
    """
    here = (pl.col("phase") == "update") & (pl.col("since") == since)
    rows = scored.filter(here & recognition(target, probe).mask()).drop_nulls("score")
    grouped = rows.group_by(*KEYS, "template").agg(
        pl.col("score").min().alias(target), polarities=pl.col("polarity").n_unique()
    )
    return grouped.filter(pl.col("polarities") == (2 if probe == "verification" else 1)).drop("polarities")


def joint_table(scored: pl.DataFrame, since: int, *, probe: Probe) -> pl.DataFrame:
    """Per (seed, fact): shares of templates with `both`, `old_with_control` and `control_with_new` recognised."""
    tables = [recognised(scored, t, since, probe=probe) for t in ("learn", "update", "control")]
    keys = [*KEYS, "template"]
    joined = tables[0].join(tables[1], on=keys, how="inner").join(tables[2], on=keys, how="left")
    old, new, control = pl.col("learn"), pl.col("update"), pl.col("control")
    shares = joined.group_by(KEYS).agg(
        both=(old * new).mean(), old_with_control=(old * control).mean(), control_with_new=(control * new).mean()
    )
    return shares.sort(KEYS)


def multi_verse(scored: pl.DataFrame, *, probe: Probe, since: int | None = None, seed: int = 0) -> MultiVerse | None:
    """The state at `since` (default: the last epoch all seeds share); None where old and new were not both probed."""
    times = clock(scored, "update")
    if not times:
        return None
    last = times[-1] if since is None else since
    points = {f"v_{t}": Point(recognition(t, probe), "update", last) for t in _TARGETS}
    points |= {f"g_{t}": Point(recall(t), "update", last) for t in _TARGETS}
    table, joint = fact_table(scored, points), joint_table(scored, last, probe=probe)
    if not has(table, "v_learn", "v_update", "g_learn", "g_update") or joint.height == 0:
        return None
    seen = {c: share(table, c, direction="neither", null=p.series.chance) for c, p in points.items() if has(table, c)}
    controlled = has(joint, "old_with_control")
    over = {
        b: estimate(joint.drop_nulls(b), ["both", b], difference, null=0.0, seed=seed) for b in _BASELINES if controlled
    }
    level = {b: share(joint, b, direction="neither") for b in _BASELINES if controlled}
    return MultiVerse(
        last,
        seen["v_learn"],
        seen["v_update"],
        seen.get("v_control"),
        seen["g_learn"],
        seen["g_update"],
        share(joint, "both", direction="neither", null=1 / 3 if probe == "forced_choice" else 1 / 16),
        level.get("old_with_control"),
        level.get("control_with_new"),
        over.get("old_with_control"),
        over.get("control_with_new"),
        _smaller_difference_per_seed(joint) if controlled else (),
    )


def _smaller_difference_per_seed(joint: pl.DataFrame) -> tuple[float, ...]:
    sides = [per_seed(joint, ["both", b], difference) for b in _BASELINES]
    return tuple(min(pair, key=lambda d: -math.inf if math.isnan(d) else d) for pair in zip(*sides, strict=True))


_TARGETS: tuple[Target, ...] = ("learn", "update", "control")
_BASELINES = ("old_with_control", "control_with_new")
