"""The judges under examination: items of the embedded world whose right label is known, judged as the run judges.

* grader: answers in several wordings, right, wrong and declining, of facts drawn from the world;
* grader's judge: the same answers by the model alone that grades what rules leave open: here the rules decide most of
  them, and on other questions they may decide few;
* abstention detector: the same answers, and whether they decline;
* verifier: a true claim, a false one, and one whose evidence is somebody else's page; evidence is the world's articles,
  wherever the run has its own from;
* extractor: biographies whose every sentence states one fact;
* pairwise judge: a true biography beside a false one of the same facts.

Costs are those of the requests that were really sent: what the ledger gave was free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Program
from veracity.experiments.factuality.long import extraction, verification
from veracity.experiments.factuality.settings import LongSettings
from veracity.experiments.factuality.short import Answer, grades
from veracity.judging.claims import Extracted
from veracity.judging.grading import JudgeSettings, abstains, ask_judge
from veracity.judging.verifying import Judged
from veracity.judging.win_rate import PairVerdict, judge_pair
from veracity.world import Fact, World
from veracity.world.language import shuffled
from veracity.world.tiny import tiny_world

if TYPE_CHECKING:
    import polars as pl

    from veracity.experiments.factuality.bench import Worker

WORLD = "world"
"""Name of the corpus whose truth is known."""
RIGHT = ("{value}", "{value}.", "It is {value}.", "The answer is {value}.", "I believe it is {value}.")
WRONG = ("{foil}", "{foil}.", "It is {foil}.", "The answer is {foil}.", "It is not {value} but {foil}.")
DECLINING = ("unknown", "I don't know.", "I'm not sure, sorry.", "I cannot answer this question.", "No idea.")
"""Wordings that every grader has to tell apart."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item with its right label."""

    key: str
    cluster: str
    text: str
    truth: str


def judgements(worker: Worker, count: int, long: LongSettings | None, *, short: bool) -> pl.DataFrame:
    """Every judge of the run on about `count` items of the world: a judgements table."""
    from veracity.metrics.judge_card import JUDGEMENTS

    world = tiny_world()
    rows: list[dict[str, Any]] = []
    if count and short:
        rows += _measured(worker, "grader", lambda: grader_rows(worker, world, count))
        if "judge" in worker.backends:
            rows += _measured(worker, "grader's judge", lambda: judge_rows(worker, world, count))
        rows += _measured(worker, "abstention detector", lambda: detector_rows(world, count))
    if count and long is not None:
        with evidence_of_world(worker):
            rows += _measured(worker, "verifier", lambda: verifier_rows(worker, world, long, count))
        rows += _measured(worker, "extractor", lambda: extractor_rows(worker, world, long, count))
    if count and long is not None and long.win_rate_against is not None:
        rows += _measured(worker, "pairwise judge", lambda: pairwise_rows(worker, world, count))
    return JUDGEMENTS.frame(rows)


@contextmanager
def evidence_of_world(worker: Worker) -> Iterator[None]:
    """Let the world's articles be the corpus meanwhile: no other one says anything about its people."""
    from veracity.knowledge import open_corpus

    if worker.bench.settings.corpus == WORLD:
        yield
        return
    own = worker.backends["corpus"]
    worker.engine.cast("corpus", open_corpus(WORLD))
    try:
        yield
    finally:
        worker.engine.cast("corpus", own)


def searches(worker: Worker, count: int, passages: int) -> pl.DataFrame:
    """Statements of the world as queries to the whole corpus: item, cluster, query, wanted, found (pages in order)."""
    import polars as pl

    from veracity.knowledge.recall import found_titles, world_queries

    queries = list(world_queries(tiny_world(), count))
    results = worker.run("searches", {q.id: found_titles(q.query, passages) for q in queries})
    rows = [
        {"item": q.id, "cluster": q.pages[0], "query": q.query, "wanted": q.pages[0], "found": list(found)}
        for q in queries
        if not isinstance(found := results[q.id], Failure)
    ]
    texts: dict[str, Any] = dict.fromkeys(("item", "cluster", "query", "wanted"), pl.String())
    return pl.DataFrame(rows, schema=texts | {"found": pl.List(pl.String())})


def grader_rows(worker: Worker, world: World, count: int) -> Iterator[dict[str, Any]]:
    """Answers to questions about drawn facts, graded."""
    items = list(answer_items(world, count))
    answers = [Answer(problem, "card", i, item.text, "ok") for i, (item, problem) in enumerate(items)]
    for (item, _), grade in zip(items, grades(worker, "grader's card", answers), strict=True):
        label = None if grade is None else grade.grade
        yield {**_row(item), "label": label, "status": "judged" if label else "judge_failed"}


def judge_rows(worker: Worker, world: World, count: int) -> Iterator[dict[str, Any]]:
    """The same answers, graded by the judge without any rule before it; what the rules left open is not asked again."""
    items = list(answer_items(world, count))
    programs = {item.key: ask_judge(problem, item.text, JudgeSettings()) for item, problem in items}
    results = worker.run("judge's card", programs)
    for item, _ in items:
        result = results[item.key]
        label = None if isinstance(result, Failure) else result.grade
        yield {**_row(item), "label": label, "status": "judged" if label else "judge_failed"}


def detector_rows(world: World, count: int) -> Iterator[dict[str, Any]]:
    """The same answers: does each decline? Asks nobody."""
    for item, _ in answer_items(world, count):
        truth = "declines" if item.truth == "not_attempted" else "answers"
        label = "declines" if abstains(item.text) else "answers"
        yield {**_row(item), "truth": truth, "label": label, "status": "judged"}


def verifier_rows(worker: Worker, world: World, long: LongSettings, count: int) -> Iterator[dict[str, Any]]:
    """Claims with the page on which their evidence is looked for, judged."""
    items = list(claim_items(world, count))
    programs = {item.key: verification(item.text, page, long) for item, page in items}
    results = worker.run("verifier's card", programs)
    for item, _ in items:
        result = results[item.key]
        label, status = (result.label, result.status) if isinstance(result, Judged) else (None, "request_failed")
        yield {**_row(item), "label": label, "status": status}


def extractor_rows(worker: Worker, world: World, long: LongSettings, count: int) -> Iterator[dict[str, Any]]:
    """Biographies of three sentences; each stated fact is listed or missed, and what is listed beside them is extra."""
    people = sorted({f.subject for f in _drawn(world, "extractor", count) if f.subject_kind == "person"})
    texts = {name: world.biography(name, 3) for name in people[: max(1, count // 3)]}
    programs: dict[str, Program[Extracted]] = {
        name: extraction(Problem(name, "world-biographies", f"Tell me about {name}."), text, long)
        for name, text in texts.items()
    }
    for name, result in worker.run("extractor's card", programs).items():
        stated = _facts_in(world, _sentences(texts[name]))
        if isinstance(result, Failure) or result.status == "extraction_failed":
            yield {**_row(Item(name, name, texts[name], "listed")), "label": None, "status": "judge_failed"}
            continue
        listed = _facts_in(world, result.texts)
        for fact in sorted(stated | listed):
            item = Item(f"{name}/{fact}", name, fact, "listed" if fact in stated else "not_stated")
            yield {**_row(item), "label": "listed" if fact in listed else "missed", "status": "judged"}


def pairwise_rows(worker: Worker, world: World, count: int) -> Iterator[dict[str, Any]]:
    """Biographies in pairs, one true and one false, which of them is system a in turn: does the true one win?"""
    from veracity.metrics.win_rate import decide

    items = list(pairwise_items(world, count))
    asked = {item.key: judge_pair(f"Tell me about {item.cluster}.", own, other) for item, own, other in items}
    results = worker.run("pairwise judge's card", asked)
    for item, _, _ in items:
        result = results[item.key]
        label = decide(result.a_first, result.b_first) if isinstance(result, PairVerdict) else None
        yield {**_row(item), "label": label, "status": "judged" if label else "judge_failed"}


def pairwise_items(world: World, count: int) -> Iterator[tuple[Item, str, str]]:
    """A person's facts (at most three) told truly and falsely: the item, and the answers of systems a and b."""
    people = dict.fromkeys(f.subject for f in _drawn(world, "pairs", len(world.facts)) if f.subject_kind == "person")
    for i, name in enumerate(list(people)[:count]):
        facts = world.facts_of[name][:3]
        told = [
            " ".join(f.statements[0].format(subject=name, value=v) for f, v in zip(facts, values, strict=True))
            for values in ([f.value for f in facts], [f.foil for f in facts])
        ]
        truth, (own, other) = ("win", told) if i % 2 == 0 else ("loss", told[::-1])
        yield Item(name, name, own, truth), own, other


def answer_items(world: World, count: int) -> Iterator[tuple[Item, Problem]]:
    """Right, wrong and declining answers in turn, one a fact, and the question each is given to."""
    wordings = {"correct": RIGHT, "incorrect": WRONG, "not_attempted": DECLINING}
    for i, fact in enumerate(_drawn(world, "grader", count)):
        truth = list(wordings)[i % 3]
        text = wordings[truth][(i // 3) % 5].format(value=fact.value, foil=fact.foil)
        question = fact.question()
        accepted = (fact.value, *fact.aliases)
        yield Item(fact.id, fact.subject, text, truth), Problem(fact.id, "world-qa", question, accepted)


def claim_items(world: World, count: int) -> Iterator[tuple[Item, str]]:
    """Supported, refuted and unproven claims in turn, and the page that each is to be judged by."""
    facts = _drawn(world, "verifier", count)
    for i, fact in enumerate(facts):
        truth = ("supported", "refuted", "not_enough")[i % 3]
        value = fact.foil if truth == "refuted" else fact.value
        text = fact.statements[i % len(fact.statements)].format(subject=fact.subject, value=value)
        page = _stranger(world, facts, i) if truth == "not_enough" else fact.subject
        yield Item(fact.id, fact.subject, text, truth), page


def _drawn(world: World, purpose: str, count: int) -> Sequence[Fact]:
    return shuffled(Random(derive_seed(0, "judge card", purpose)), list(world.facts))[:count]


def _stranger(world: World, facts: Sequence[Fact], i: int) -> str:
    """A subject whose page does not name this one."""
    own = {facts[i].subject, *(f.subject for f in world.facts_about.get(facts[i].subject, ()))}
    own |= {f.value for f in world.facts_of[facts[i].subject]}
    return next(f.subject for f in (*facts[i + 1 :], *facts[:i]) if f.subject not in own)


def _sentences(text: str) -> list[str]:
    return [f"{part.rstrip('.')}." for part in text.split(". ")]


def _facts_in(world: World, claims: Sequence[str]) -> set[str]:
    """Ids of the facts that claims are about; a claim that states none counts under its own words."""
    return {v.fact.id if (v := world.verdict(claim)).fact else claim for claim in claims}


def _row(item: Item) -> dict[str, Any]:
    return {"item": item.key, "cluster": item.cluster, "text": item.text, "truth": item.truth}


def _measured(worker: Worker, judge: str, judge_all: Callable[[], Iterator[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A judge's rows with what it took, spread evenly over them."""
    import time

    started, paid = time.monotonic(), worker.engine.spent.cost
    rows = list(judge_all())
    share = {
        "seconds": (time.monotonic() - started) / max(1, len(rows)),
        "cost": (worker.engine.spent.cost - paid) / max(1, len(rows)),
    }
    return [{"judge": judge, **row, **share} for row in rows]
