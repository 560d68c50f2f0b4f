r"""Reading a probability from a reply: strictly, with a status for every reply, and never a default.

What counts is the last place that is marked as the answer: a line `Probability: …`, `\finalBeliefProb{…}` or
`<probability>…</probability>`; without any mark the whole reply, if it is a number. There stands one number and nothing
else, `0.7` or `70%`. A `70` without a per cent sign is out of range, not seventy per cent; NaN, a range, a fraction and
prose are no numbers. A decline to answer is told from a reply that cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from veracity.judging.grading.abstention import abstains

ProbabilityStatus = Literal["ok", "parse_failed", "refused", "out_of_range"]

_MARKED = re.compile(
    r"^[ \t>*_`#-]*(?:final[ \t]+)?probability[ \t*_`]*[:=](?P<line>[^\n]*)$"
    r"|\\finalBeliefProb\{(?P<braces>[^{}]*)\}"
    r"|<probability>(?P<tag>.*?)</probability>",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_STEP = re.compile(
    r"^[ \t>*_`#-]*step[ \t]+(?P<step>[0-9]{1,6})[ \t*_`]*[:=](?P<said>[^\n]*)$", re.IGNORECASE | re.MULTILINE
)
_NUMBER = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,4})?)[ \t]*(?P<percent>\\?%|per ?cent)?",
    re.IGNORECASE,
)
_DECORATION = " \t\r\n*_`$\"'“”"


@dataclass(frozen=True, slots=True)
class ParsedProbability:
    """What a reply says; `probability` lies in [0, 1], and is None unless `status` is ok."""

    probability: float | None
    status: ProbabilityStatus


def parse_probability(reply: str) -> ParsedProbability:
    """The probability that `reply` gives in its last marked place."""
    marks = list(_MARKED.finditer(reply))
    if not marks:
        return _number(reply, reply)
    said = next(part for part in marks[-1].group("line", "braces", "tag") if part is not None)
    return _number(said, reply)


def parse_steps(reply: str, steps: Sequence[int]) -> tuple[ParsedProbability, ...]:
    """The probabilities that `reply` gives on lines `Step 3: …`, one for each of `steps`; of two lines the last counts.

    A step without a line could not be read; numbers of steps that nobody asked for are left out.
    """
    said = {int(found["step"]): found["said"] for found in _STEP.finditer(reply)}
    return tuple(_number(said.get(step, ""), reply) for step in steps)


def _number(said: str, reply: str) -> ParsedProbability:
    """`said` as a number; where it says nothing, the whole `reply` may be a decline to answer."""
    found = _NUMBER.fullmatch(said.strip(_DECORATION).removesuffix(".").strip(_DECORATION))
    if found is None:
        words = said.strip() or reply.strip()
        return ParsedProbability(None, "refused" if words and abstains(words) else "parse_failed")
    value = float(found["number"]) / (100 if found["percent"] else 1)
    if not 0 <= value <= 1:  # an overflow to infinity too
        return ParsedProbability(None, "out_of_range")
    return ParsedProbability(abs(value), "ok")
