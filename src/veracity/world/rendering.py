"""Longer texts from the table of facts: articles (the retrieval corpus) and biographies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from veracity.core.identity import derive_seed
from veracity.world.facts import Fact
from veracity.world.language import pick, shuffled

SHORTEST, LONGEST = 150, 400
"""Words in an article."""


@dataclass(frozen=True, slots=True)
class Article:
    """A wiki-like page."""

    title: str
    text: str


def biography(facts: Sequence[Fact], sentences: int, rng: Random) -> str:
    """`sentences` statements, one a fact, facts and templates drawn."""
    chosen = shuffled(rng, facts)[:sentences]
    return " ".join(_statement(f, int(rng.random() * len(f.statements))) for f in chosen)


def article(name: str, facts_of: Mapping[str, Sequence[Fact]], facts_about: Mapping[str, Sequence[Fact]]) -> Article:
    """Paragraphs on the entity's own facts, then on what is related to it, until there are enough words."""
    paragraphs, words = [], 0
    for facts, wordings in _paragraphs(name, facts_of, facts_about):
        text = " ".join(_statement(f, i) for f in facts for i in wordings)
        if words >= SHORTEST:
            break
        paragraphs.append(text)
        words += len(text.split())
    return Article(name, _cut("\n\n".join(paragraphs)))


def _paragraphs(
    name: str, facts_of: Mapping[str, Sequence[Fact]], facts_about: Mapping[str, Sequence[Fact]]
) -> Iterator[tuple[Sequence[Fact], Sequence[int]]]:
    """(facts, which of their statements), in the order that an article takes them."""
    rng = Random(derive_seed(0, "article", name))
    own = facts_of[name]
    per_fact = max(1, min(len(own[0].statements), SHORTEST // (len(own) * 8) + 1))
    order = shuffled(rng, range(len(own[0].statements)))
    yield own, order[:per_fact]
    if per_fact < len(order):
        yield own, order[per_fact : 2 * per_fact]
    for fact in facts_about.get(name, ()):
        yield [fact], order[:1]
    related = [name, *(f.value for f in own if f.value in facts_of)]
    for other in related[1:]:
        yield facts_of[other], order[:2]
    names = sorted(facts_of)
    while True:  # an entity that nothing is related to: pages of a reference work also name their neighbours
        yield facts_of[pick(rng, names)], order[:1]


def _statement(fact: Fact, index: int) -> str:
    return fact.statements[index].format(subject=fact.subject, value=fact.value)


def _cut(text: str) -> str:
    """Whole sentences only, at most `LONGEST` words."""
    kept: list[str] = []
    words = 0
    for paragraph in text.split("\n\n"):
        sentences = [s if s.endswith(".") else s + "." for s in paragraph.split(". ")]
        fitting = []
        for sentence in sentences:
            words += len(sentence.split())
            if words <= LONGEST:
                fitting.append(sentence)
        if fitting:
            kept.append(" ".join(fitting))
    return "\n\n".join(kept)
