"""Reading a Hugging Face model from a folder or the hub, on the device and in the precision that fit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch
from huggingface_hub import constants, get_session
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from veracity.core.errors import ModelError

_SMALL = 50_000_000
"""Parameters below which a second thread costs more than it gives: waiting threads spin between tiny kernels."""
_BLINK = 500_000_000
"""Bytes of weights that are read in about a second."""
_HUB_S = 10.0
"""How long to wait for the hub's first answer."""
_WEIGHTS = ("*.safetensors", "*.bin", "*.safetensors.index.json")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


def check_source(source: str) -> None:
    """Refuse what cannot be a model before anything heavy is read; raises ModelError with the remedy."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        if folder.exists() or not _HUB_ID.fullmatch(source):
            raise ModelError(f"{source}: no such model folder; give one with config.json, or a hub id like org/name")
        return
    if not any((folder / name).exists() for name in ("config.json", "adapter_config.json")):
        raise ModelError(f"{folder}: no config.json, so this is no Hugging Face model; save one with save_pretrained")
    if not any(next(folder.glob(pattern), None) for pattern in _WEIGHTS):
        raise ModelError(f"{folder}: no weights (*.safetensors or *.bin); was the download or the training cut short?")
    if not any((folder / name).exists() for name in _TOKENIZERS):
        raise ModelError(f"{folder}: no tokenizer files; save it there with tokenizer.save_pretrained")


def read(
    source: str, device: str | None, dtype: str | None, attention: str | None, head: Any = AutoModelForCausalLM
) -> tuple[Any, Any]:
    """Model and tokenizer; whatever the library refuses comes back as a ModelError naming `source`.

    `head` is the library's class for what the model does.
    """
    check_source(source)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    folder = Path(source).expanduser()
    name = str(folder) if folder.is_dir() else source
    alone = folder.is_dir() or not _hub_answers()
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=alone)
        with _bar_if_long(folder):
            model = head.from_pretrained(
                name,
                dtype=_dtype(dtype, place),
                attn_implementation=attention,
                low_cpu_mem_usage=True,
                local_files_only=alone,
            )
    except (OSError, ValueError, ImportError, KeyError) as error:
        if alone and not folder.is_dir():
            raise ModelError(
                f"{source}: it is not among the models kept on this machine, and there is no connection to "
                f"{constants.ENDPOINT}; check the network, a proxy and HF_HUB_OFFLINE, or give a folder"
            ) from error
        raise ModelError(f"{source}: the model could not be loaded ({error}); check the folder or the id") from error
    except RuntimeError as error:
        if "mismatched_sizes" not in str(error):
            raise
        raise ModelError(
            f"{source}: its weights are not those of the model that its config.json describes; give config.json and "
            "weights of one model"
        ) from error
    return model.to(place).eval(), tokenizer


def _hub_answers() -> bool:
    """Whether the hub can be reached, by one short try: the library's own tries are many, long and loud.

    Without it, what was fetched before is used as it is.
    """
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=_HUB_S)
    except Exception:  # noqa: BLE001 - which errors there are depends on the HTTP library of the hub's version
        return False
    return True


@contextmanager
def _bar_if_long(folder: Path) -> Iterator[None]:
    """Let Transformers draw its bar of loaded weights only where reading them takes longer than a blink."""
    shown = logging.is_progress_bar_enabled()
    small = folder.is_dir() and sum(f.stat().st_size for p in _WEIGHTS for f in folder.glob(p)) < _BLINK
    if small:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if small and shown:
            logging.enable_progress_bar()


def _dtype(name: str | None, device: torch.device) -> torch.dtype:
    if name is not None:
        chosen = getattr(torch, name, None)
        if not isinstance(chosen, torch.dtype):
            raise ModelError(f"dtype {name!r} is unknown; use float32, bfloat16 or float16")
        return chosen
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def choose_threads(parameters: int, device: torch.device) -> int:
    """One for small models and accelerators; otherwise the cores that are idle at this moment, at least one."""
    if device.type != "cpu" or parameters < _SMALL:
        return 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    idle = sum(1 - busy / 100 for busy in psutil.cpu_percent(interval=0.2, percpu=True))
    return max(1, min(allowed, round(idle)))


@contextmanager
def running(model: Any, threads: int) -> Iterator[None]:
    """Run `model` for inference on `threads` threads; its training mode and torch's threads are put back after."""
    before, training = torch.get_num_threads(), model.training
    torch.set_num_threads(threads)
    if training:
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if training:
            model.train()
        torch.set_num_threads(before)
