"""Supervised fine-tuning through TRL's `SFTTrainer`, with a hand on every epoch.

This module turns our settings into TRL's, trains, calls back after each epoch, and keeps one checkpoint to go on
from. The loop, the optimizer, the schedule and the distribution over devices are TRL's, Transformers' and
Accelerate's. Rows are tokenised before (see `examples`), so TRL's own preparation has nothing left to decide.

A run that is killed and started again continues after the last whole epoch and ends with the same weights, bit
for bit on the same machine and number of threads. With several processes an epoch whose sentences do not fill the
last batch repeats some of its first ones there (Accelerate keeps batches even). Sharded training (FSDP, DeepSpeed
ZeRO-3) is refused: each process must hold the whole model for the probes after each epoch.
"""

from __future__ import annotations

import math
import os
import random
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from veracity.core.errors import ConfigError, ModelError, NonFiniteError
from veracity.training.examples import Example
from veracity.training.launcher import Launch
from veracity.training.settings import PhaseSettings, SftSettings

EpochEnd = Callable[[int, Any], None]
"""`on_epoch_end(epoch, model)`, epoch counting from 1; called in process 0 while the others wait."""
StepEnd = Callable[[int, int], None]
"""`on_step(done, total)`, optimizer steps of this training."""

_SMALL = 20_000_000
"""Below this number of parameters one CPU thread is faster than several that wait for each other."""
_RESUME = "resume-epoch-"


@dataclass(slots=True)
class TrainingLog:
    """What happened, step by step; after a resume only the steps since then."""

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """Mean training loss of each step, nats a token."""
    learning_rates: list[float] = field(default_factory=list)
    resumed_from: int = 0
    """The epoch that was already done."""


def train_sentences(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    settings: SftSettings,
    phase: PhaseSettings,
    *,
    seed: int,
    folder: Path,
    on_epoch_end: EpochEnd | None = None,
    on_step: StepEnd | None = None,
) -> TrainingLog:
    """Train `model` in place on `examples` for the epochs of `phase`.

    `folder` holds the checkpoint to go on from; give a folder of its own to every training, and remove it when the
    results are safe. If it holds one, training continues there.

    Raises:
        ConfigError: the launcher and the settings disagree, or the set-up is not supported.
        NonFiniteError: the loss or the gradient became NaN or infinite.
    """
    launch = Launch.from_environment()
    per_device = launch.per_device_batch(settings)
    checkpoint = newest_checkpoint(folder)
    log = TrainingLog(resumed_from=_epoch_of(checkpoint))
    with _own_randomness(), _threads(model), _no_bars():
        trainer = make_trainer(model, tokenizer, examples, settings, phase, seed=seed, folder=folder, batch=per_device)
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise ConfigError("sharded training (FSDP, DeepSpeed) is not supported; launch plain data parallelism")
        trainer.add_callback(_callback(log, folder, launch, on_epoch_end, on_step))
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        finally:
            vars(model).pop("forward", None)  # TRL patches the instance; give it back as it was
    return log


def make_trainer(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    settings: SftSettings,
    phase: PhaseSettings,
    *,
    seed: int,
    folder: Path,
    batch: int,
) -> Any:
    """TRL's trainer with every one of our settings in it; `batch` is the rows of one forward pass."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig

    rows = Dataset.from_dict(
        {"input_ids": [list(e.input_ids) for e in examples], "labels": [list(e.labels) for e in examples]}
    )
    arguments = sft_arguments(settings, phase, seed=seed, folder=folder, batch=batch, device=_device(model))
    with warnings.catch_warnings():  # TRL and Transformers tell each other about names that they will change
        warnings.simplefilter("ignore", FutureWarning)
        trainer = _trainer_class()(
            model=model,
            args=SFTConfig(**arguments),
            train_dataset=rows,
            processing_class=tokenizer,
            peft_config=_lora(settings),
        )
    trainer.remove_callback(PrinterCallback)
    return trainer


def sft_arguments(
    settings: SftSettings, phase: PhaseSettings, *, seed: int, folder: Path, batch: int, device: str
) -> dict[str, Any]:
    """Our settings in TRL's words; nothing is left to a default that could change a result."""
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
        "max_length": settings.max_length,
        "packing": settings.packing,
        "dataset_kwargs": None if settings.packing else {"skip_prepare_dataset": True},
        "train_sampling_strategy": "group_by_length" if settings.group_by_length else "random",
        "gradient_checkpointing": settings.gradient_checkpointing,
        "bf16": bfloat16,
        "use_cpu": device == "cpu",
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "epoch",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it hides what `_callback` must see
        "dataloader_pin_memory": device == "cuda",
        "ddp_find_unused_parameters": False,
        "ddp_timeout": 24 * 3600,  # the others wait while process 0 asks its probes
        "report_to": "none",
        "disable_tqdm": True,
    }


def newest_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint of the latest epoch in `folder`, or None."""
    return max(folder.glob(f"{_RESUME}*"), default=None)


def load_model(folder: Path, settings: SftSettings, attention: str | None = None) -> tuple[Any, Any]:
    """Model and tokenizer to train, on this process's device and in the precision that the settings ask for.

    Raises ModelError when the folder holds none.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    dtype = torch.bfloat16 if settings.precision == "bfloat16" else torch.float32
    with _readable(folder), _no_bars():
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=attention)
    if torch.cuda.is_available():
        model.to(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")
    return model, tokenizer


def load_tokenizer(folder: Path) -> tuple[Any, int | None]:
    """The tokenizer of a model folder, and the model's context length in tokens where it states one."""
    from transformers import AutoConfig, AutoTokenizer

    with _readable(folder):
        config = AutoConfig.from_pretrained(folder).get_text_config(decoder=True)
        return AutoTokenizer.from_pretrained(folder), getattr(config, "max_position_embeddings", None)


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write a complete model in Hugging Face format; adapters are merged into a copy of the weights."""
    if hasattr(model, "merge_and_unload"):
        import copy

        model = copy.deepcopy(model).merge_and_unload()
    with _no_bars():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """What Transformers cannot read comes out as a ModelError that names the folder."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(f"{folder}: no model could be read from there ({error}); give a complete folder") from error


def _lora(settings: SftSettings) -> Any:
    if settings.lora is None:
        return None
    from peft import LoraConfig

    targets: dict[str, Any] = {
        "all_linear": "all-linear",
        "attention": ["q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"],
        "mlp": ["gate_proj", "up_proj", "down_proj", "gate_up_proj"],
    }
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.lora.rank,
        lora_alpha=settings.lora.rank * settings.lora.alpha_ratio,
        lora_dropout=settings.lora.dropout,
        target_modules=targets[settings.lora.targets],
    )


def _trainer_class() -> Any:
    """TRL's trainer without the model card that it would write into every checkpoint."""
    from trl import SFTTrainer

    class EpochTrainer(SFTTrainer):  # type: ignore[misc]
        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """Checkpoints to resume from are not published."""

    return EpochTrainer


def _callback(
    log: TrainingLog, folder: Path, launch: Launch, on_epoch_end: EpochEnd | None, on_step: StepEnd | None
) -> Any:
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            if "loss" not in logs:
                return
            for name in ("loss", "grad_norm"):
                if not math.isfinite(logs.get(name, 0.0)):
                    raise NonFiniteError(
                        f"training step {state.global_step}: {name} is {logs[name]}; lower the learning rate "
                        "or train in float32"
                    )
            log.steps.append(state.global_step)
            log.losses.append(logs["loss"])
            log.learning_rates.append(logs["learning_rate"])

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if on_step is not None and launch.is_main:
                on_step(state.global_step, state.max_steps)

        def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            if on_epoch_end is not None and launch.is_main:
                on_epoch_end(round(state.epoch), model)
            _wait(launch)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            _wait(launch)
            if launch.is_main:
                _seal(folder, state.global_step, round(state.epoch))
            _wait(launch)

    return Watch()


def _seal(folder: Path, step: int, epoch: int) -> None:
    """Give a written checkpoint the name that makes it count, and drop the one before it."""
    written, sealed = folder / f"checkpoint-{step}", folder / f"{_RESUME}{epoch:05d}"
    for path in [*written.rglob("*"), written]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    if sealed.exists():
        shutil.rmtree(sealed)
    written.rename(sealed)
    for old in folder.glob(f"{_RESUME}*"):
        if old != sealed:
            shutil.rmtree(old)


def _epoch_of(checkpoint: Path | None) -> int:
    return int(checkpoint.name.removeprefix(_RESUME)) if checkpoint else 0


def _wait(launch: Launch) -> None:
    if launch.processes > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def _device(model: Any) -> str:
    return str(next(model.parameters()).device.type)


@contextmanager
def _threads(model: Any) -> Iterator[None]:
    """One CPU thread for a small model: faster there, and the same sums on every machine."""
    import torch

    before = torch.get_num_threads()
    if _device(model) == "cpu" and sum(p.numel() for p in model.parameters()) < _SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _no_bars() -> Iterator[None]:
    """No bars of Transformers for files that are read or written in an instant."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@contextmanager
def _own_randomness() -> Iterator[None]:
    """The trainer seeds Python, NumPy and PyTorch; afterwards they are as they were."""
    import numpy as np
    import torch

    python, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_state)  # noqa: NPY002
