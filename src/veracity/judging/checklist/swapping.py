"""Making a sentence false: the number, date or name that an item gives is changed wherever it is stated.

What the question is about is never changed: a sentence about somebody else would not contradict the item. Texts in
other words than numbers and names ("a carpenter") are left alone, since nothing here knows what else could stand there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from random import Random

_NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?!\w|[.,]\d)|(?<![\w.,])\d+(?!\w|[.,]\d)")
_NAME = re.compile(r"\b[A-ZÀ-ÖØ-Þ][\w'’-]*(?: (?:of |de |van |von )?[A-ZÀ-ÖØ-Þ][\w'’-]*)*")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
LAST_DAY = 28
"""A number before or after a month's name stays a day that every month has."""


def names_in(texts: Iterable[str]) -> tuple[str, ...]:
    """Capitalised names inside sentences (a first word may be capitalised for another reason), each once, sorted."""
    found = {match.group() for text in texts for match in _NAME.finditer(text) if _inside(text, match.start())}
    return tuple(sorted(found - set(MONTHS)))


def swapped_value(
    item: str, sentences: Sequence[str], about: str, names: Sequence[str], rng: Random
) -> list[str] | None:
    """The sentences with one value of `item` changed in all of them; None where none can be.

    A value is a number or month of the item, or one of `names`, that stands in every sentence and not in `about`.
    """
    known = set(names)
    values = [m.group() for m in _NUMBER.finditer(item)]
    values += [m.group() for m in _NAME.finditer(item) if m.group() in known or m.group() in MONTHS]
    fitting = [v for v in dict.fromkeys(values) if all(_holds(s, v) for s in sentences) and not _holds(about, v)]
    if not fitting:
        return None
    value = fitting[int(rng.random() * len(fitting))]
    other = _another(value, item, sentences, names, rng)
    return None if other is None else [_whole(value).sub(lambda _: other, sentence) for sentence in sentences]


def _another(value: str, item: str, sentences: Sequence[str], names: Sequence[str], rng: Random) -> str | None:
    """Something of the same kind that none of the sentences holds."""
    if value[0].isdigit():
        return _another_number(value, item, rng)
    pool = MONTHS if value in MONTHS else names
    apart = set(value.split())
    free = [n for n in pool if not apart & set(n.split()) and not any(_holds(s, n) for s in sentences)]
    alike = [n for n in free if len(n.split()) == len(apart)] or free
    return alike[int(rng.random() * len(alike))] if alike else None


def _another_number(value: str, item: str, rng: Random) -> str:
    """Up to a quarter, at most 40 from a thousand on, more or less; days of a month stay days."""
    number = int(value.replace(",", ""))
    months = "|".join(MONTHS)
    if number <= 31 and re.search(rf"\b{value} (?:of )?(?:{months})\b|\b(?:{months}) {value}\b", item):
        return str((number + int(rng.random() * (LAST_DAY - 1))) % LAST_DAY + 1) if number <= LAST_DAY else "1"
    step = 1 + int(rng.random() * max(3, number // 4 if number < 1000 else 40))
    changed = number - step if rng.random() < 0.5 and number > step else number + step
    return f"{changed:,}" if "," in value else str(changed)


def _whole(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?<!\d[.,]){re.escape(value)}(?![\w-]|[.,]\d)")


def _holds(text: str, value: str) -> bool:
    return _whole(value).search(text) is not None


def _inside(text: str, start: int) -> bool:
    """Whether a place of the text is not the beginning of a sentence."""
    before = text[:start].rstrip()
    return bool(before) and before[-1] not in '.!?:"“(\n'
