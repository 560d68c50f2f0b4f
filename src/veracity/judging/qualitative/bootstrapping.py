"""More examples from few: each round judges further trajectories with the examples so far, and adds them to these."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from veracity.core.errors import ConfigError
from veracity.core.requests import Program
from veracity.judging.qualitative.base import Example, QualitativeSettings, Scores, Subject
from veracity.judging.qualitative.judging import judge_once
from veracity.judging.qualitative.orders import verdict_queries


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """Examples after all rounds, and how many candidates got no verdict and were passed over."""

    examples: tuple[Example, ...]
    failed: int


def candidates_needed(examples: int, rounds: int) -> int:
    """Candidates that `rounds` rounds take, if all can be judged: each adds max(1, examples so far)."""
    count = examples
    for _ in range(rounds):
        count += max(1, count)
    return count - examples


def bootstrap_examples(
    examples: Sequence[Example], candidates: Sequence[Subject], settings: QualitativeSettings
) -> Program[Bootstrapped]:
    """Double the examples `settings.bootstrap_rounds` times, by candidates in the order given.

    A round adds max(1, examples so far), all judged with the examples from before the round. A candidate whose verdicts
    all failed is passed over for the next.

    Raises:
        ConfigError: there are fewer candidates than the rounds take, even before any fails.
    """
    needed = candidates_needed(len(examples), settings.bootstrap_rounds)
    if needed > len(candidates):
        raise ConfigError(
            f"bootstrap_rounds={settings.bootstrap_rounds} from {len(examples)} examples takes {needed} candidates, "
            f"but there are {len(candidates)}; give more, or fewer rounds"
        )
    known, left, failed = list(examples), list(candidates), 0
    for _ in range(settings.bootstrap_rounds):
        added: list[Example] = []
        while left and len(added) < max(1, len(known)):
            subject = left.pop(0)
            scores = yield from _mean_verdict(subject, known, settings)
            failed += scores is None
            added += [] if scores is None else [Example(subject, scores)]
        known += added
    return Bootstrapped(tuple(known), failed)


def _mean_verdict(
    subject: Subject, examples: Sequence[Example], settings: QualitativeSettings
) -> Program[Scores | None]:
    strategy = settings.few_shot if settings.bootstrap_permutes else "static"
    shown = replace(settings, few_shot=strategy if examples else "disabled")
    found: list[Scores] = []
    for query in verdict_queries(len(examples), shown):
        verdict = yield from judge_once(subject, examples, shown, query)
        if verdict.scores is not None:
            found.append(verdict.scores)
    return mean_scores(found) if found else None


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """The mean of each number, with the rationale of the first. ValueError without any."""
    if not scores:
        raise ValueError("no verdicts to take the mean of")
    names = [name for name, _ in scores[0].criteria]
    values = [dict(one.criteria) for one in scores]
    criteria = tuple((name, math.fsum(v[name] for v in values) / len(values)) for name in names)
    overall = math.fsum(one.overall for one in scores) / len(scores)
    return Scores(criteria, overall, scores[0].rationale)
