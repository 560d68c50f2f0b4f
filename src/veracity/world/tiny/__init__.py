"""The tiny model: a transformer of a million parameters, raised on one world, shipped with the package.

`folder()` loads with plain `AutoModelForCausalLM.from_pretrained` and `AutoTokenizer.from_pretrained`.
`veracity tiny train` makes it again from its seed; `veracity tiny card` tells what it can and can't do.
"""

from __future__ import annotations

from pathlib import Path

from veracity.core.errors import ModelError
from veracity.world.tiny.dialogue import Dialogue, dialogue
from veracity.world.tiny.facts import experiment_facts, tiny_world

__all__ = ["Dialogue", "card", "dialogue", "experiment_facts", "folder", "tiny_world"]


def folder() -> Path:
    """The shipped model's folder. Raises ModelError if the installation lacks it."""
    path = Path(__file__).parents[1] / "tiny_model"
    if not (path / "model.safetensors").is_file():
        raise ModelError(f"{path}: the tiny model is not there; install Veracity again, or run `veracity tiny train`")
    return path


def card() -> str:
    """The shipped model's card, in Markdown."""
    return (folder() / "README.md").read_text(encoding="utf-8")
