"""REINFORCE leave-one-out through TRL's `RLOOTrainer`: the baseline of a completion is the mean of its group's others.

A_i = r_i − mean of the other rewards, and the divergence from the reference is part of the reward, a sequence at a time
(Ahmadian et al., 2024, arXiv 2402.14740, eq. 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from veracity.training.group_training import GroupTraining, Kind, rl_arguments, train_on_groups
from veracity.training.records import Judge, Prompt, RewardPart
from veracity.training.rl_settings import RlooSettings
from veracity.training.watch import StepEnd, TrainingLog


def train_rloo(
    start: Path,
    prompts: Sequence[Prompt],
    judge: Judge,
    rewards: Sequence[RewardPart],
    settings: RlooSettings,
    *,
    judged_by: str,
    seed: int,
    folder: Path,
    out: Path,
    on_step: StepEnd | None = None,
    run: str = "",
    recipe: str = "",
) -> TrainingLog:
    """As `train_grpo`, with RLOO's advantages; arguments, log and errors are the same."""
    what = GroupTraining(prompts, judge, rewards, judged_by)
    return train_on_groups(
        RLOO, what, start, settings, seed=seed, folder=folder, out=out, on_step=on_step, run=run, recipe=recipe
    )


def rloo_arguments(settings: RlooSettings, *, seed: int, folder: Path, batch: int, device: str) -> dict[str, Any]:
    """Our settings in TRL's words; nothing is left to a default that could change a result."""
    return {
        **rl_arguments(settings, seed=seed, folder=folder, batch=batch, device=device),
        "normalize_advantages": settings.normalize_advantages,
        "reward_clip_range": settings.reward_clip,
    }


def _classes() -> tuple[Any, Any]:
    from trl import RLOOConfig, RLOOTrainer

    return RLOOTrainer, RLOOConfig


RLOO = Kind("rloo", _classes, rloo_arguments, logprobs=False)
