"""From scored samples to preference pairs: which two responses to a prompt are put against each other.

A response without a score is never in a pair, nor are two of equal score, or of equal text. What is left out is counted
by its reason. Nothing is drawn: the same samples give the same pairs in the same order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from typing import Literal

from pydantic import Field

from veracity.core.config import Settings
from veracity.core.errors import DataError
from veracity.training.records import PreferencePair, Prompt

PairMode = Literal["all", "best_vs_rest", "best_vs_worst"]
Reason = Literal["no_score", "tie", "small_margin", "same_text", "unequal_length"]


class PairSettings(Settings):
    """Which responses are put against each other."""

    mode: PairMode = Field(
        default="all",
        description="`all`: every two of a prompt's responses (FactTune). `best_vs_rest`, `best_vs_worst`: pairs with "
        "the first of the best.",
    )
    min_margin: float = Field(
        default=0.0, ge=0, description="Scores must differ by more than this, in the scorer's unit; for noisy scores."
    )
    max_length_ratio: float | None = Field(
        default=None, ge=1, description="Longer over shorter response in tokens, at most; null lets lengths differ."
    )


@dataclass(frozen=True, slots=True)
class Scored:
    """A sampled response with its score."""

    text: str
    score: float | None
    """None where the scorer has none: no claims, a failed judge."""
    tokens: int
    """Generated tokens, > 0."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Pairs, and how many were left out, by reason."""

    pairs: tuple[PreferencePair, ...]
    left_out: Mapping[Reason, int]
    """Pairs of two responses; `no_score`: responses."""
    prompts_without: tuple[str, ...]
    """Items that gave no pair."""


def build_pairs(groups: Sequence[tuple[Prompt, Sequence[Scored]]], settings: PairSettings) -> Pairing:
    """The pairs of each prompt, in the order of prompts and samples.

    With mode `all`, n responses of different scores and texts give n(n − 1)/2 pairs.

    Args:
        groups: Each prompt with its responses; higher scores are better (negate those that are not).
        settings: Which to take.

    Raises:
        DataError: a score is not finite.
    """
    pairs: list[PreferencePair] = []
    left_out: Counter[Reason] = Counter()
    without: list[str] = []
    for prompt, responses in groups:
        found = list(_of_prompt(prompt, responses, settings, left_out))
        pairs += found
        if not found:
            without.append(prompt.item)
    return Pairing(tuple(pairs), dict(left_out), tuple(without))


def _of_prompt(
    prompt: Prompt, responses: Sequence[Scored], settings: PairSettings, left_out: Counter[Reason]
) -> Iterator[PreferencePair]:
    known = [(response, response.score) for response in responses if response.score is not None]
    left_out["no_score"] += len(responses) - len(known)
    if any(not isfinite(score) for _, score in known):
        raise DataError("a response has a score that is not finite; a failed score is null", path=prompt.item)
    for one, other in _candidates([score for _, score in known], settings.mode):
        better, worse = (one, other) if known[one][1] >= known[other][1] else (other, one)
        (chosen, high), (rejected, low) = known[better], known[worse]
        reason = _why_not(chosen, rejected, high - low, settings)
        if reason is None:
            yield PreferencePair(prompt.item, prompt.messages, chosen.text, rejected.text, high - low)
        else:
            left_out[reason] += 1


def _candidates(scores: Sequence[float], mode: PairMode) -> Iterator[tuple[int, int]]:
    """Indices of two responses each."""
    if mode == "all":
        yield from combinations(range(len(scores)), 2)
    elif len(scores) > 1:
        best = scores.index(max(scores))
        others = [i for i in range(len(scores)) if i != best]
        yield from (
            [(best, i) for i in others] if mode == "best_vs_rest" else [(best, min(others, key=scores.__getitem__))]
        )


def _why_not(chosen: Scored, rejected: Scored, margin: float, settings: PairSettings) -> Reason | None:
    if margin == 0:
        return "tie"
    if margin <= settings.min_margin:
        return "small_margin"
    if chosen.text == rejected.text:
        return "same_text"
    short, long = sorted((chosen.tokens, rejected.tokens))
    if settings.max_length_ratio is not None and long > settings.max_length_ratio * short:
        return "unequal_length"
    return None
