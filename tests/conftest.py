"""What every test relies on: no network, one thread, and the same examples each time."""

from __future__ import annotations

import os
import sys

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "WANDB_MODE": "disabled"}
# Waiting threads spin: on small models and shared cores several are slower than one. Read by torch when it is imported.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ.update(OFFLINE | ONE_THREAD)  # before any test module is imported; child processes inherit it

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("veracity", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("veracity")


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Undo what a test or a library did to torch's threads; torch is not imported for that."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)
