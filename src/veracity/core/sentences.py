"""Where sentences end: in documents whose passages shall not break one, and in answers whose claims are read off."""

from __future__ import annotations

import re

_END = re.compile(r"""(?<![.!?…])[.!?…]++["'”’)\]]*+(?=\s++["'“‘(\[]*+[^\W_a-zß-ÿ])|[。！？]|\n++""")
"""Each run of marks is looked at once, however long: possessive, and from its start alone."""
_OPEN = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|Rev|Hon|Gen|Col|Capt|Lt|Sgt|Gov|Sen|Fr|St|Mt|Jr|Sr|ca|cf|vs|fl|approx|est"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)|\b[A-Z]|\b[eE]\.g|\b[iI]\.e|\b[uU]\.[sSkKnN]|\b[pP]h\.[dD])\.$"
)
"""A full stop after one of these ends a word."""
_NUMBERED = re.compile(r"\b(?:[nN]os?|[vV]ols?|[fF]igs?|[cC]h|pp?|c)\.$")
"""A full stop after one of these ends a word where a number follows: `no. 5`, but `He said no.`"""


def sentences(text: str) -> list[str]:
    """The sentences of a plain text, with single spaces inside; a line end ends one, too."""
    found, start = [], 0
    for end in _END.finditer(text):
        if not end.group().isspace() and _goes_on(text, max(start, end.start() - 10), end.end()):
            continue
        found.append(text[start : end.end()])
        start = end.end()
    found.append(text[start:])
    return [" ".join(words) for sentence in found if (words := sentence.split())]


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether the full stop before `end` belongs to an initial or an abbreviation."""
    if _OPEN.search(text, start, end):
        return True
    return _NUMBERED.search(text, start, end) is not None and text[end : end + 2].lstrip()[:1].isdigit()
