"""Whether two models are of one family by their names: judges favour texts like their own."""

from __future__ import annotations

import re

from veracity.models.spec import ModelSpec


def family(model: str) -> str:
    """The first word of a model's name, without who serves it: `qwen` of `openrouter/qwen/qwen3-32b`.

    A guess, good for a warning and nothing else: `gpt` of `openai/gpt-4o`, `claude` of `anthropic/claude-opus-4`. A
    simulated agent is its own family.
    """
    name = ModelSpec.parse(model).name.rstrip("/").rpartition("/")[2].lower()
    word = re.match(r"[a-z]+", name.removeprefix("meta-"))
    return word[0] if word else name


def same_family(first: str, second: str) -> bool:
    """Whether the names of two models, as settings have them, begin alike."""
    return family(first) == family(second)
