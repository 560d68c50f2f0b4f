"""What a training leaves as it found it: global randomness, threads, and the model's own forward function."""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from veracity.training.loading import device_of, no_bars

_SMALL = 20_000_000
"""Below this number of parameters one CPU thread is faster than several that wait for each other."""


@contextmanager
def contained(model: Any) -> Iterator[None]:
    """Make a trainer and train inside: seeds, threads, bars and patches end with the block."""
    with _own_randomness(), _threads(model), no_bars(), _quiet_tables(), _own_run(), warnings.catch_warnings():
        # TRL, PEFT and Transformers tell each other about names that they will change.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            yield
        finally:
            vars(model).pop("forward", None)  # TRL patches the instance


@contextmanager
def _own_run() -> Iterator[None]:
    """A run of Weights & Biases that the trainer opens ends with the training, so that the next has one of its own."""
    before = getattr(sys.modules.get("wandb"), "run", None)
    try:
        yield
    finally:
        wandb = sys.modules.get("wandb")
        if before is None and getattr(wandb, "run", None) is not None:
            wandb.finish()  # type: ignore[union-attr]


@contextmanager
def _quiet_tables() -> Iterator[None]:
    """No bars of datasets, nor of TRL's scoring by the reference."""
    import datasets

    hidden, told = datasets.are_progress_bars_disabled(), os.environ.get("TQDM_DISABLE")
    datasets.disable_progress_bars()
    os.environ["TQDM_DISABLE"] = "1"
    try:
        yield
    finally:
        if not hidden:
            datasets.enable_progress_bars()
        if told is None:
            del os.environ["TQDM_DISABLE"]
        else:
            os.environ["TQDM_DISABLE"] = told


@contextmanager
def _threads(model: Any) -> Iterator[None]:
    """One CPU thread for a small model: faster there, and the same sums on every machine."""
    import torch

    before = torch.get_num_threads()
    if device_of(model) == "cpu" and sum(p.numel() for p in model.parameters()) < _SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
