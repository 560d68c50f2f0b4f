"""A document cut into passages: the pieces that are searched and shown as evidence.

A passage holds whole sentences, `least` to `most` words, and begins with the last sentence of the one before it. The
last passage of a document reaches back as far as it needs to have `least` words. So every passage has `least` to `most`
words, except the only one of a short document. A sentence of more than `most - least` words is cut between words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from veracity.core.errors import ConfigError
from veracity.core.sentences import sentences

RULES = 1
"""Number of these rules and of those for sentences; part of an index's key."""


@dataclass(frozen=True, slots=True)
class PassageSettings:
    """How long passages are, in words between spaces, without the title."""

    least: int = 100
    most: int = 200

    def __post_init__(self) -> None:
        if not 1 <= 2 * self.least <= self.most <= 10_000:
            raise ConfigError(
                f"passages of {self.least} to {self.most} words cannot always be cut; `most` is at least twice `least` "
                "and at most 10000"
            )


def passages(text: str, settings: PassageSettings) -> Iterator[str]:
    """The passages of one document's text, in its order; none if it has no words."""
    longest = settings.most - settings.least
    pieces = [(piece, len(piece.split())) for sentence in sentences(text) for piece in _short(sentence, longest)]
    start = 0
    while start < len(pieces):
        end = _end(pieces, start, settings.most)
        if end == len(pieces):
            start = _start(pieces, start, settings)
        yield " ".join(piece for piece, _ in pieces[start:end])
        if end == len(pieces):
            return
        start = end - 1


def _short(sentence: str, most: int) -> Iterator[str]:
    """The sentence, in pieces of `most` words if it has more."""
    words = sentence.split(" ")
    for start in range(0, len(words), most):
        yield " ".join(words[start : start + most])


def _end(pieces: list[tuple[str, int]], start: int, most: int) -> int:
    """One past the last piece that still fits."""
    words, end = 0, start
    while end < len(pieces) and words + pieces[end][1] <= most:
        words += pieces[end][1]
        end += 1
    return end


def _start(pieces: list[tuple[str, int]], start: int, settings: PassageSettings) -> int:
    """Where the last passage begins: further back if it were too short."""
    words = sum(count for _, count in pieces[start:])
    while start > 0 and words < settings.least:
        start -= 1
        words += pieces[start][1]
    return start
