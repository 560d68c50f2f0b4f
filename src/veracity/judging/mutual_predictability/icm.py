"""Internal coherence maximisation: labels for statements, found by how well a model predicts each from the others.

    U(D) = α · P(D) − I(D),  P(D) = mean of log p(yᵢ | xᵢ, D without i),  I(D) = number of inconsistent pairs

maximised by simulated annealing from K random labels (Wen et al., 2025, arXiv 2506.10139, algorithms 1 and 2). The
paper writes P as a sum. Then every further label lowers U, by tens where the model is in doubt, so that a search which
has cooled adds none; and a pair that cannot hold weighs 1/α nats, which is nothing. The authors' code takes a mean, to
which its α and temperatures belong (of log-odds; here of log-probabilities). The sum can be had.

Statements are looked at with equal probability, the paper prefers those that exclude labelled ones. Coherent labels
need not be true: compare them with a known truth before use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from random import Random
from typing import Literal

from veracity.core.errors import ConfigError
from veracity.core.identity import derive_seed
from veracity.core.requests import Program, Score, Scored, user
from veracity.judging.prompting import render

Labels = Mapping[int, bool]
"""Index of a statement → whether it is called true; statements that are not in it have no label."""
Inconsistent = Callable[[int, bool, int, bool], bool]
"""(i, label of i, j, label of j) → whether both cannot hold."""

Predictability = Literal["mean", "sum"]
"""Of the labels' log-probabilities, each given the others."""

WORDS = {True: "True", False: "False"}


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How labels are looked for."""

    role: str = "policy"
    """Whose predictions count; it must give log-probabilities."""
    start: int = 8
    """Statements that begin with random labels."""
    steps: int = 200
    alpha: float = 50.0
    predictability: Predictability = "mean"
    first_temperature: float = 10.0
    last_temperature: float = 0.01
    cooling: float = 0.99
    """β of T = max(T_min, T₀ / (1 + β ln n)) at step n."""
    fixes: int = 10
    """Inconsistent pairs that are looked at after a change."""
    shown: int = 32
    """Labelled statements that a prediction is shown at most."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.start, self.steps, self.shown) < 1 or min(self.first_temperature, self.last_temperature) <= 0:
            raise ConfigError(f"a search for labels needs a start, steps and temperatures above zero, not {self}")

    def temperature(self, step: int) -> float:
        """At step 1, 2, …."""
        return max(self.last_temperature, self.first_temperature / (1 + self.cooling * math.log(step)))


@dataclass(frozen=True, slots=True)
class LabelSearch:
    """What was found."""

    labels: Labels
    utility: float
    history: tuple[float, ...]
    """Utility after the start and after every step."""
    accepted: int
    """Steps that were taken."""


class _Search:
    """The state of one search."""

    def __init__(self, statements: Sequence[str], settings: SearchSettings, inconsistent: Inconsistent) -> None:
        self.statements, self.settings, self.inconsistent = statements, settings, inconsistent
        self.rng = Random(derive_seed(settings.seed, "label search"))

    def start(self) -> dict[int, bool]:
        """Random labels of some statements."""
        chosen = self.rng.sample(range(len(self.statements)), min(self.settings.start, len(self.statements)))
        return {i: self.rng.random() < 0.5 for i in sorted(chosen)}

    def predicted(self, wanted: Sequence[int], labels: Labels) -> Program[list[float]]:
        """Log p(true) − log p(false) of each statement, given the labels of all others."""
        requests = [request for i in wanted for request in self._requests(i, labels)]
        scored: list[Scored] = yield requests
        return [true.total - false.total for true, false in zip(scored[::2], scored[1::2], strict=True)]

    def utility(self, labels: Labels) -> Program[float]:
        """U of the labels."""
        order = sorted(labels)
        logits = yield from self.predicted(order, labels)
        signed = (logit if labels[i] else -logit for i, logit in zip(order, logits, strict=True))
        likelihood = -math.fsum(_softplus(-logit) for logit in signed)
        share = max(1, len(labels)) if self.settings.predictability == "mean" else 1
        return self.settings.alpha * likelihood / share - len(self.conflicts(labels))

    def conflicts(self, labels: Labels) -> list[tuple[int, int]]:
        """Pairs that cannot both hold."""
        pairs = combinations(sorted(labels), 2)
        return [(i, j) for i, j in pairs if self.inconsistent(i, labels[i], j, labels[j])]

    def fixed(self, labels: dict[int, bool], utility: float) -> Program[tuple[dict[int, bool], float]]:
        """The labels, with inconsistent pairs set to what fits best, if that is better than leaving them.

        A pair that is better left does not keep others from being looked at.
        """
        for _ in range(self.settings.fixes):
            conflicts = self.conflicts(labels)
            if not conflicts:
                break
            i, j = self.rng.choice(conflicts)
            before = labels
            for first, second in product((True, False), repeat=2):
                if not self.inconsistent(i, first, j, second):
                    tried = {**before, i: first, j: second}
                    value = yield from self.utility(tried)
                    labels, utility = (tried, value) if value > utility else (labels, utility)
        return labels, utility

    def _requests(self, wanted: int, labels: Labels) -> list[Score]:
        others = [i for i in sorted(labels) if i != wanted]
        if len(others) > self.settings.shown:
            picker = Random(derive_seed(self.settings.seed, "labels shown", wanted))
            others = sorted(picker.sample(others, self.settings.shown))
        shown = [(self.statements[i], WORDS[labels[i]]) for i in others]
        prompt = user(render("mutual.label.v1", shown=shown, statement=self.statements[wanted]))
        return [Score(self.settings.role, prompt, WORDS[label]) for label in (True, False)]


def search_labels(
    statements: Sequence[str], settings: SearchSettings, inconsistent: Inconsistent = lambda *_: False
) -> Program[LabelSearch]:
    """Look for the labels that the model finds most coherent.

    Raises:
        ConfigError: there are fewer than two statements.
    """
    if len(statements) < 2:
        raise ConfigError(f"{len(statements)} statements; coherence needs at least two")
    search = _Search(statements, settings, inconsistent)
    labels = search.start()
    utility = yield from search.utility(labels)
    labels, utility = yield from search.fixed(labels, utility)
    history, accepted = [utility], 0
    for step in range(1, settings.steps + 1):
        chosen = search.rng.randrange(len(statements))
        (logit,) = yield from search.predicted([chosen], labels)
        tried = {**labels, chosen: logit > 0}
        if tried != labels:
            value = yield from search.utility(tried)
            tried, value = yield from search.fixed(tried, value)
            if taken(value - utility, settings.temperature(step), search.rng.random()):
                labels, utility, accepted = tried, value, accepted + 1
        history.append(utility)
    return LabelSearch(labels, utility, tuple(history), accepted)


def taken(gain: float, temperature: float, luck: float) -> bool:
    """Whether annealing takes a step: always uphill, downhill with probability exp(gain / temperature)."""
    return gain > 0 or luck < math.exp(gain / temperature)


def _softplus(x: float) -> float:
    """log(1 + exp(x))."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
