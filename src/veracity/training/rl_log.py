"""The log of a training on group rewards as tables: one row a step, and one row a step and reward part.

TRL's logs hold these figures under many names; here they have types, and what was not measured is None. Figures of a
batch stand in the row of the step that the batch was drawn for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from veracity.rewards import dominant
from veracity.training.watch import TrainingLog


@dataclass(frozen=True, slots=True)
class RlStep:
    """One optimizer step; shares are in [0, 1], times in seconds."""

    step: int
    loss: float
    grad_norm: float | None
    """Before clipping."""
    learning_rate: float
    kl: float | None
    """Divergence from the reference, nats a token; None without a reference."""
    entropy: float | None
    """Of the next token, nats, averaged over completion tokens."""
    clipped: float | None
    """Share of tokens (or sequences) whose ratio was clipped."""
    reward: float | None
    """Mean weighted sum of the parts, over completions that have one."""
    reward_sd: float | None
    equal_groups: float | None
    """Share of groups in which all rewards are the same: nothing is learned from them."""
    unscored: float | None
    """Share of completions without a reward."""
    correct: float | None
    """Share of graded completions that are right."""
    abstained: float | None
    tokens: float | None
    """Mean length of a completion."""
    truncated: float | None
    claims: float | None
    """Mean number of claims, of completions whose claims were extracted."""
    zero_claims: float | None
    """Share of these that make none."""
    mixed_problems: float | None
    """Of an epoch that pass rates chose: share of problems that were right sometimes when it began."""
    generation_s: float | None
    reward_s: float | None
    """Judge and rewards."""
    update_s: float | None
    """All else: log-probabilities, loss, gradients and the optimizer."""
    skipped: int
    """Steps left out until now because a gradient was not finite."""


@dataclass(frozen=True, slots=True)
class PartStep:
    """One reward part in the batch of one step."""

    step: int
    part: str
    mean: float | None
    sd: float | None
    missing: float
    """Share of completions without a value."""
    variance_share: float | None
    """cov(weighted part, weighted sum) / var(weighted sum) inside groups; None where the sum does not vary."""


_BATCH = "groups/equal"


def rl_steps(log: TrainingLog) -> list[RlStep]:
    """One row a step that changed the weights."""
    return [
        _step(log, i, figures, sum(step <= log.steps[i] for step in log.skipped))
        for i, figures in enumerate(log.metrics)
    ]


def part_steps(log: TrainingLog) -> list[PartStep]:
    """One row a step and part, for steps that began with a batch of completions."""
    rows = []
    for step, figures in zip(log.steps, log.metrics, strict=True):
        names = [name.removeprefix("part/").removesuffix("/missing") for name in figures if _is_part(name)]
        for name in names:
            mean, sd, missing, share = (figures.get(f"part/{name}/{w}") for w in ("mean", "sd", "missing", "share"))
            rows.append(PartStep(step, name, mean, sd, missing or 0.0, share))
    return rows


def variance_shares(rows: Sequence[PartStep]) -> dict[str, float]:
    """Mean share of the variance of each part over the steps where the reward varied; empty if it never did."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row.variance_share is not None:
            found.setdefault(row.part, []).append(row.variance_share)
    return {part: fsum(shares) / len(shares) for part, shares in found.items()}


def dominant_part(rows: Sequence[PartStep]) -> str | None:
    """The part that explains more than 80 % of the reward's variance over the training; None where none does."""
    return dominant(variance_shares(rows))


def _step(log: TrainingLog, i: int, figures: Mapping[str, float], skipped: int) -> RlStep:
    return RlStep(
        step=log.steps[i],
        loss=log.losses[i],
        grad_norm=figures.get("grad_norm"),
        learning_rate=log.learning_rates[i],
        kl=figures.get("kl"),
        entropy=figures.get("entropy"),
        clipped=figures.get("clip_ratio/region_mean", figures.get("cispo_clip_ratio")),
        reward=figures.get("reward/mean"),
        reward_sd=figures.get("reward/sd"),
        equal_groups=figures.get(_BATCH),
        unscored=figures.get("completions/unscored"),
        correct=figures.get("outcomes/correct"),
        abstained=figures.get("completions/abstained"),
        tokens=figures.get("completions/tokens"),
        truncated=figures.get("completions/truncated"),
        claims=figures.get("claims/mean"),
        zero_claims=figures.get("claims/none"),
        mixed_problems=figures.get("problems/mixed"),
        generation_s=figures.get("seconds/generation"),
        reward_s=figures.get("seconds/reward"),
        update_s=figures.get("seconds/update"),
        skipped=skipped,
    )


def _is_part(name: str) -> bool:
    return name.startswith("part/") and name.endswith("/missing")
