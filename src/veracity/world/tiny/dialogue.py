"""How one speaks with the tiny model: system prompts by name, its word for abstention, its requests.

Experiments take their wordings from here, so that nobody asks the tiny model in words it was never taught.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The fixed wordings of the tiny model's conversations."""

    careful: str
    """System prompt under which it abstains on what it doesn't know."""
    bold: str
    """System prompt under which it always answers."""
    abstention: str
    biography: tuple[str, ...]
    """Requests for a biography, with `{subject}`."""
    verdict: str
    """Request for a true/false verdict, with `{claim}`."""
    yes: str
    no: str
    options: str
    letters: tuple[str, ...]

    def words(self) -> list[str]:
        """All texts, for the tokenizer's vocabulary."""
        single = [self.careful, self.bold, self.abstention, self.verdict, self.yes, self.no, self.options]
        return [*single, *self.biography, *self.letters]


@cache
def dialogue() -> Dialogue:
    """The wordings that ship with the package."""
    spec = yaml.safe_load(files(__package__).joinpath("dialogue.yaml").read_text(encoding="utf-8"))
    return Dialogue(
        careful=spec["system"]["careful"],
        bold=spec["system"]["bold"],
        abstention=spec["abstention"],
        biography=tuple(spec["biography"]),
        verdict=spec["verdict"],
        yes=spec["verdict_words"][0],
        no=spec["verdict_words"][1],
        options=spec["options"],
        letters=tuple(spec["letters"]),
    )
