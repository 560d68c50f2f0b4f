"""A checklist verified in words: all items in one prompt, and nothing read but one of three labels on each line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from veracity.core.judged import Coverage
from veracity.core.requests import Generate, Program, Sampling, user
from veracity.judging.checklist.base import CheckSettings, Covering, all_missing, checklist_verifier
from veracity.judging.prompting import render
from veracity.judging.verifying.reading import numbered_lines, plain

PROMPT = "checklist.together.v1"
LABELS: Mapping[str, Coverage] = {
    "consistent": "consistent",
    "contradictory": "contradictory",
    "missing": "missing",
}


@checklist_verifier("judge_text", PROMPT)
def judge_text(items: Sequence[str], response: str, settings: CheckSettings) -> Program[Covering]:
    """One request for all items. A reply that was cut, or cannot be read, fails every item."""
    if not items or not response.strip():
        return all_missing(items)
    text = render(PROMPT, items=items, response=response)
    sampling = Sampling(max_tokens=settings.max_tokens * len(items))
    reply = yield Generate(settings.role, user(text), sampling=sampling)
    cut = reply.samples[0].finish == "length"
    return (None,) * len(items) if cut else parse_coverage(reply.text, len(items))


def parse_coverage(reply: str, count: int) -> Covering:
    """Labels of `count` items from lines `1. consistent`, one an item, in any order.

    None for an item whose line is not there, stands twice or holds anything else; None for all where a line is no such
    line or numbers an item that was not asked about.
    """
    found = numbered_lines(reply, count)
    if found is None:
        return (None,) * count
    lines = [found.get(number, []) for number in range(1, count + 1)]
    return tuple(LABELS.get(plain(line[0])) if len(line) == 1 else None for line in lines)
