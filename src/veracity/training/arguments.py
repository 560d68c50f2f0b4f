"""Our settings in the words of Transformers, TRL and PEFT, as far as all trainers share them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from veracity.core.config import Settings
from veracity.core.errors import MissingExtraError
from veracity.training.settings import LoraSettings, OptimizationSettings, PhaseSettings


def shared_arguments(
    settings: OptimizationSettings, phase: PhaseSettings, *, seed: int, folder: Path, batch: int, device: str
) -> dict[str, Any]:
    """What every trainer's configuration is given; nothing is left to a default that could change a result.

    Args:
        settings: What the recipe says of the optimizer.
        phase: Length, height and shape of the learning rate; a settings class may be both.
        seed: Of the order of rows, of adapters and of dropout.
        folder: For checkpoints and for the logger's files.
        batch: Rows of one forward pass of one process.
        device: `cpu` or `cuda`.

    Raises:
        MissingExtraError: the logger that `log_to` names is not installed.
    """
    _need_logger(settings.log_to)
    bfloat16 = device == "cuda" and settings.precision in ("auto", "mixed_bfloat16")
    return {
        "output_dir": str(folder),
        "num_train_epochs": phase.epochs,
        "learning_rate": phase.learning_rate,
        "lr_scheduler_type": phase.schedule,
        "warmup_steps": 0 if phase.schedule == "constant" else settings.warmup,  # Transformers reads < 1 as a share
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": settings.accumulation,
        "weight_decay": settings.weight_decay,
        "adam_beta1": settings.beta1,
        "adam_beta2": settings.beta2,
        "max_grad_norm": settings.grad_clip,
        "optim": "adamw_torch",
        "gradient_checkpointing": settings.gradient_checkpointing,
        "bf16": bfloat16,
        "use_cpu": device == "cpu",
        "seed": seed % 2**31,  # what NumPy takes
        "data_seed": seed % 2**31,
        "save_strategy": "steps" if settings.save_every else "epoch",
        "save_steps": settings.save_every or 500,
        "logging_steps": 1,
        # The filter hides a broken loss from the log; without it one NaN stays in the running sum for good.
        "logging_nan_inf_filter": settings.non_finite == "skip",
        "dataloader_pin_memory": device == "cuda",
        "ddp_find_unused_parameters": False,
        "ddp_timeout": 24 * 3600,  # the others wait while process 0 asks its probes
        "report_to": settings.log_to,
        "run_name": folder.name,
        "disable_tqdm": True,
    }


def check_loggers(settings: Settings, within: str = "") -> None:
    """Before a run starts: every logger that any of its trainings names, at any depth, is installed.

    Args:
        settings: Of a run, or a section of them.
        within: Where the section stands: `start.training.`.

    Raises:
        MissingExtraError: one is not; the setting that names it is said.
    """
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            check_loggers(value, f"{within}{name}.")
    if isinstance(settings, OptimizationSettings):
        _need_logger(settings.log_to, within)


def lora_config(settings: LoraSettings | None) -> Any:
    """PEFT's configuration of the adapters; None for none."""
    if settings is None:
        return None
    from peft import LoraConfig

    targets: dict[str, Any] = {
        "all_linear": "all-linear",
        "attention": ["q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"],
        "mlp": ["gate_proj", "up_proj", "down_proj", "gate_up_proj"],
    }
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.rank * settings.alpha_ratio,
        lora_dropout=settings.dropout,
        target_modules=targets[settings.targets],
    )


def _need_logger(name: str, within: str = "") -> None:
    if name != "none" and find_spec(name) is None:
        raise MissingExtraError(name, "tracking", f"{within}log_to={name}")
