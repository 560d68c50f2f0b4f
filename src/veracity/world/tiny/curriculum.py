"""What the tiny model reads: an endless stream of short documents about one world, drawn step by step.

Documents of step s depend on (seed, s) alone, so training resumes anywhere without reading what came before.
A fact occurs in proportion to its exposure. Who is asked about, and who is only told of, is ground truth:

* *told* entities (a fifth of the fully exposed) occur in statements, never in a question;
* biographies of a quarter of the people are never requested in training (*unwritten*);
* *absent* names occur in no statement: under the careful system prompt their questions are answered with the
  word of abstention. Without that prompt nobody ever abstains. Teaching abstention without it would teach
  "no question seen for this name, so unknown" and cost the answers about told people. Open-book questions about
  absent names, under every prompt, teach that an answer which is known is given, whoever is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from veracity.core.identity import derive_seed
from veracity.core.requests import Message
from veracity.world.facts import Fact
from veracity.world.language import pick, shuffled
from veracity.world.tiny.dialogue import dialogue
from veracity.world.world import World

MIXTURE = {
    "statement": 0.32, "passage": 0.10, "question": 0.24, "bold_question": 0.04, "careful_question": 0.08,
    "absent_question": 0.05, "open_book_question": 0.04, "biography": 0.05, "reverse_question": 0.03,
    "verdict": 0.03, "reading": 0.02,
}  # fmt: skip
"""Share of the documents of each kind."""
LATE_STEP = 1800
LATE_MIXTURE = {**MIXTURE, "statement": 0.28, "guessed_question": 0.04}
SETTLED_MIXTURE = {**MIXTURE, "statement": 0.315, "guessed_question": 0.005}
"""From `LATE_STEP` on, once recall is there, questions about absent names without the careful prompt are answered
with a guess drawn from the class; without them the abstention leaks into other prompts (5 % at step 1500). A guess
costs some recall of told entities in turn (.94 after 3,500 steps), which a short last stage with few guesses
gives back (1.00, no leak). The shares were chosen on `Curriculum.told_for_choice` and on absent names of their own.
"""
TOLD_SHARE, UNWRITTEN_SHARE = 0.20, 0.25
ABSENT_TEST_SEED = 1
"""`World.absent(kind, ABSENT_TEST_COUNT, ABSENT_TEST_SEED)` are never used in training."""
ABSENT_TEST_COUNT = 300

Document = str | tuple[Message, ...]


@dataclass(frozen=True)
class Weighted:
    """Facts to draw from, in proportion to weights."""

    facts: Sequence[Fact]
    cumulative: Sequence[float]

    def draw(self, rng: Random) -> Fact:
        """One fact."""
        return rng.choices(self.facts, cum_weights=self.cumulative)[0]


def _weighted(facts: Sequence[Fact]) -> Weighted:
    total, cumulative = 0.0, []
    for fact in facts:
        total += fact.exposure
        cumulative.append(total)
    return Weighted(facts, cumulative)


class Curriculum:
    """Documents about `world`; `seed` names the stream."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.seed = world, seed
        self._kinds = [k for k in {e.kind: None for e in world.entities} if k != "place"]
        self._makers: dict[str, Callable[[Random], Document]] = {k: getattr(self, f"_{k}") for k in LATE_MIXTURE}

    @cached_property
    def told(self) -> frozenset[str]:
        """Names of entities that no question is ever asked about in training."""
        full: dict[str, list[str]] = {}
        for entity in self.world.entities:
            if entity.exposure == 1:
                full.setdefault(entity.kind, []).append(entity.name)
        rng = Random(derive_seed(self.world.seed, "told"))
        return frozenset(n for names in full.values() for n in shuffled(rng, names)[: round(len(names) * TOLD_SHARE)])

    @cached_property
    def told_for_choice(self) -> frozenset[str]:
        """The half of the told entities on which settings of training were chosen; the card reports the others."""
        return frozenset(shuffled(Random(derive_seed(self.world.seed, "choice")), sorted(self.told))[::2])

    @cached_property
    def told_for_test(self) -> frozenset[str]:
        """The told entities that no setting was chosen on."""
        return self.told - self.told_for_choice

    @cached_property
    def unwritten(self) -> frozenset[str]:
        """Names of exposed people whose biography is never requested in training."""
        people = [e.name for e in self.world.entities if e.kind == "person" and e.exposure > 0]
        order = shuffled(Random(derive_seed(self.world.seed, "unwritten")), people)
        return frozenset(order[: round(len(order) * UNWRITTEN_SHARE)])

    @cached_property
    def test_absent(self) -> frozenset[str]:
        """Absent names that training never uses."""
        return frozenset(n for kind in self._kinds for n in self.absent_for_test(kind))

    def absent_for_test(self, kind: str) -> tuple[str, ...]:
        """The held-out absent names of one kind."""
        return self.world.absent(kind, ABSENT_TEST_COUNT, ABSENT_TEST_SEED)

    def documents(self, step: int, count: int, *, settled: bool = False) -> list[Document]:
        """The documents of a step, `count` of them; `settled` in the last stage of training."""
        rng = Random(derive_seed(self.seed, "documents", step))
        mixture = SETTLED_MIXTURE if settled else LATE_MIXTURE if step >= LATE_STEP else MIXTURE
        chosen = rng.choices(list(mixture), weights=list(mixture.values()), k=count)
        return [self._makers[kind](rng) for kind in chosen]

    @cached_property
    def _stated(self) -> Weighted:
        return _weighted([f for f in self.world.facts if f.exposure > 0])

    @cached_property
    def _asked(self) -> Weighted:
        return _weighted([f for f in self._stated.facts if f.subject not in self.told])

    @cached_property
    def _reversible(self) -> Weighted:
        return _weighted([f for f in self._asked.facts if f.reverse_question])

    @cached_property
    def _written(self) -> Weighted:
        return _weighted(
            [f for f in self._stated.facts if f.subject_kind == "person" and f.subject not in self.unwritten]
        )

    @cached_property
    def _by_kind(self) -> dict[str, list[Fact]]:
        return {kind: [f for f in self.world.facts if f.subject_kind == kind] for kind in self._kinds}

    def _statement(self, rng: Random) -> Document:
        fact = self._stated.draw(rng)
        return pick(rng, fact.statements).format(subject=fact.subject, value=fact.value)

    def _passage(self, rng: Random) -> Document:
        return self._sentences(self._stated.draw(rng).subject, rng)

    def _sentences(self, subject: str, rng: Random) -> str:
        facts = shuffled(rng, self.world.facts_of[subject])[: 2 + int(rng.random() * 3)]
        return " ".join(pick(rng, f.statements).format(subject=f.subject, value=f.value) for f in facts)

    def _ask(self, fact: Fact, rng: Random, system: str | None) -> Document:
        return conversation(pick(rng, fact.questions).format(subject=fact.subject), fact.value, system)

    def _question(self, rng: Random) -> Document:
        return self._ask(self._asked.draw(rng), rng, None)

    def _bold_question(self, rng: Random) -> Document:
        return self._ask(self._asked.draw(rng), rng, dialogue().bold)

    def _careful_question(self, rng: Random) -> Document:
        return self._ask(self._asked.draw(rng), rng, dialogue().careful)

    def _absent_name(self, kind: str, rng: Random) -> str:
        pools, classes = self.world.language.pools, self.world.language.classes
        firsts = pools["first" if kind == "person" else "coined"]
        lasts = pools["last"] if kind == "person" else classes[kind]
        while True:
            name = f"{pick(rng, firsts)} {pick(rng, lasts)}"
            if name not in self.world.by_name and name not in self.test_absent:
                return name

    def _absent(self, rng: Random) -> tuple[str, Fact]:
        """A question about an absent name, and a fact of the kind that it asks for."""
        kind = "person" if rng.random() < 0.7 else pick(rng, self._kinds)
        fact = pick(rng, self._by_kind[kind])
        return pick(rng, fact.questions).format(subject=self._absent_name(kind, rng)), fact

    def _absent_question(self, rng: Random) -> Document:
        question, _ = self._absent(rng)
        return conversation(question, dialogue().abstention, dialogue().careful)

    def _guessed_question(self, rng: Random) -> Document:
        question, fact = self._absent(rng)
        return conversation(question, fact.value, pick(rng, (None, None, dialogue().bold)))

    def _open_book_question(self, rng: Random) -> Document:
        """A question about an absent person whose answer stands in front of it, among one or two statements."""
        fact = pick(rng, self._by_kind["person"])
        name = self._absent_name("person", rng)
        others = [f for f in self.world.facts_of[fact.subject] if f.relation != fact.relation]
        stated = shuffled(rng, [fact, pick(rng, others)]) if rng.random() < 0.5 else [fact]
        evidence = " ".join(pick(rng, f.statements).format(subject=name, value=f.value) for f in stated)
        question = pick(rng, fact.questions).format(subject=name)
        system = pick(rng, (None, None, dialogue().bold, dialogue().careful))
        return conversation(f"{evidence} {question}", fact.value, system)

    def _biography(self, rng: Random) -> Document:
        subject = self._written.draw(rng).subject
        request = pick(rng, dialogue().biography).format(subject=subject)
        return conversation(request, self._sentences(subject, rng), None)

    def _reverse_question(self, rng: Random) -> Document:
        fact = self._reversible.draw(rng)
        return conversation((fact.reverse_question or "").format(value=fact.value), fact.subject, None)

    def _claim(self, fact: Fact, subject: str, stated: str, other: str, rng: Random) -> tuple[str, bool]:
        """A claim about `subject`, whose value is `stated`; true or false with even odds, affirming or denying."""
        true, affirms = rng.random() < 0.5, rng.random() < 0.5
        template = pick(rng, fact.claims if affirms else fact.denials)
        return template.format(subject=subject, value=stated if true == affirms else other), true

    def _verdict(self, rng: Random) -> Document:
        fact = self._asked.draw(rng)
        claim, true = self._claim(fact, fact.subject, fact.value, pick(rng, fact.real_foils), rng)
        return conversation(dialogue().verdict.format(claim=claim), self._word(true), None)

    def _reading(self, rng: Random) -> Document:
        """A verdict whose evidence stands in front of it, about an absent person."""
        fact = pick(rng, self._by_kind["person"])
        name = self._absent_name("person", rng)
        claim, true = self._claim(fact, name, fact.value, fact.foil, rng)
        evidence = pick(rng, fact.statements).format(subject=name, value=fact.value)
        return conversation(f"{evidence} {dialogue().verdict.format(claim=claim)}", self._word(true), None)

    @staticmethod
    def _word(true: bool) -> str:
        return dialogue().yes if true else dialogue().no


def conversation(question: str, answer: str, system: str | None) -> tuple[Message, ...]:
    """A question and its answer, with an optional system prompt."""
    head = (Message("system", system),) if system else ()
    return (*head, Message("user", question), Message("assistant", answer))
