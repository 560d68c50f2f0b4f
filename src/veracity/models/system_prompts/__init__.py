"""System prompts by id: plain text files, each with its version in its name, in this room and in a folder of yours.

`careful.v1` names one text for ever: whoever changes a text gives it a new version. `careful` alone is its newest
version. `none` is no system prompt. An id is looked up whole; a part of a name never matches.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from veracity.core.errors import ConfigError
from veracity.core.registry import nearest
from veracity.models.keys import config_folder

NONE = "none"
_FILE = re.compile(r"(?P<name>[a-z0-9][a-z0-9_-]*)\.v(?P<version>[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class SystemPrompt:
    """One text that opens a conversation."""

    id: str
    """With its version, as `careful.v1`."""
    text: str


def system_prompt(name: str) -> SystemPrompt | None:
    """The prompt called `name`, with or without its version; None for `none`.

    Raises:
        ConfigError: there is no such prompt (the nearest is named), or a file of yours is misnamed, empty, or has the
            id of another text.
    """
    if name == NONE:
        return None
    known = system_prompts()
    if name in known:
        return known[name]
    versions = [prompt_id for prompt_id in known if prompt_id.rpartition(".v")[0] == name]
    if versions:
        return known[max(versions, key=_version)]
    names = sorted({prompt_id.rpartition(".v")[0] for prompt_id in known})
    hint = nearest(name, [NONE, *names, *known]) or f"; there are: {', '.join([NONE, *names])}."
    raise ConfigError(
        f"there is no system prompt {name!r}{hint} Your own go into {own_folder()} as <name>.v<number>.txt"
    )


def system_prompts() -> dict[str, SystemPrompt]:
    """All prompts by id, those of this room and your own."""
    found = dict(_shipped())
    for prompt_id, prompt in _read(own_folder()).items():
        if found.setdefault(prompt_id, prompt) != prompt:
            raise ConfigError(f"{own_folder() / prompt_id}.txt: {prompt_id} names another text already; rename yours")
    return found


def own_folder() -> Path:
    """Where your own prompts lie, as `<name>.v<number>.txt`; VERACITY_SYSTEM_PROMPTS names another folder."""
    named = os.environ.get("VERACITY_SYSTEM_PROMPTS")
    return Path(named).expanduser() if named else config_folder() / "system_prompts"


def _version(prompt_id: str) -> int:
    return int(prompt_id.rpartition(".v")[2])


@cache
def _shipped() -> dict[str, SystemPrompt]:
    """Those of this room, which do not change while a program runs; a run asks for one with every request it makes."""
    return _read(Path(__file__).parent)


def _read(folder: Path) -> dict[str, SystemPrompt]:
    return {path.stem: _prompt(path) for path in sorted(folder.glob("*.txt"))}


def _prompt(path: Path) -> SystemPrompt:
    if not _FILE.fullmatch(path.stem) or path.stem.startswith(f"{NONE}."):
        raise ConfigError(f"{path}: name a system prompt <name>.v<number>.txt, in small letters, as careful.v1.txt")
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the system prompt cannot be read ({error}); save it as UTF-8 text") from None
    if not text:
        raise ConfigError(f"{path}: the system prompt is empty; for no system prompt use {NONE!r}")
    return SystemPrompt(path.stem, text)
