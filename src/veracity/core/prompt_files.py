"""A folder of prompts: Jinja files, each with its version in its name.

A prompt's id (`generation.tagged.v1`) is stored with what it produced. A prompt that changes gets a new version and a
new file, so that two ids never mean two texts. A variable that a prompt needs and nobody gave is an error, never an
empty string.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from veracity.core.errors import ConfigError
from veracity.core.identity import file_hash


class PromptFolder:
    """The prompts of one room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def render(self, prompt: str, **variables: object) -> str:
        """The text of the prompt with id `prompt`.

        Raises:
            ConfigError: there is no such file.
            jinja2.UndefinedError: a variable that it needs was not given.
        """
        if not (self.folder / f"{prompt}.j2").is_file():
            raise ConfigError(f"there is no prompt {prompt!r}; there are {', '.join(self.hashes())}")
        return self._environment.get_template(f"{prompt}.j2").render(**variables).strip()

    def hashes(self) -> dict[str, str]:
        """Id → SHA-256 of the file, of every prompt of the folder."""
        return {path.name.removesuffix(".j2"): file_hash(path) for path in sorted(self.folder.glob("*.j2"))}

    @cached_property
    def _environment(self) -> Environment:
        return Environment(
            loader=FileSystemLoader(self.folder),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # plain text for a model, not HTML
        )
