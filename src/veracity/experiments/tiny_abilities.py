"""What the tiny model can do, measured on what its training never asked, and written into its card.

Every number is a share of right replies with a 95 % interval that takes the entity as the unit (its facts are
not independent). Replies are greedy unless the line says otherwise. *Told* entities occur in statements only;
*asked* ones also in questions; *absent* names in nothing. Settings were chosen on the other half of the told
entities and on other absent names (see `Curriculum.told_for_choice`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from veracity.core.estimate import Estimate
from veracity.core.identity import derive_seed
from veracity.core.requests import Prompt, Sampling, user
from veracity.stats.proportion import clustered_proportion
from veracity.world import Fact, World
from veracity.world.language import pick
from veracity.world.tiny.curriculum import Curriculum
from veracity.world.tiny.dialogue import dialogue

if TYPE_CHECKING:
    from veracity.models.local import LocalModel

GREEDY = Sampling(temperature=0.0, max_tokens=8)
BIOGRAPHY = Sampling(temperature=0.0, max_tokens=64)
DRAWN = Sampling(temperature=1.0, max_tokens=64, seed=11)
MOST = 400
"""Facts a measurement asks about, at most."""


@dataclass(frozen=True, slots=True)
class Ability:
    """One measured line of the card."""

    group: str
    name: str
    estimate: Estimate


Trial = tuple[str, bool]
"""(cluster, right or not)."""


def measure_abilities(
    model: LocalModel, world: World, curriculum: Curriculum, on_group: Callable[[str], None] = lambda name: None
) -> list[Ability]:
    """All measurements, in the order of the card; `on_group` hears of each group as it starts."""
    parts = {
        "Open questions": _questions,
        "Exposure": _exposure,
        "Biographies": _biographies,
        "Abstention": _abstention,
        "Recognition": _recognition,
        "Open book": _open_book,
        "True/false verdicts in text": _verdicts,
    }
    abilities = []
    for group, measure in parts.items():
        on_group(group)
        for name, trials, chance in measure(model, world, curriculum):
            estimate = clustered_proportion([ok for _, ok in trials], [c for c, _ in trials], null=chance)
            abilities.append(Ability(group, name, estimate))
    return abilities


Measured = Iterable[tuple[str, list[Trial], float | None]]


def _sampled(facts: Sequence[Fact], purpose: str) -> list[Fact]:
    """At most `MOST` of the facts, drawn without replacement."""
    rng = Random(derive_seed(0, "abilities", purpose))
    return sorted(rng.sample(list(facts), MOST), key=lambda f: f.id) if len(facts) > MOST else list(facts)


def _replies(model: LocalModel, prompts: Sequence[Prompt], sampling: Sampling = GREEDY) -> list[str]:
    return [samples[0].text.strip() for samples in model.generate(prompts, 1, sampling)]


def _answers(model: LocalModel, facts: Sequence[Fact], system: str | None) -> list[tuple[Fact, str]]:
    """Each fact's reply, its question wording drawn by its id."""
    wordings = [pick(Random(derive_seed(0, "wording", f.id)), f.questions) for f in facts]
    prompts = [user(w.format(subject=f.subject), system=system) for w, f in zip(wordings, facts, strict=True)]
    return list(zip(facts, _replies(model, prompts), strict=True))


def _right(answers: Iterable[tuple[Fact, str]]) -> list[Trial]:
    return [(f.subject, reply in (f.value, *f.aliases)) for f, reply in answers]


def _abstained(answers: Iterable[tuple[Fact, str]]) -> list[Trial]:
    return [(f.subject, reply == dialogue().abstention) for f, reply in answers]


def _facts(world: World, keep: Callable[[Fact], bool], purpose: str) -> list[Fact]:
    return _sampled([f for f in world.facts if keep(f)], purpose)


def _questions(model: LocalModel, world: World, curriculum: Curriculum) -> Measured:
    told, full = curriculum.told_for_test, "exposure 1"
    people = _facts(world, lambda f: f.subject in told and f.subject_kind == "person", "told people")
    things = _facts(world, lambda f: f.subject in told and f.subject_kind != "person", "told things")
    asked = _facts(world, lambda f: f.exposure == 1 and f.subject not in curriculum.told, "asked")
    yield "right answers about told people", _right(_answers(model, people, None)), None
    yield "right answers about told things and places", _right(_answers(model, things, None)), None
    yield f"right answers about asked entities, {full}", _right(_answers(model, asked, None)), None
    for name, facts in (("told", people + things), ("asked", asked)):
        reversible = [f for f in facts if f.reverse_question]
        prompts = [user((f.reverse_question or "").format(value=f.value)) for f in reversible]
        replies = _replies(model, prompts)
        trials = [(f.subject, r == f.subject) for f, r in zip(reversible, replies, strict=True)]
        yield f"right answers to reverse questions, {name} entities", trials, None


def _levels(world: World, curriculum: Curriculum) -> Iterable[tuple[float, list[Fact]]]:
    """Facts of asked people by exposure, the well-known first."""
    for level in sorted({e.exposure for e in world.entities}, reverse=True):
        people = [f for f in world.facts if f.subject_kind == "person" and f.exposure == level]
        yield level, _sampled([f for f in people if f.subject not in curriculum.told], f"exposure {level}")


def _exposure(model: LocalModel, world: World, curriculum: Curriculum) -> Measured:
    for level, facts in _levels(world, curriculum):
        yield f"right answers about people of exposure {level:g}", _right(_answers(model, facts, None)), None


def _biographies(model: LocalModel, world: World, curriculum: Curriculum) -> Measured:
    for level, facts in _levels(world, curriculum):
        people = list(dict.fromkeys(f.subject for f in facts))
        for how, sampling in (("greedy", BIOGRAPHY), ("temperature 1", DRAWN)):
            trials = _stated(world, people, model, sampling)
            yield f"right statements, people of exposure {level:g} ({how})", trials, None
    told = [n for n in sorted(curriculum.told_for_test) if world.by_name[n].kind == "person"]
    unwritten = [n for n in sorted(curriculum.unwritten - curriculum.told) if world.by_name[n].exposure == 1]
    others = {"told people": told, "asked people whose biography was never requested, exposure 1": unwritten}
    for who, names in others.items():
        for how, sampling in (("greedy", BIOGRAPHY), ("temperature 1", DRAWN)):
            yield f"right statements, {who} ({how})", _stated(world, names, model, sampling), None


def _stated(world: World, names: Sequence[str], model: LocalModel, sampling: Sampling) -> list[Trial]:
    """One trial a sentence of each biography; right only if the world supports it of this person."""
    requests: list[Prompt] = [user(dialogue().biography[0].format(subject=name)) for name in names]
    trials = []
    for name, text in zip(names, _replies(model, requests, sampling), strict=True):
        verdicts = [world.verdict(s) for s in re.split(r"(?<=\.)\s+", text) if s]
        trials += [(name, v.label == "supported" and v.fact is not None and v.fact.subject == name) for v in verdicts]
    return trials


def _abstention(model: LocalModel, world: World, curriculum: Curriculum) -> Measured:
    careful, bold = dialogue().careful, dialogue().bold
    people = [f for f in world.facts if f.subject_kind == "person"]
    rng = Random(derive_seed(0, "abilities", "absent"))
    absent = [pick(rng, people) for _ in curriculum.absent_for_test("person")]
    prompts = [
        pick(rng, f.questions).format(subject=name)
        for f, name in zip(absent, curriculum.absent_for_test("person"), strict=True)
    ]
    for how, system in (("careful", careful), ("bold", bold), ("no", None)):
        replies = _replies(model, [user(p, system=system) for p in prompts])
        trials = [(p, r == dialogue().abstention) for p, r in zip(prompts, replies, strict=True)]
        yield f"abstains on people who never occur, {how} prompt", trials, None
    told = _facts(world, lambda f: f.subject in curriculum.told_for_test and f.subject_kind == "person", "told people")
    asked = _facts(world, lambda f: f.exposure == 1 and f.subject not in curriculum.told, "asked")
    answers = _answers(model, asked, careful)
    yield "answers about asked entities of exposure 1, careful prompt", _not(_abstained(answers)), None
    yield "right answers about asked entities of exposure 1, careful prompt", _right(answers), None
    yield "abstains on told people (over-abstention), careful prompt", _abstained(_answers(model, told, careful)), None
    yield "abstains on told people, no prompt", _abstained(_answers(model, told, None)), None
    for level, facts in _levels(world, curriculum):
        abstained = _abstained(_answers(model, facts, careful))
        yield f"abstains on people of exposure {level:g}, careful prompt", abstained, None


def _not(trials: list[Trial]) -> list[Trial]:
    return [(cluster, not ok) for cluster, ok in trials]


def _recognition(model: LocalModel, world: World, curriculum: Curriculum) -> Measured:
    told = _facts(world, lambda f: f.subject in curriculum.told_for_test, "told")
    unmet = _facts(world, lambda f: f.exposure == 0 and f.subject_kind == "person", "unmet")
    for name, facts in (("told entities", told), ("people never met", unmet)):
        pairs = [(user(f.question()), value) for f in facts for value in (f.value, f.foil)]
        totals = [s.total for s in model.score(pairs)]
        trials = [(f.subject, totals[2 * i] > totals[2 * i + 1]) for i, f in enumerate(facts)]
        yield f"forced choice, value above foil: {name}", trials, 0.5


def _open_book(model: LocalModel, world: World, curriculum: Curriculum) -> Measured:
    people = _facts(
        world, lambda f: f.subject in curriculum.told_for_test and f.subject_kind == "person", "told people"
    )
    items = list(zip(people, curriculum.absent_for_test("person"), strict=False))
    for how, system in (("no", None), ("careful", dialogue().careful)):
        evidence = [f.statements[0].format(subject=name, value=f.value) for f, name in items]
        questions = [f.questions[0].format(subject=name) for f, name in items]
        prompts = [user(f"{e} {q}", system=system) for e, q in zip(evidence, questions, strict=True)]
        trials = [(n, r == f.value) for (f, n), r in zip(items, _replies(model, prompts), strict=True)]
        yield f"right answers about absent people with the evidence in front, {how} prompt", trials, None


def _verdicts(model: LocalModel, world: World, curriculum: Curriculum) -> Measured:
    asked = _facts(world, lambda f: f.exposure == 1 and f.subject not in curriculum.told, "asked")
    told = _facts(world, lambda f: f.subject in curriculum.told_for_test, "told")
    yield "closed book, asked entities", _judged(model, [(f, f.subject, "") for f in asked]), 0.5
    yield "closed book, told entities", _judged(model, [(f, f.subject, "") for f in told]), 0.5
    people = [f for f in told if f.subject_kind == "person"]
    names = curriculum.absent_for_test("person")
    reading = [
        (f, name, f.statements[0].format(subject=name, value=f.value) + " ")
        for f, name in zip(people, names, strict=False)
    ]
    yield "open book: the evidence stands before the claim, absent people", _judged(model, reading), 0.5


def _judged(model: LocalModel, items: Sequence[tuple[Fact, str, str]]) -> list[Trial]:
    """Verdicts on four claims an item: affirmed and denied, of the value and of the foil."""
    prompts, truths, clusters = [], [], []
    for fact, subject, evidence in items:
        for templates, affirms in ((fact.claims, True), (fact.denials, False)):
            for value in (fact.value, fact.foil):
                claim = templates[0].format(subject=subject, value=value)
                prompts.append(user(evidence + dialogue().verdict.format(claim=claim)))
                truths.append((value == fact.value) == affirms)
                clusters.append(subject)
    words = [dialogue().yes if true else dialogue().no for true in truths]
    replies = _replies(model, prompts)
    return [(c, r == w) for c, r, w in zip(clusters, replies, words, strict=True)]
