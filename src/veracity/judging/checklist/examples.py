"""Labelled pairs of item and response, to train a checklist verifier on or to measure one with.

From a response that states an item three examples are made, so that the labels are balanced: *consistent* with the item
in other words, *contradictory* with the number, date or name that the item gives changed in the response, *missing*
with the sentences that state it deleted. How KLCF's verifier was trained is not published; this is a reconstruction.
Macro-F1 is in `veracity.metrics.checklist_verifier`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from veracity.core.identity import derive_seed
from veracity.core.judged import Coverage
from veracity.core.requests import Message, user
from veracity.judging.checklist.swapping import swapped_value
from veracity.judging.checklist.text import PROMPT
from veracity.judging.claims.sentences import split_sentences
from veracity.judging.prompting import render
from veracity.judging.templates import Statement, TemplateReader
from veracity.judging.verifying.rule import agreement
from veracity.world.language import Language

States = Callable[[str, str], bool]
"""(sentence, item) → whether the sentence states the item."""
Paraphrase = Callable[[str, Random], str]
"""(item, generator) → the same in other words, or as it is where there are none."""


@dataclass(frozen=True, slots=True)
class CheckExample:
    """One example."""

    item: str
    response: str
    label: Coverage
    cluster: str
    """The source item: examples of one response, or one entity, belong into one split."""


@dataclass(frozen=True, slots=True)
class Stated:
    """An item, and where a response states it."""

    item: str
    sentences: tuple[str, ...]
    """Of the response."""
    places: tuple[int, ...]
    """Which of them state the item, one or more."""
    about: str
    """The question: what it names is what the item is about, and is never changed."""
    cluster: str


def find_stated(items: Sequence[str], response: str, states: States, *, about: str, cluster: str) -> list[Stated]:
    """The items that the response states."""
    sentences = split_sentences(response)
    found = []
    for item in items:
        places = tuple(i for i, sentence in enumerate(sentences) if states(sentence, item))
        if places:
            found.append(Stated(item, sentences, places, about, cluster))
    return found


def check_examples(
    stated: Sequence[Stated], *, names: Sequence[str], seed: int, paraphrase: Paraphrase | None = None
) -> list[CheckExample]:
    """Three examples for each stated item in which something can be changed; the others give none.

    Args:
        stated: from `find_stated`.
        names: to put in a name's place, as from `names_in` of all responses.
        seed: of everything that is drawn; an item's draws do not depend on the others.
        paraphrase: of the items of consistent examples; without it they stand as they are, which is in other words
            than the response wherever an extractor rewrote the claims.
    """
    examples = []
    for one in stated:
        rng = Random(derive_seed(seed, "checklist example", one.item + "\n" + " ".join(one.sentences)))
        changed = swapped_value(one.item, [one.sentences[i] for i in one.places], one.about, names, rng)
        if changed is None:
            continue
        contradicting, leaving_out = (
            list(one.sentences),
            [s for i, s in enumerate(one.sentences) if i not in one.places],
        )
        for place, sentence in zip(one.places, changed, strict=True):
            contradicting[place] = sentence
        said = paraphrase(one.item, rng) if paraphrase else one.item
        made: dict[Coverage, tuple[str, Sequence[str]]] = {
            "consistent": (said, one.sentences),
            "contradictory": (one.item, contradicting),
            "missing": (one.item, leaving_out),
        }
        examples += [CheckExample(i, " ".join(text), label, one.cluster) for label, (i, text) in made.items()]
    return examples


def check_dialogue(example: CheckExample) -> tuple[tuple[Message, ...], str]:
    """(conversation, reply) to train a verifier on: asked as `judge_text` asks, answered as it reads."""
    return user(render(PROMPT, items=[example.item], response=example.response)), f"1. {example.label}"


def states_by_templates(language: Language) -> States:
    """For texts in a world's language: what a sentence states, read by templates."""
    reader = TemplateReader(language)
    return lambda sentence, item: agreement(reader.read(item), reader.read(sentence)) is True


def paraphrase_by_templates(language: Language) -> Paraphrase:
    """For texts in a world's language: another of the relation's wordings."""
    reader = TemplateReader(language)

    def paraphrase(item: str, rng: Random) -> str:
        statement: Statement | None = next((s for s in reader.read(item) if s.affirms), None)
        if statement is None:
            return item
        wordings = language.relations[statement.relation].statements
        said = [t.format(subject=statement.subject, value=statement.value) for t in wordings]
        others = [text for text in said if text.rstrip(".") != item.rstrip(".")]
        return others[int(rng.random() * len(others))] if others else item

    return paraphrase
