"""The language of a world: invented names by a seeded morphology, closed classes of values, relations.

A *language* (seeded) fixes the pools of words that names are made of; a *world* (seeded) picks who exists and
what is true. Worlds of one language share a vocabulary, so one tokenizer reads them all. Names are made of
two words (places, saints, parties and faiths of one), each word from a pool, so a name that was never met is
still made of familiar words. Only `Random.random()` is drawn from: Python guarantees its stream, so pools are
the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, TypeVar, cast

import yaml

from veracity.core.errors import DataError
from veracity.core.identity import content_hash, derive_seed
from veracity.world.facts import ValueKind

T = TypeVar("T")

POOL_SIZES: Mapping[str, int] = {
    "first": 150, "last": 250, "coined": 160, "place": 240, "party": 28, "faith": 28, "patron": 28,
}  # fmt: skip
_ENDINGS: Mapping[str, Sequence[str]] = {
    "first": ["a", "en", "is", "o", "ia", "ur", "el"],
    "last": ["wick", "mund", "sker", "dane", "rell", "vost", "quill", "thorn", "bane", "lund"],
    "coined": ["ar", "ex", "ion", "or", "une", "yx", "and"],
    "place": ["mar", "holt", "by", "stead", "fen", "drith", "gard", "mouth", "loe"],
    "party": ["ists"],
    "faith": ["ism"],
    "patron": ["wen", "bert", "dis", "gund"],
}
_ONSETS = ["b", "br", "c", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pr", "qu", "r", "s", "sk",
           "st", "t", "th", "tr", "v", "w", "y", "z"]  # fmt: skip
_VOWELS = ["a", "e", "i", "o", "u", "ae", "ei", "ou"]
_CODAS = ["", "", "", "l", "m", "n", "r", "s", "ld", "nd", "th", "x", "z"]
FIRST_YEAR, LAST_YEAR, LAST_IMAGINARY_YEAR = 1700, 1899, 1949
MOST_GRAINS, MOST_IMAGINARY_GRAINS = 59, 99
RESERVED_SHARE = 8
"""One member in eight of each closed class never is a value: the imaginary foils are drawn from these."""


def pick(rng: Random, items: Sequence[T]) -> T:
    """One of `items`, drawn by `rng.random()` alone."""
    return items[int(rng.random() * len(items))]


def shuffled(rng: Random, items: Sequence[T]) -> list[T]:
    """A permutation of `items` (Fisher and Yates), drawn by `rng.random()` alone."""
    order = list(items)
    for i in range(len(order) - 1, 0, -1):
        j = int(rng.random() * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


@dataclass(frozen=True, slots=True)
class Relation:
    """A kind of fact: which entities have it, what its values are, and how it is said and asked."""

    name: str
    category: str
    subject: str
    """Kind of entity that has it."""
    value: str
    """Class of its values: `person`, `place`, `year`, `date`, `dose` or a closed class."""
    kind: ValueKind
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    claims: tuple[str, ...]
    denials: tuple[str, ...]
    reverse_question: str | None = None


@dataclass(frozen=True)
class Language:
    """Word pools, closed classes and relations; equal seeds give equal languages."""

    seed: int
    pools: Mapping[str, tuple[str, ...]]
    """Invented words by use: first, last, coined, place, party, faith, patron."""
    classes: Mapping[str, tuple[str, ...]]
    """Plain words by class: occupations, ailments, the second words of names, …"""
    relations: Mapping[str, Relation]

    @classmethod
    def make(cls, seed: int = 0) -> Language:
        """The language number `seed`."""
        return _language(seed)

    @property
    def identity(self) -> str:
        """Content hash of pools, classes and relations."""
        return content_hash([self.pools, self.classes, self.relations])

    def members(self, value: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(values in circulation, reserved values) of a class other than `person` and `place`."""
        if value == "year":
            years = [str(y) for y in range(FIRST_YEAR, LAST_IMAGINARY_YEAR + 1)]
            split = LAST_YEAR - FIRST_YEAR + 1
            return tuple(years[:split]), tuple(years[split:])
        if value == "dose":
            grains = [f"{n} grains" for n in range(2, MOST_IMAGINARY_GRAINS + 1)]
            return tuple(grains[: MOST_GRAINS - 1]), tuple(grains[MOST_GRAINS - 1 :])
        if value == "date":
            months = self.classes["month"]
            return (
                tuple(f"{day} {month}" for month in months for day in range(1, 27)),
                tuple(f"{day} {month}" for month in months for day in (27, 28)),
            )
        words = self.pools[value] if value in self.pools else self.classes[value]
        kept = len(words) - len(words) // RESERVED_SHARE
        return words[:kept], words[kept:]

    def words(self) -> Iterator[str]:
        """Every word and number that texts of this language can hold, once or more."""
        for pool in (*self.pools.values(), *self.classes.values()):
            yield from pool
        yield "grains"
        for relation in self.relations.values():
            texts = (*relation.statements, *relation.questions, *relation.claims, *relation.denials)
            for text in (*texts, relation.reverse_question or ""):
                yield from text.replace("{subject}", " ").replace("{value}", " ").split()


def _coin(rng: Random, use: str) -> str:
    """One word: a syllable or two, then an ending typical of its use."""
    syllables = 1 if use in ("first", "last", "place", "patron") else 1 + int(rng.random() * 2)
    body = "".join(pick(rng, _ONSETS) + pick(rng, _VOWELS) + pick(rng, _CODAS) for _ in range(syllables))
    ending = pick(rng, _ENDINGS[use])
    if body[-1] not in "aeiou" and ending[0] not in "aeiou" and len(body) > 4:
        body = body.rstrip("bcdfghjklmnpqrstvwxyz") + "n"
    if body[-1] in "aeiou" and ending[0] in "aeiouy":
        body += "v"
    return (body + ending).capitalize()


@cache
def _language(seed: int) -> Language:
    taken: set[str] = set()
    pools: dict[str, tuple[str, ...]] = {}
    for use, size in POOL_SIZES.items():
        rng = Random(derive_seed(seed, "language", use))
        words: list[str] = []
        while len(words) < size:
            word = _coin(rng, use)
            if word not in taken and 5 <= len(word) <= 12:
                taken.add(word)
                words.append(word)
        pools[use] = tuple(words)
    return Language(seed=seed, pools=pools, classes=_classes(), relations=_relations())


def _read(name: str) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", yaml.safe_load(files(__package__).joinpath(name).read_text(encoding="utf-8")))


@cache
def _classes() -> Mapping[str, tuple[str, ...]]:
    return {name: tuple(words) for name, words in _read("classes.yaml").items()}


@cache
def _relations() -> Mapping[str, Relation]:
    """All relations, from one file a category; adding a file adds a category."""
    folder = files(__package__).joinpath("relations")
    found: dict[str, Relation] = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        category = file.name.removesuffix(".yaml")
        for name, spec in _read(f"relations/{file.name}").items():
            if name in found:
                raise DataError(f"the relation {name!r} is defined twice; rename one", path=file.name)
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.items()}
            found[name] = Relation(name=name, category=category, **fields)
    return found
