"""What labelling by coherence would ask and cost, before anything is asked.

A search asks the more, the more labels change, which nobody knows before: from the labels that it begins with, to a
change at each step with every pair to be mended looked at in three ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from veracity.core.requests import Backend, Score
from veracity.engine import Expected, Plan, plan_requests
from veracity.engine.abilities import check
from veracity.experiments.coherent_labels.asking import drawn, prompt, random_labels
from veracity.experiments.coherent_labels.settings import CoherentLabelsSettings, longer_share
from veracity.experiments.coherent_labels.statements import Statement
from veracity.experiments.outlook import Unopened
from veracity.judging.mutual_predictability.icm import WORDS
from veracity.models.price import FREE

MENDED = 3
"""Ways in which two statements that exclude one another may be labelled."""


def plan_labels(
    settings: CoherentLabelsSettings, statements: Sequence[Statement], backends: Mapping[str, Backend]
) -> Plan:
    """The plan of a run; `backends`: those that are open, by model.

    Raises CapabilityError for a model without log-probabilities.
    """
    known = drawn(statements, random_labels(len(statements), settings.seed), settings.shown, settings.seed)
    longest = max(range(len(statements)), key=lambda i: len(statements[i].text))
    truths = any(one.truth is not None for one in statements)
    expected = []
    for model in settings.models:
        request = Score(model, prompt(statements, longest, known(longest)), WORDS[True])
        if model in backends:
            check(backends[model], request)
        counts = _counts(settings, len(statements), truths=truths)
        expected += [Expected(request, times=most, least=least) for least, most in counts]
    made = {m: Unopened(m, FREE) for m in settings.models if longer_share(m) is not None}
    plan = plan_requests(expected, {**made, **backends}, items=len({one.item for one in statements}))
    return replace(plan, remarks=tuple(_remarks(settings, statements)))


def _counts(settings: CoherentLabelsSettings, statements: int, *, truths: bool) -> Iterator[tuple[int, int]]:
    """Fewest and most requests of one model: of its searches, and of each baseline."""
    how, each = settings.search, 2 * statements
    start = min(how.start or statements, statements)
    most = 2 * start * (1 + MENDED * how.fixes) + how.steps * (2 + each * (1 + MENDED * how.fixes))
    yield 2 * start * len(how.seeds), (most + each * how.complete) * len(how.seeds)
    for method in settings.baselines:
        if method == "gold_examples" and not truths:
            continue
        rounds = 1 + settings.rounds if method == "bootstrapped" else 1
        yield each, each * rounds * (1 if method == "zero_shot" else len(how.seeds))


def _remarks(settings: CoherentLabelsSettings, statements: Sequence[Statement]) -> Iterator[str]:
    true, known = sum(bool(one.truth) for one in statements), sum(one.truth is not None for one in statements)
    yield f"{len(statements)} statements, {true} true of {known} whose truth is known; truth is for scores alone"
    yield "calls: from searches in which no label ever changes, to a change at every step and all that it may lead to"
    if any(longer_share(model) is not None for model in settings.models):
        yield "micro models are made by the run, about half a minute each on a core of its own"
