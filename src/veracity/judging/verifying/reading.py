"""Reading a verifier's reply in words: exactly one of the labels that the prompt offers, or a failure.

A reply that reasons, hedges, negates or names two labels is malformed. The published rules that guess instead are in
`veracity.judging.verifying.legacy`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from veracity.core.judged import ClaimLabel
from veracity.core.requests import Sample

LABELS: Mapping[str, ClaimLabel] = {
    "supported": "supported",
    "refuted": "refuted",
    "not enough evidence": "not_enough",
    "not enough information": "not_enough",
    "not enough info": "not_enough",
    "not enough": "not_enough",
}
"""What a judge may say. The prompts ask for the first three; the others mean the same and nothing else."""

LabelStatus = Literal["ok", "missing", "malformed", "cut"]

_LINE = re.compile(r"^\s*(?P<number>\d{1,4})\s*[.):]\s+(?P<label>\S.*?)\s*$")


@dataclass(frozen=True, slots=True)
class ParsedLabel:
    """A label; None unless `status` is ok."""

    label: ClaimLabel | None
    status: LabelStatus


def parse_label(reply: str) -> ParsedLabel:
    """The label that is the whole reply; case, blanks, marks of emphasis and a final period are ignored."""
    words = plain(reply)
    if not words:
        return ParsedLabel(None, "missing")
    label = LABELS.get(words)
    return ParsedLabel(label, "malformed" if label is None else "ok")


def read_label(sample: Sample) -> ParsedLabel:
    """`parse_label` of a reply that is known to be whole; a reply that was cut is `cut`."""
    return ParsedLabel(None, "cut") if sample.finish == "length" else parse_label(sample.text)


def parse_labels(reply: str, count: int) -> tuple[ParsedLabel, ...]:
    """Labels of `count` claims from lines `1. supported`, one a claim, in any order.

    A claim whose line is not there is `missing`; one with two lines, or with something else than a label, `malformed`.
    If any line is no such line, or numbers a claim that was not asked about, it is open which line is about which
    claim, and all are malformed.
    """
    found = numbered_lines(reply, count)
    if found is None:
        return (ParsedLabel(None, "malformed"),) * count
    return tuple(_one(found.get(number, ())) for number in range(1, count + 1))


def numbered_lines(reply: str, count: int) -> dict[int, list[str]] | None:
    """What stands behind each number of lines `1. supported`; None if a line is none such or has another number."""
    found: dict[int, list[str]] = {}
    for line in reply.splitlines():
        if not line.strip():
            continue
        match = _LINE.match(line)
        if match is None or not 1 <= int(match["number"]) <= count:
            return None
        found.setdefault(int(match["number"]), []).append(match["label"])
    return found


def _one(labels: Sequence[str]) -> ParsedLabel:
    if not labels:
        return ParsedLabel(None, "missing")
    return parse_label(labels[0]) if len(labels) == 1 else ParsedLabel(None, "malformed")


def plain(reply: str) -> str:
    """Lower case, underscores and blanks as single blanks, marks around it left out."""
    return " ".join(reply.replace("_", " ").split()).strip(" #*`\"'“”‘’.").lower()
