"""`World`: who exists and what is true, drawn from a seed; everything else is rendered from this one table.

Each entity has an *exposure*, the rate at which its facts occur in the training text of a model that is
raised on the world (0: never), so what a model can know, half know or not know is ground truth. Within one
fact, the value, its update, the foil, the control and the real foils are all different, and all but the value
are never stated of that subject anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

from veracity.core.errors import ConfigError
from veracity.core.identity import content_hash, derive_seed
from veracity.world.facts import Fact, FactSet
from veracity.world.language import Language, Relation, pick, shuffled
from veracity.world.rendering import Article, article, biography
from veracity.world.verdicts import ClaimReader, WorldVerdict

KIND_SHARES: Mapping[str, float] = {
    "person": 0.62, "organisation": 0.09, "work": 0.09, "compound": 0.09, "event": 0.09, "place": 0.02,
}  # fmt: skip
EXPOSURES: Mapping[float, float] = {1.0: 0.34, 1 / 8: 0.04, 1 / 16: 0.04, 1 / 32: 0.04, 1 / 64: 0.04, 0.0: 0.50}
"""Share of the entities of each kind at each exposure. Places always have 1: they are values of other facts."""
SMALLEST = 300
"""Below this many entities some class would be too small for four different values."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Somebody or something that exists."""

    id: str
    kind: str
    name: str
    aliases: tuple[str, ...]
    exposure: float


@dataclass(frozen=True)
class World:
    """Entities and facts; make one by `generate` or `load`."""

    seed: int
    language: Language
    entities: tuple[Entity, ...]
    facts: FactSet

    @classmethod
    def generate(
        cls,
        seed: int = 0,
        entities: int = 1000,
        *,
        language: int = 0,
        exposures: Mapping[float, float] = EXPOSURES,
    ) -> World:
        """Draw a world of `entities` entities. Equal arguments give equal worlds on every machine.

        Raises:
            ConfigError: too few or too many entities for the language's names, or shares that don't sum to 1.
        """
        tongue = Language.make(language)
        if abs(sum(exposures.values()) - 1) > 1e-9 or any(e < 0 for e in exposures):
            raise ConfigError(f"the shares of the exposures must sum to 1, these sum to {sum(exposures.values())}")
        people = _entities(seed, tongue, entities, exposures)
        return cls(seed, tongue, people, FactSet(_facts(seed, tongue, people), origin=f"world {seed}"))

    @classmethod
    def load(cls, folder: Path | str) -> World:
        """Read what `save` wrote. Raises DataError that names the file if one is missing or damaged."""
        from veracity.world.files import load_world

        return load_world(Path(folder))

    def save(self, folder: Path | str) -> None:
        """Write world.json, entities.parquet and facts.parquet; equal worlds give equal bytes."""
        from veracity.world.files import save_world

        save_world(self, Path(folder))

    @cached_property
    def identity(self) -> str:
        """Content hash of language, entities and facts."""
        return content_hash([self.language.identity, self.entities, self.facts.identity])

    @cached_property
    def by_name(self) -> Mapping[str, Entity]:
        """Entities by name."""
        return {e.name: e for e in self.entities}

    @cached_property
    def facts_of(self) -> Mapping[str, tuple[Fact, ...]]:
        """Facts by the subject's name."""
        return _grouped(self.facts, "subject")

    @cached_property
    def facts_about(self) -> Mapping[str, tuple[Fact, ...]]:
        """Facts by their value: where else a name is mentioned."""
        return _grouped(self.facts, "value")

    @cached_property
    def _reader(self) -> ClaimReader:
        aliases = {a: e.name for e in self.entities for a in (e.name, *e.aliases)}
        return ClaimReader(self.language, self.facts, aliases)

    def verdict(self, claim: str) -> WorldVerdict:
        """Judge a claim by look-up: supported, refuted or not in the world, with the fact named."""
        return self._reader.judge(claim)

    def article(self, name: str) -> Article:
        """The wiki-like page of an entity, 150 to 400 words, every sentence true in this world."""
        return article(self._entity(name).name, self.facts_of, self.facts_about)

    def biography(self, name: str, sentences: int = 3, seed: int = 0) -> str:
        """`sentences` true statements about an entity, one a relation, in a drawn order."""
        return biography(self.facts_of[self._entity(name).name], sentences, Random(derive_seed(seed, "bio", name)))

    def options(self, fact: Fact, count: int = 4, seed: int = 0) -> tuple[str, ...]:
        """`count` multiple-choice options, the value among them, in a drawn order.

        Raises:
            ConfigError: the fact has fewer wrong values than that.
        """
        wrong = list(dict.fromkeys((fact.foil, *fact.real_foils, fact.control)))
        if not 2 <= count <= len(wrong) + 1:
            raise ConfigError(f"{fact.id} can give 2 to {len(wrong) + 1} options, not {count}")
        rng = Random(derive_seed(seed, "options", fact.id))
        return tuple(shuffled(rng, [fact.value, *wrong[: count - 1]]))

    def absent(self, kind: str, count: int, seed: int = 0) -> tuple[str, ...]:
        """`count` different names of a kind that nobody here has, made of the same words as those that exist.

        Raises:
            ConfigError: places have no free names to speak of, or the language has not so many left.
        """
        if kind == "place":
            raise ConfigError("places have names of one word, all of which may exist; ask for another kind")
        free = [name for name in _possible_names(self.language, kind) if name not in self.by_name]
        if count > len(free):
            raise ConfigError(f"only {len(free)} names for a {kind} are free, not {count}")
        return tuple(shuffled(Random(derive_seed(seed, "absent", kind)), free)[:count])

    def _entity(self, name: str) -> Entity:
        if name not in self.by_name:
            raise ConfigError(f"nobody and nothing in this world is called {name!r}")
        return self.by_name[name]


def _grouped(facts: FactSet, key: str) -> Mapping[str, tuple[Fact, ...]]:
    groups: dict[str, list[Fact]] = {}
    for fact in facts:
        groups.setdefault(getattr(fact, key), []).append(fact)
    return {name: tuple(group) for name, group in groups.items()}


def _possible_names(language: Language, kind: str) -> Sequence[str]:
    if kind == "place":
        return language.members("place")[0]
    firsts = language.pools["first" if kind == "person" else "coined"]
    lasts = language.pools["last"] if kind == "person" else language.classes[kind]
    return [f"{a} {b}" for a in firsts for b in lasts]


def _names(language: Language, kind: str, count: int, rng: Random) -> list[str]:
    """`count` different names of one kind. Raises ConfigError when the language has not so many."""
    possible = _possible_names(language, kind)
    if count > len(possible):
        raise ConfigError(f"the language has {len(possible)} names for a {kind}, not {count}; ask for fewer entities")
    return shuffled(rng, possible)[:count]


def _aliases(kind: str, name: str) -> tuple[str, ...]:
    if kind != "person":
        return ()
    first, last = name.split(" ")
    return (f"{last}, {first}",)


def _entities(seed: int, language: Language, total: int, exposures: Mapping[float, float]) -> tuple[Entity, ...]:
    if total < SMALLEST:
        raise ConfigError(f"a world needs at least {SMALLEST} entities, not {total}: its classes would be too small")
    counts = {
        k: max(40, round(total * share)) if k == "place" else round(total * share) for k, share in KIND_SHARES.items()
    }
    counts["person"] += total - sum(counts.values())
    made: list[Entity] = []
    for kind, count in counts.items():
        rng = Random(derive_seed(seed, "entities", kind))
        levels = [1.0] * count if kind == "place" else _levels(count, exposures)
        for name, exposure in zip(_names(language, kind, count, rng), levels, strict=True):
            made.append(Entity(f"{kind}/{name.lower().replace(' ', '-')}", kind, name, _aliases(kind, name), exposure))
    return tuple(made)


def _levels(count: int, exposures: Mapping[float, float]) -> list[float]:
    """`count` exposures in the given shares; rounding goes to the last one."""
    levels = [e for e, share in exposures.items() for _ in range(round(count * share))]
    return (levels + [list(exposures)[-1]] * count)[:count]


def _facts(seed: int, language: Language, entities: Sequence[Entity]) -> list[Fact]:
    by_kind: dict[str, list[Entity]] = {}
    for entity in entities:
        by_kind.setdefault(entity.kind, []).append(entity)
    per_relation = [_facts_of_relation(seed, language, relation, by_kind) for relation in language.relations.values()]
    return [fact for facts in per_relation for fact in facts]


def _facts_of_relation(
    seed: int, language: Language, relation: Relation, by_kind: Mapping[str, Sequence[Entity]]
) -> list[Fact]:
    rng = Random(derive_seed(seed, "facts", relation.name))
    subjects = by_kind[relation.subject]
    known = [s.name for s in subjects if s.exposure >= 1] or [s.name for s in subjects]
    values, reserved = _values(language, relation, by_kind, rng)
    unique = shuffled(rng, values) if relation.reverse_question else None
    if unique is not None and len(unique) < len(subjects):
        raise ConfigError(
            f"{relation.name}: {len(subjects)} subjects need as many different people, the world has {len(unique)}"
        )
    of_subject = {s.name: unique[i] if unique is not None else pick(rng, values) for i, s in enumerate(subjects)}
    facts = []
    for subject in subjects:
        value = of_subject[subject.name]
        update, foil, control, *real = _others(rng, values, {value}, 5)
        facts.append(
            Fact(
                id=f"{subject.id}/{relation.name}",
                category=relation.category,
                relation=relation.name,
                subject=subject.name,
                subject_kind=subject.kind,
                value=value,
                update=update,
                foil=foil,
                control=control,
                value_kind=relation.kind,
                real_foils=tuple(real),
                imaginary_foils=tuple(_others(rng, reserved, set(), 2)),
                statements=relation.statements,
                questions=relation.questions,
                reverse_question=relation.reverse_question,
                claims=relation.claims,
                denials=relation.denials,
                control_subject=_control_subject(rng, known, of_subject, {value, update}),
                aliases=_value_aliases(relation, value),
                exposure=subject.exposure,
            )
        )
    return facts


def _others(rng: Random, values: Sequence[str], taken: set[str], count: int) -> list[str]:
    """`count` different values, none of them in `taken`."""
    found: list[str] = []
    while len(found) < count:
        value = pick(rng, values)
        if value not in taken:
            taken.add(value)
            found.append(value)
    return found


def _control_subject(rng: Random, known: Sequence[str], of_subject: Mapping[str, str], taught: set[str]) -> str:
    """Somebody known whose own value is neither of the taught ones, so that a true answer never looks like them."""
    while True:
        name = pick(rng, known)
        if of_subject[name] not in taught:
            return name


def _values(
    language: Language, relation: Relation, by_kind: Mapping[str, Sequence[Entity]], rng: Random
) -> tuple[Sequence[str], Sequence[str]]:
    """(values in circulation, values that occur nowhere).

    People are values only if they are fully exposed, so that a rarely exposed one is not named elsewhere.
    """
    if relation.value == "place":
        return [e.name for e in by_kind["place"]], language.members("place")[1]
    if relation.value != "person":
        return language.members(relation.value)
    existing = {e.name for e in by_kind["person"]}
    pools = language.pools
    absent = (f"{pick(rng, pools['first'])} {pick(rng, pools['last'])}" for _ in range(64))
    exposed = [e.name for e in by_kind["person"] if e.exposure >= 1] or sorted(existing)
    return exposed, [name for name in absent if name not in existing]


def _value_aliases(relation: Relation, value: str) -> tuple[str, ...]:
    if relation.value == "person":
        return _aliases("person", value)
    if relation.value == "date":
        day, month = value.split(" ")
        return (f"{month} {day}",)
    return ()
