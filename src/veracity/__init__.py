"""Veracity measures and trains truthful language models.

`veracity.load("tiny")` gives a model to ask; see docs/python-api.md. Importing this package loads nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from veracity.api import Answer, Model, load
    from veracity.core.conversation import swapped
    from veracity.core.problem import Problem
    from veracity.core.records import Failure
    from veracity.core.requests import Message
    from veracity.domains import Domain, open_domain
    from veracity.engine import Budget
    from veracity.plays import aplay, aplay_many, play, play_many
    from veracity.store import Ledger
    from veracity.teaching import train_dpo, train_grpo, train_sft

__version__ = "0.1.0"

_HOMES = {
    "Answer": "veracity.api",
    "Budget": "veracity.engine",
    "Domain": "veracity.domains",
    "Failure": "veracity.core.records",
    "Ledger": "veracity.store",
    "Message": "veracity.core.requests",
    "Model": "veracity.api",
    "Problem": "veracity.core.problem",
    "aplay": "veracity.plays",
    "aplay_many": "veracity.plays",
    "load": "veracity.api",
    "open_domain": "veracity.domains",
    "play": "veracity.plays",
    "play_many": "veracity.plays",
    "swapped": "veracity.core.conversation",
    "train_dpo": "veracity.teaching",
    "train_grpo": "veracity.teaching",
    "train_sft": "veracity.teaching",
}
__all__ = [
    "Answer",
    "Budget",
    "Domain",
    "Failure",
    "Ledger",
    "Message",
    "Model",
    "Problem",
    "__version__",
    "aplay",
    "aplay_many",
    "load",
    "open_domain",
    "play",
    "play_many",
    "swapped",
    "train_dpo",
    "train_grpo",
    "train_sft",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'veracity' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
