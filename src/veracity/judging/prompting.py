"""The prompts of this room: Jinja files under `prompts/`, each with its version in its name, in families of replies."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from veracity.core.prompt_files import PromptFolder
from veracity.judging.parsing import Style

PROMPTS = PromptFolder(Path(__file__).parent / "prompts")

Family = Literal["plain", "tagged", "tagged_reasoning"]
"""`plain`: the bare question, the whole reply is the answer (small models). `tagged`: the answer alone, between
tags. `tagged_reasoning`: reasoning first, in its own tag, then the answer (what the paper asks for)."""


def style_of(family: Family) -> Style:
    """How replies to prompts of `family` are read."""
    return "plain" if family == "plain" else "tagged"


def prompt_id(task: str, family: Family, *, version: int = 1) -> str:
    """`generation`, `tagged` → `generation.tagged.v1`."""
    return f"{task}.{family}.v{version}"


def render(prompt: str, **variables: object) -> str:
    """The text of the prompt with id `prompt`; ConfigError when there is no such file."""
    return PROMPTS.render(prompt, **variables)


def prompt_hashes(family: Family | None = None) -> dict[str, str]:
    """Id → SHA-256 of the file, of every prompt of this room (for a run's manifest), or of those a family uses."""
    families = {"tagged", "tagged_reasoning"} if family == "tagged_reasoning" else {family}
    return {
        name: digest for name, digest in PROMPTS.hashes().items() if family is None or name.split(".")[1] in families
    }
