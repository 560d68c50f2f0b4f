"""The prompts of this room: Jinja files under `prompts/`, each with its version in its name.

A prompt's id (`generation.tagged.v1`) is stored with every row that it produced. A prompt that changes gets a
new version and a new file, so that two ids never mean two texts. A variable that a prompt needs and nobody
gave is an error, never an empty string.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from veracity.core.errors import ConfigError
from veracity.core.identity import file_hash
from veracity.judging.parsing import Style

FOLDER = Path(__file__).parent / "prompts"

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
    return _template(prompt).render(**variables).strip()


def prompt_hashes(family: Family | None = None) -> dict[str, str]:
    """Id → SHA-256 of the file, of every prompt of this room (for a run's manifest), or of those a family uses."""
    families = {"tagged", "tagged_reasoning"} if family == "tagged_reasoning" else {family}
    files = [path for path in sorted(FOLDER.glob("*.j2")) if family is None or path.name.split(".")[1] in families]
    return {path.name.removesuffix(".j2"): file_hash(path) for path in files}


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # plain text for a model, not HTML
    )


@cache
def _template(prompt: str) -> Template:
    if not (FOLDER / f"{prompt}.j2").is_file():
        raise ConfigError(f"there is no prompt {prompt!r}; there are {', '.join(prompt_hashes())}")
    return _environment().get_template(f"{prompt}.j2")
