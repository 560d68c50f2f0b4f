"""How statements get labels: by coherence, and by examples with no, random, the model's own or true labels.

An example is a statement of another problem with its label: the label of a statement of the same problem would give
the answer away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from veracity.core.identity import derive_seed
from veracity.core.requests import Message, Program, Score, Scored, user
from veracity.experiments.coherent_labels.settings import Baseline, CoherentLabelsSettings
from veracity.experiments.coherent_labels.statements import Statement, exclusive
from veracity.judging.mutual_predictability.icm import WORDS, Labels, LabelSearch, search_labels
from veracity.judging.prompting import render


@dataclass(frozen=True, slots=True)
class Labelled:
    """What one way of labelling gave."""

    log_odds: Mapping[int, float]
    """Of statements, by index, that they are true; a search decides without such numbers."""
    search: LabelSearch | None = None

    @property
    def labels(self) -> Labels:
        """Statements with even odds have none."""
        own = self.search.labels if self.search else {}
        return {i: odds > 0 for i, odds in self.log_odds.items() if odds} | dict(own)


Examples = Callable[[int], Labels]
"""Index of a statement → the labelled statements to show before it."""


def coherent(
    statements: Sequence[Statement], settings: CoherentLabelsSettings, role: str, seed: int
) -> Program[Labelled]:
    """Labels by internal coherence; those that the search leaves out by what it found, if that is wanted."""
    how = settings.search.settings(seed, len(statements), settings.shown, role)
    found = yield from search_labels([one.text for one in statements], how, exclusive(statements))
    rest = [i for i in range(len(statements)) if i not in found.labels] if settings.search.complete else []
    picked = drawn(statements, found.labels, settings.shown, seed, siblings=True)
    odds = yield from log_odds(statements, rest, picked, role)
    return Labelled(odds, found)


def labelled_by(
    method: Baseline, statements: Sequence[Statement], settings: CoherentLabelsSettings, role: str, seed: int
) -> Program[Labelled]:
    """Labels of every statement by one of the baselines."""
    every = range(len(statements))
    if method == "bootstrapped":
        return (yield from _bootstrapped(statements, settings, role, seed))
    examples = {
        "zero_shot": {},
        "random_examples": random_labels(len(statements), seed),
        "gold_examples": {i: one.truth for i, one in enumerate(statements) if one.truth is not None},
    }[method]
    odds = yield from log_odds(statements, every, drawn(statements, examples, settings.shown, seed), role)
    return Labelled(odds)


def random_labels(count: int, seed: int) -> Labels:
    """By the toss of a coin."""
    rng = Random(derive_seed(seed, "random labels"))
    return {i: rng.random() < 0.5 for i in range(count)}


def drawn(
    statements: Sequence[Statement], labels: Labels, shown: int, seed: int, *, siblings: bool = False
) -> Examples:
    """At most `shown` labelled statements, a draw of its own for each that they are shown before.

    `siblings`: statements of the same problem may be among them, as in a search.
    """

    def pick(i: int) -> Labels:
        pool = [j for j in sorted(labels) if j != i and (siblings or statements[j].item != statements[i].item)]
        rng = Random(derive_seed(seed, "examples", i))
        return {j: labels[j] for j in rng.sample(pool, min(shown, len(pool)))}

    return pick


def log_odds(
    statements: Sequence[Statement], wanted: Sequence[int], examples: Examples, role: str
) -> Program[dict[int, float]]:
    """Log p(True) − log p(False) of each wanted statement after its examples."""
    requests = [
        Score(role, prompt(statements, i, examples(i)), word) for i in wanted for word in (WORDS[True], WORDS[False])
    ]
    scored: list[Scored] = (yield requests) if requests else []
    pairs = zip(scored[::2], scored[1::2], strict=True)
    return {i: true.total - false.total for i, (true, false) in zip(wanted, pairs, strict=True)}


def prompt(statements: Sequence[Statement], i: int, examples: Labels) -> tuple[Message, ...]:
    """What is shown before the label of statement `i`."""
    shown = [(statements[j].text, WORDS[label]) for j, label in examples.items()]
    return user(render("mutual.label.v1", shown=shown, statement=statements[i].text))


def likeliest(statements: Sequence[Statement], odds: Mapping[int, float]) -> Labels:
    """Of each problem the likeliest statement is true, the others are not."""
    best: dict[str, int] = {}
    for i, value in odds.items():
        rival = best.setdefault(statements[i].item, i)
        best[statements[i].item] = i if value > odds[rival] else rival
    return {i: best[statements[i].item] == i for i in odds}


def _bootstrapped(
    statements: Sequence[Statement], settings: CoherentLabelsSettings, role: str, seed: int
) -> Program[Labelled]:
    """Labels without examples, made consistent, are examples for the next labels, and so on."""
    every = range(len(statements))
    odds = yield from log_odds(statements, every, lambda i: {}, role)
    for _ in range(settings.rounds):
        known = likeliest(statements, odds)
        odds = yield from log_odds(statements, every, drawn(statements, known, settings.shown, seed), role)
    consistent = likeliest(statements, odds)
    return Labelled({i: abs(odds[i]) * (1 if consistent[i] else -1) for i in every})
