"""What a model knows of a question, as a list: the supported claims of k of its own samples, merged and weighed.

KLCF (Li et al., 2025, arXiv 2509.23765) makes a fact checklist for each question from the base model's claims that a
verifier supported, duplicates and unimportant facts removed. Published is no more than that; a reviewer says that one
sample was drawn. Here k are, and what importance is, is a reconstruction: the share m(c)/k of the samples that make the
claim. With one sample every item has importance 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

from veracity.core.errors import ConfigError
from veracity.core.judged import JudgedResponse
from veracity.core.requests import Program, Score
from veracity.judging.claims.merging import normalised
from veracity.judging.confidence.clustering import united
from veracity.judging.entailment import pair_prompt
from veracity.judging.templates import TemplateReader
from veracity.world.language import Language

ClaimKey = Callable[[str], Hashable]
"""Equal for wordings that say the same."""


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One fact that a response should state."""

    text: str
    """The first of the wordings that were merged."""
    samples: int
    """m(c): how many of the samples make it, at least 1."""
    of: int
    """k."""

    @property
    def importance(self) -> float:
        """m(c)/k, in (0, 1]."""
        return self.samples / self.of


@dataclass(frozen=True, slots=True)
class Checklist:
    """The list of one question, the most important item first; it may be empty."""

    problem: str
    """Id of the problem."""
    items: tuple[ChecklistItem, ...]
    samples: int
    """k: samples whose claims are known."""
    unread: int
    """Samples whose claims could not be had; they are in no count."""
    unverified: int
    """Claims without a label; they are on no list."""
    unimportant: int
    """Supported claims that were left out, duplicates not counted."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The items' wordings."""
        return tuple(item.text for item in self.items)


def build_checklist(
    problem: str,
    samples: Sequence[JudgedResponse],
    *,
    key: ClaimKey = normalised,
    least_importance: float = 0.0,
    most_items: int | None = None,
) -> Checklist:
    """Merge the supported claims of the samples of one problem.

    Args:
        problem: its id.
        samples: with their claims judged.
        key: says which wordings are one claim: `normalised`, `statement_key`, or the mapping of `entailment_keys`.
        least_importance: share of the samples below which a claim is left out, in [0, 1].
        most_items: the most important ones are kept; equally important ones in the order of first mention.

    Raises:
        ConfigError: a least importance outside [0, 1], or less than one item.
    """
    if not 0 <= least_importance <= 1 or (most_items is not None and most_items < 1):
        given = f"least_importance={least_importance}, most_items={most_items}"
        raise ConfigError(f"checklist: {given}; give a share of the samples, and at least one item")
    known = [sample.claims for sample in samples if sample.claims is not None]
    first: dict[Hashable, str] = {}
    made: dict[Hashable, int] = {}
    for claims in known:
        supported = {key(claim.text): claim.text for claim in reversed(claims) if claim.label == "supported"}
        for name, text in reversed(supported.items()):
            first.setdefault(name, text)
            made[name] = made.get(name, 0) + 1
    items = [ChecklistItem(text, made[name], len(known)) for name, text in first.items()]
    kept = sorted((i for i in items if i.importance >= least_importance), key=lambda i: -i.samples)[:most_items]
    unverified = sum(claim.label is None for claims in known for claim in claims)
    return Checklist(
        problem, tuple(kept), len(known), len(samples) - len(known), unverified, unimportant=len(items) - len(kept)
    )


def statement_key(language: Language) -> ClaimKey:
    """For texts in a world's language: claims that state the same of the same subject are one, however they are put."""
    reader = TemplateReader(language)

    def key(claim: str) -> Hashable:
        return frozenset(reader.read(claim)) or normalised(claim)

    return key


def entailment_keys(claims: Sequence[str], *, role: str = "nli", threshold: float = 0.5) -> Program[dict[str, int]]:
    """Number → claims that entail one another: a `key` by its `__getitem__`, from an NLI model.

    Two requests for each pair of different wordings; what is joined through a third claim is joined.
    """
    wordings = list({normalised(claim): claim for claim in reversed(claims)}.values())[::-1]
    place = {normalised(claim): i for i, claim in enumerate(wordings)}
    pairs = list(combinations(range(len(wordings)), 2))
    ways = [way for i, j in pairs for way in ((i, j), (j, i))]
    scored = yield [Score(role, pair_prompt(wordings[a], wordings[b]), "entailment") for a, b in ways]
    entails = [math.exp(reply.total) >= threshold for reply in scored]
    same: dict[tuple[int, int], bool | None] = {
        pair: entails[2 * n] and entails[2 * n + 1] for n, pair in enumerate(pairs)
    }
    clusters = united(same, [place[normalised(claim)] for claim in claims])
    return dict(zip(claims, clusters.ids, strict=True))
