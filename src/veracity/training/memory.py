"""How much memory a training will take, said before it starts, and refused where it is not there.

Weights, gradients and AdamW's two moments are counted exactly, in the precision that they are kept in; activations by
the rule of Korthikanti et al. (2022, arXiv 2205.05198, eq. 2) without its term for attention matrices, which fused
attention never stores: 34 bytes a token, hidden unit and layer at 16 bit, and 2 with checkpointing. Logits are left
out: TRL computes them in pieces. The sum is what must be there at least; fragmentation and buffers come on top.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veracity.core.errors import ModelError
from veracity.training.arguments import lora_config
from veracity.training.launcher import Launch
from veracity.training.loading import sharded
from veracity.training.settings import OptimizationSettings

if TYPE_CHECKING:
    from transformers import PretrainedConfig


@dataclass(frozen=True, slots=True)
class MemoryShape:
    """What one forward pass of a trainer looks like."""

    rows: int
    """Sequences in it; DPO has two a pair."""
    tokens: int
    """Length of the longest sequence."""
    reference: bool = False
    """Whether a second, frozen copy of the weights is kept."""


@dataclass(frozen=True, slots=True)
class Sharding:
    """Over how many devices what a training holds is spread; what is not spread each device holds whole."""

    weights: int = 1
    """Weights, and those of a reference (FSDP, DeepSpeed ZeRO-3)."""
    moments: int = 1
    """Gradients and the optimizer's moments (also ZeRO-2)."""

    @classmethod
    def of(cls, strategy: str, processes: int) -> Sharding:
        """`fsdp`, `zero3`, `zero2`; anything else spreads nothing."""
        spread = {"fsdp": (processes, processes), "zero3": (processes, processes), "zero2": (1, processes)}
        return cls(*spread.get(strategy, (1, 1)))

    @classmethod
    def from_environment(cls) -> Sharding:
        """As the launcher has set it up."""
        processes = Launch.from_environment().processes if sharded() else 1
        stage = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE")
        return cls.of(f"zero{stage}" if stage else "fsdp", processes)


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes on one device."""

    weights: int
    gradients: int
    optimizer: int
    reference: int
    activations: int

    @property
    def total(self) -> int:
        """All parts."""
        return sum(getattr(self, part.name) for part in fields(self))

    def __str__(self) -> str:
        parts = ", ".join(f"{part.name} {_gigabytes(getattr(self, part.name))}" for part in fields(self))
        return f"{_gigabytes(self.total)} ({parts})"


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What an estimate needs of a model."""

    parameters: int
    """Adapters included."""
    trained: int
    """Those that are not frozen."""
    units: int
    """Layers × hidden width."""


def size_of(start: Path | PretrainedConfig, settings: OptimizationSettings) -> ModelSize:
    """Of a model folder or a configuration, with the adapters that the settings ask for; no weights are read.

    Raises ModelError where there is no configuration that Transformers knows.
    """
    model = _hollow(start, settings)
    config = model.config.get_text_config()
    return ModelSize(
        parameters=sum(p.numel() for p in model.parameters()),
        trained=sum(p.numel() for p in model.parameters() if p.requires_grad),
        units=config.num_hidden_layers * config.hidden_size,
    )


def estimate_memory(
    start: Path | ModelSize,
    settings: OptimizationSettings,
    shape: MemoryShape,
    *,
    bfloat16: bool,
    sharding: Sharding = Sharding(),
) -> MemoryEstimate:
    """What training the model in `start` takes on each device.

    Args:
        start: A model folder, whose configuration is read and not its weights; or what is known of it (`size_of`).
        settings: Of the trainer.
        shape: Of one forward pass on one device.
        bfloat16: Whether activations are kept in 16 bit (mixed precision on a GPU).
        sharding: How far it is spread over devices.

    Raises:
        ModelError: the folder holds no configuration that Transformers knows.
    """
    model = size_of(start, settings) if isinstance(start, Path) else start
    size = 2 if settings.precision == "bfloat16" else 4
    units = shape.rows * shape.tokens * model.units
    per_unit = (2 if settings.gradient_checkpointing else 34) * (1 if bfloat16 or size == 2 else 2)
    return MemoryEstimate(
        weights=model.parameters * size // sharding.weights,
        gradients=model.trained * size // sharding.moments,
        optimizer=2 * model.trained * size // sharding.moments,
        reference=model.parameters * size * shape.reference // sharding.weights,
        activations=units * per_unit,
    )


def check_memory(start: Path, settings: OptimizationSettings, shape: MemoryShape) -> MemoryEstimate:
    """The estimate for this process's device. Raises ModelError, part by part and with remedies, if it is not free."""
    import torch

    on_gpu = torch.cuda.is_available()
    mixed = on_gpu and settings.precision in ("auto", "mixed_bfloat16")
    estimate = estimate_memory(start, settings, shape, bfloat16=mixed, sharding=Sharding.from_environment())
    free = free_bytes()
    if estimate.total > free:
        raise ModelError(
            f"training {start} takes at least {estimate}, but {_gigabytes(free)} are free on the "
            f"{'GPU' if on_gpu else 'machine'}; raise accumulation (or lower batch_size), switch on "
            "gradient_checkpointing, train adapters (lora), or spread the weights over several GPUs (FSDP, DeepSpeed)"
        )
    return estimate


def free_bytes() -> int:
    """Free memory of this process's GPU, or of the machine where there is none."""
    import psutil
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info(torch.cuda.current_device())[0])
    return int(psutil.virtual_memory().available)


def _hollow(start: Path | PretrainedConfig, settings: OptimizationSettings) -> Any:
    """The model with its adapters, every tensor a shape without memory."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with torch.device("meta"):
            config = AutoConfig.from_pretrained(start) if isinstance(start, Path) else start
            model = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{start}: its configuration could not be read ({error}); give a complete folder") from error
    if settings.lora is None:
        return model
    from peft import get_peft_model

    with warnings.catch_warnings():  # PEFT and Transformers tell each other about names that they will change
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, lora_config(settings.lora))


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
