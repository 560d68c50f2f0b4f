"""Every option of GRPO and RLOO reaches TRL: each is set to a value of its own and read back from the trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rl_lab import long_words, part, trainer

from veracity.core.errors import ConfigError
from veracity.training.group_training import check_sharing
from veracity.training.grpo import GRPO, grpo_arguments
from veracity.training.launcher import Launch
from veracity.training.rl_settings import (
    EntropySettings,
    GrpoSettings,
    OtherPrompt,
    ReferenceSync,
    RlooSettings,
    VllmSettings,
)
from veracity.training.rloo import RLOO
from veracity.training.settings import LoraSettings

SHARED: dict[str, Any] = {
    "batch_size": 24, "accumulation": 2, "group_size": 6, "updates_per_generation": 3, "iterations": 2, "epochs": 5,
    "steps": 7, "learning_rate": 2.5e-5, "schedule": "cosine", "warmup": 3, "weight_decay": 0.011, "beta1": 0.83,
    "beta2": 0.93, "grad_clip": 0.6, "temperature": 0.7, "top_p": 0.91, "top_k": 41, "max_completion_length": 13,
    "mask_truncated": True, "beta": 0.037, "epsilon": 0.15, "epsilon_high": 0.29, "disable_dropout": True,
    "sync_reference": ReferenceSync(mixup=0.35, every=17), "gradient_checkpointing": True, "save_every": 12,
}  # fmt: skip
EXPECTED = {
    "per_device_train_batch_size": 12, "gradient_accumulation_steps": 2, "num_generations": 6,
    "steps_per_generation": 6, "generation_batch_size": 72, "num_iterations": 2, "num_train_epochs": 5, "max_steps": 7,
    "learning_rate": 2.5e-5, "lr_scheduler_type": "cosine", "warmup_steps": 3, "weight_decay": 0.011,
    "adam_beta1": 0.83, "adam_beta2": 0.93, "max_grad_norm": 0.6, "temperature": 0.7, "top_p": 0.91, "top_k": 41,
    "max_completion_length": 13, "mask_truncated_completions": True, "beta": 0.037, "epsilon": 0.15,
    "epsilon_high": 0.29, "disable_dropout": True, "sync_ref_model": True, "ref_model_mixup_alpha": 0.35,
    "ref_model_sync_steps": 17, "gradient_checkpointing": True, "save_steps": 12, "seed": 0, "use_vllm": False,
    "reward_weights": [0.7, 1.9],
}  # fmt: skip
PARTS = [part("one", long_words, 0.7), part("two", long_words, 1.9)]


def read_back(made: Any, names: Any) -> dict[str, Any]:
    return {name: getattr(made.args, name) for name in names}


def test_every_option_of_grpo_reaches_trl(tmp_path: Path) -> None:
    entropy = EntropySettings(
        coefficient=0.013, adaptive=True, target=0.9, step=0.002, least=0.001, most=0.5, top_quantile=0.8
    )
    settings = GrpoSettings(
        **SHARED, loss_type="dr_grpo", delta=3.3, scale_rewards="batch",
        multi_objective_aggregation="normalize_then_sum",
        importance_sampling_level="sequence", off_policy_mask_threshold=0.44, bias_corrected_kl=False,
        cast_lm_head_to_fp32=True, entropy=entropy,
    )  # fmt: skip
    expected = EXPECTED | {
        "loss_type": "dr_grpo", "delta": 3.3, "scale_rewards": "batch",
        "multi_objective_aggregation": "normalize_then_sum", "importance_sampling_level": "sequence",
        "off_policy_mask_threshold": 0.44, "use_bias_correction_kl": False, "cast_lm_head_to_fp32": True,
        "top_entropy_quantile": 0.8, "entropy_coef": 0.013, "use_adaptive_entropy": True, "entropy_target": 0.9,
        "entropy_coef_delta": 0.002, "entropy_coef_min": 0.001, "entropy_coef_max": 0.5,
    }  # fmt: skip
    made = trainer(GRPO, settings, tmp_path, PARTS, n=12)
    assert read_back(made, expected) == expected
    assert made.reward_weights.tolist() == pytest.approx([0.7, 1.9])
    assert made.reward_func_names == ["one", "two"]
    assert (made.beta, made.epsilon_low, made.epsilon_high, made.num_generations) == (0.037, 0.15, 0.29, 6)
    assert made.ref_model is not None and made.scale_rewards == "batch" and made.loss_type == "dr_grpo"


def test_every_option_of_rloo_reaches_trl(tmp_path: Path) -> None:
    settings = RlooSettings(**SHARED, normalize_advantages=True, reward_clip=(-1.5, 2.5))
    expected = EXPECTED | {"normalize_advantages": True, "reward_clip_range": (-1.5, 2.5)}
    assert read_back(trainer(RLOO, settings, tmp_path, PARTS, n=12), expected) == expected


def test_adapters_reach_trl_and_need_no_second_model(tmp_path: Path) -> None:
    settings = GrpoSettings(batch_size=16, group_size=4, lora=LoraSettings(rank=3, alpha_ratio=2.0, targets="mlp"))
    made = trainer(GRPO, settings, tmp_path, PARTS)
    config = made.model.peft_config["default"]
    assert (config.r, config.lora_alpha) == (3, 6.0)
    assert made.ref_model is None and made.beta == 1e-3


def test_options_of_vllm_reach_trls_configuration(tmp_path: Path) -> None:
    vllm = VllmSettings(
        mode="server", memory=0.4, tensor_parallel=2, server_url="http://h:1", correction=False, correction_limit=2.2
    )
    found = grpo_arguments(GrpoSettings(generator="vllm", vllm=vllm), seed=0, folder=tmp_path, batch=64, device="cpu")
    assert found["use_vllm"] is True
    assert {name.removeprefix("vllm_"): found[name] for name in found if name.startswith("vllm_")} == {
        "mode": "server",
        "gpu_memory_utilization": 0.4,
        "tensor_parallel_size": 2,
        "server_base_url": "http://h:1",
        "importance_sampling_correction": False,
        "importance_sampling_clip_max": 2.2,
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"updates_per_generation": 2, "iterations": 2, "save_every": 6}, "make it a multiple of that"),
        ({"group_size": 4, "injected": ("a", "b"), "other_prompt": OtherPrompt(system="s", share=0.5)}, "larger"),
        ({"generator": "vllm", "injected": ("a",)}, "vLLM has one prompt a group"),
        ({"beta": 0.0, "sync_reference": ReferenceSync()}, "beta above 0"),
        ({"loss_type": "cispo", "delta": 2.0}, "has no use for it"),
    ],
)  # fmt: skip
def test_options_that_contradict_each_other_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GrpoSettings(**wrong)


def test_groups_that_processes_would_tear_apart_are_refused() -> None:
    settings = GrpoSettings(batch_size=24, group_size=8)
    check_sharing(settings, Launch(0, 3, None))
    with pytest.raises(ConfigError, match="make batch_size a multiple of 16, as 32"):
        check_sharing(settings, Launch(0, 2, None))
