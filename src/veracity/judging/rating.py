"""Reading a rating from a reply: one number on a declared scale, in a `score` tag, and never a default."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from veracity.judging.grading.abstention import abstains

RatingStatus = Literal["ok", "parse_failed", "refused", "out_of_range"]

_TAG = re.compile(r"<score>(.*?)</score>", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rating:
    """What a reply says; `value` lies on the scale, and is None unless `status` is ok."""

    value: float | None
    status: RatingStatus


def parse_rating(reply: str, low: float = 0.0, high: float = 1.0) -> Rating:
    """The number in `<score>…</score>`; without any tag the whole reply, if it is a number.

    Two tags that say different things are `parse_failed`: it is open which one counts.
    """
    said = {tag.strip() for tag in _TAG.findall(reply)} or {reply.strip()}
    found = _NUMBER.fullmatch(said.pop()) if len(said) == 1 else None
    if found is None:
        return Rating(None, "refused" if reply.strip() and abstains(reply) else "parse_failed")
    value = float(found[0])
    return Rating(value, "ok") if low <= value <= high else Rating(None, "out_of_range")
