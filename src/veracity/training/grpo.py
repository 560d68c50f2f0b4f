"""Group relative policy optimisation through TRL's `GRPOTrainer`: GRPO, Dr. GRPO, DAPO, GSPO, CISPO and others.

Advantages are taken within a group of completions of one prompt: (r − mean) / (sd + 1e-4), sample deviation, with
`scale_rewards` and `multi_objective_aggregation` saying what is divided by what (Shao et al., 2024, arXiv 2402.03300;
Liu et al., 2025, arXiv 2503.20783; Yu et al., 2025, arXiv 2503.14476; Zheng et al., 2025, arXiv 2507.18071).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from veracity.training.group_training import GroupTraining, Kind, rl_arguments, train_on_groups
from veracity.training.records import Judge, Prompt, RewardPart
from veracity.training.rl_settings import GrpoSettings
from veracity.training.watch import StepEnd, TrainingLog


def train_grpo(
    start: Path,
    prompts: Sequence[Prompt],
    judge: Judge,
    rewards: Sequence[RewardPart],
    settings: GrpoSettings,
    *,
    judged_by: str,
    seed: int,
    folder: Path,
    out: Path,
    on_step: StepEnd | None = None,
    run: str = "",
    recipe: str = "",
) -> TrainingLog:
    """Train the model in `start` on what `rewards` say of its own completions, and write it to `out`.

    Args:
        start: A complete model folder; the reference is loaded from it too.
        prompts: What to answer, each item once.
        judge: Asked once a batch of generations, and once before about every item without completions (which
            costs nothing, and shows the problems that rewards read).
        rewards: Parts whose weighted sum counts. A part without a value for a response leaves that response out; one
            without a value for a whole group is left out there, and the other weights grow.
        settings: Everything else.
        judged_by: Content hash of all that the judge's word depends on, beside prompts and completions. It is part of
            the lineage: another judge makes another model.
        seed: Of the order of prompts, of completions, and of adapters.
        folder: Checkpoints, of this training alone; after a kill, call again with the same arguments.
        out: The finished model folder, with `lineage.json`.
        on_step: (done, total) after each optimizer step.
        run: Name of the run it belongs to, for the lineage.
        recipe: Its recipe, for the lineage.

    Returns:
        The log; `rl_log.rl_steps` and `rl_log.part_steps` make tables of it.

    Raises:
        ConfigError: settings, launcher and prompts do not fit together.
        DataError: a prompt occurs twice, or lacks what a reward reads of its problem.
        ContextLengthError: a prompt with its completion is longer than the model's context.
        TrainingStoppedError: the judge failed, or nothing was learned for too long; the weights so far are kept.
        NonFiniteError: a loss or gradient was not finite; likewise.
    """
    what = GroupTraining(prompts, judge, rewards, judged_by)
    return train_on_groups(
        GRPO, what, start, settings, seed=seed, folder=folder, out=out, on_step=on_step, run=run, recipe=recipe
    )


def grpo_arguments(settings: GrpoSettings, *, seed: int, folder: Path, batch: int, device: str) -> dict[str, Any]:
    """Our settings in TRL's words; nothing is left to a default that could change a result."""
    entropy = settings.entropy
    return {
        **rl_arguments(settings, seed=seed, folder=folder, batch=batch, device=device),
        "loss_type": settings.loss_type,
        "delta": settings.delta,
        "scale_rewards": settings.scale_rewards,
        "multi_objective_aggregation": settings.multi_objective_aggregation,
        "importance_sampling_level": settings.importance_sampling_level,
        "off_policy_mask_threshold": settings.off_policy_mask_threshold,
        "use_bias_correction_kl": settings.bias_corrected_kl,
        "cast_lm_head_to_fp32": settings.cast_lm_head_to_fp32,
        "top_entropy_quantile": entropy.top_quantile,
        "entropy_coef": entropy.coefficient,
        "use_adaptive_entropy": entropy.adaptive,
        "entropy_target": entropy.target,
        "entropy_coef_delta": entropy.step,
        "entropy_coef_min": entropy.least,
        "entropy_coef_max": entropy.most,
        "vllm_importance_sampling_correction": settings.vllm.correction,
        "vllm_importance_sampling_clip_max": settings.vllm.correction_limit,
    }


def _classes() -> tuple[Any, Any]:
    from trl import GRPOConfig, GRPOTrainer

    return GRPOTrainer, GRPOConfig


GRPO = Kind("grpo", _classes, grpo_arguments, logprobs=True)
