"""Sentences of an answer: those of its lines, without the marks of lists and headings."""

from __future__ import annotations

import re

from veracity.core.sentences import sentences

_BULLET = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,3}[.)])\s+")
_HEADING = re.compile(r"^\s*#{1,6}\s+|^\s*[-*_=]{3,}\s*$")


def split_sentences(text: str) -> tuple[str, ...]:
    """The sentences of `text` in their order, bullets and headings' marks left out, blanks squeezed."""
    lines = (_HEADING.sub("", _BULLET.sub("", line)) for line in text.splitlines())
    return tuple(one for line in lines for one in sentences(line) if any(c.isalnum() for c in one))
