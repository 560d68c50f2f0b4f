"""Model folders in and out: what is trained comes from one and becomes one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from veracity.core.errors import ModelError
from veracity.training.arguments import lora_config
from veracity.training.settings import OptimizationSettings


def load_model(folder: Path, settings: OptimizationSettings, attention: str | None = None) -> tuple[Any, Any]:
    """Model and tokenizer to train, on this process's device and in the precision that the settings ask for.

    Raises ModelError when the folder holds none, or weights of another architecture than its configuration.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    dtype = torch.bfloat16 if settings.precision == "bfloat16" else torch.float32
    with _readable(folder), no_bars():
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model, found = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, attn_implementation=attention, output_loading_info=True
        )
    if missing := sorted(found["missing_keys"]):
        raise ModelError(
            f"{folder}: its weights are not those of the {type(model).__name__} that its config.json names "
            f"({len(missing)} are missing, as {missing[0]}); give config.json and weights of one model"
        )
    if torch.cuda.is_available() and not sharded():
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
    with no_bars():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    _as_open_as_the_rest(folder)


def save_state(
    model: Any, state: Mapping[str, Any], tokenizer: Any, folder: Path, settings: OptimizationSettings, start: Path
) -> None:
    """As `save_model`, with the weights from `state`: `model` itself may hold a shard of them alone."""
    if settings.lora is None:
        with no_bars():
            model.save_pretrained(folder, state_dict=dict(state))
            tokenizer.save_pretrained(folder)
        _as_open_as_the_rest(folder)
        return
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    with no_bars():
        base = AutoModelForCausalLM.from_pretrained(start, dtype=next(iter(state.values())).dtype)
        whole = get_peft_model(base, lora_config(settings.lora))
        whole.load_state_dict(dict(state))
        save_model(whole, tokenizer, folder)


def device_of(model: Any) -> str:
    """`cpu` or `cuda`: where the trainer will put the model."""
    import torch

    device = str(next(model.parameters()).device.type)
    return "cuda" if sharded() and torch.cuda.is_available() else device


@contextmanager
def no_bars() -> Iterator[None]:
    """No bars of Transformers for files that are read or written in an instant."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def sharded() -> bool:
    """Whether the launcher will spread the weights itself (FSDP, DeepSpeed), so that no device should hold them."""
    return any(os.environ.get(f"ACCELERATE_USE_{how}", "") == "true" for how in ("FSDP", "DEEPSPEED"))


def _as_open_as_the_rest(folder: Path) -> None:
    """Weights are written for their owner alone; whoever may read the configuration may read them, too."""
    mode = (folder / "config.json").stat().st_mode
    for weights in folder.glob("*.safetensors"):
        weights.chmod(mode)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """What Transformers cannot read comes out as a ModelError that names the folder."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(f"{folder}: no model could be read from there ({error}); give a complete folder") from error
