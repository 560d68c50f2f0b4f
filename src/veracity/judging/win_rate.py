"""Pairwise judging: the same two answers shown in both orders, since judges favour a place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from veracity.core.errors import ModelError
from veracity.core.requests import Generate, Generated, Program, Sampling, user
from veracity.judging.prompting import render

Winner = Literal["a", "b", "tie"]
Place = Literal["first", "second", "tie"]

_WORD = r"FIRST|SECOND|TIE"
_IN_TEXT = re.compile(rf"(?<![A-Za-z_])(?:{_WORD})(?![A-Za-z_])")
_NEGATED = re.compile(
    rf"(?:\bnot|n't|n’t|\bnever|\bneither|\bnor|\bno)\s+(?:\w+\s+){{0,2}}(?:{_WORD})\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class PairwiseSettings:
    """How the judge is asked; the same for every pair of a run."""

    role: str = "judge"
    max_tokens: int = 16
    version: int = 1
    """Of the prompt `win_rate.pairwise`."""

    @property
    def prompt(self) -> str:
        """Id of the prompt; results store its hash."""
        return f"win_rate.pairwise.v{self.version}"


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """Who won, by order of showing; None where the judge failed in that order, which is no tie."""

    a_first: Winner | None
    b_first: Winner | None
    length_a: int
    """Words of answer a."""
    length_b: int
    replies: tuple[str, str]
    """What the judge said in either order, or why it said nothing."""

    @property
    def status(self) -> Literal["judged", "one_order", "judge_failed"]:
        """In how many orders the judge gave a verdict: both, one, none."""
        if self.a_first is None and self.b_first is None:
            return "judge_failed"
        return "one_order" if self.a_first is None or self.b_first is None else "judged"

    def as_row(self) -> dict[str, str | int | None]:
        """What the judge fills of a row of the table of pairs (`veracity.metrics.win_rate.PAIRS`)."""
        return {
            "status": self.status,
            "a_first": self.a_first,
            "b_first": self.b_first,
            "length_a": self.length_a,
            "length_b": self.length_b,
            "reply_a_first": self.replies[0],
            "reply_b_first": self.replies[1],
        }


def judge_pair(question: str, a: str, b: str, settings: PairwiseSettings | None = None) -> Program[PairVerdict]:
    """Ask which of two answers is better, twice, places swapped. One order may fail without the other."""
    settings = settings or PairwiseSettings()
    in_order, reply_in_order = yield from _ask(question, a, b, settings)
    swapped, reply_swapped = yield from _ask(question, b, a, settings)
    return PairVerdict(
        a_first=_winner(in_order, "a", "b"),
        b_first=_winner(swapped, "b", "a"),
        length_a=len(a.split()),
        length_b=len(b.split()),
        replies=(reply_in_order, reply_swapped),
    )


def parse_place(reply: str) -> Place | None:
    """`first`, `second` or `tie`; None where the reply names none of them in capitals, several, or denies one.

    If it is the whole reply, the word may stand in any case.
    """
    whole = re.fullmatch(rf"[\W_]*({_WORD})[\W_]*", reply, re.IGNORECASE)
    found = {whole[1].upper()} if whole else set(_IN_TEXT.findall(reply))
    if len(found) != 1 or _NEGATED.search(reply):
        return None
    places: dict[str, Place] = {"FIRST": "first", "SECOND": "second", "TIE": "tie"}
    return places[found.pop()]


def _ask(question: str, first: str, second: str, settings: PairwiseSettings) -> Program[tuple[Place | None, str]]:
    text = render(settings.prompt, question=question, first=first, second=second)
    try:
        request = Generate(settings.role, user(text), sampling=Sampling(max_tokens=settings.max_tokens))
        reply: Generated = yield request
    except ModelError as error:
        return None, f"the judge could not be asked: {error}"
    return parse_place(reply.text), reply.text


def _winner(place: Place | None, first: Winner, second: Winner) -> Winner | None:
    if place is None or place == "tie":
        return place
    return first if place == "first" else second
