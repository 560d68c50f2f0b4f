"""What the tested model is asked, in short and in long form, and its replies as a table.

A reply is kept as it came, apart from every judgement of it: a changed grader asks the model nothing again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Generate, Generated, Program, Sampling
from veracity.experiments.factuality.settings import LongSettings, ShortSettings
from veracity.judging.confidence.asking import answer_text, question_prompt
from veracity.judging.confidence.base import ConfidenceSettings
from veracity.models.system_prompts import system_prompt

if TYPE_CHECKING:
    import polars as pl

    from veracity.experiments.desk import Works


@dataclass(frozen=True, slots=True)
class Asking:
    """One way of asking: under which system prompt, drawn how, how often."""

    arm: str
    how: ConfidenceSettings
    n: int = 1

    def request(self, problem: Problem) -> Generate:
        """What is sent for a problem."""
        return Generate(self.how.role, question_prompt(problem, self.how), self.n, self.how.sampling)


def greedy_askings(settings: ShortSettings) -> list[Asking]:
    """One greedy answer of every arm."""
    return [Asking(arm, asking_of(settings, arm, Sampling(max_tokens=settings.max_tokens))) for arm in settings.arms]


def drawn_askings(settings: ShortSettings, seed: int) -> list[Asking]:
    """The sampled answers of every arm; none if no samples are wanted."""
    if not settings.samples:
        return []
    drawn = Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens, seed=seed)
    return [Asking(arm, asking_of(settings, arm, drawn), settings.samples) for arm in settings.arms]


def long_askings(settings: LongSettings, seed: int) -> list[Asking]:
    """The long answers of every arm."""
    drawn = Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens, seed=seed)
    how = [ConfidenceSettings(system=system_text(arm), sampling=drawn) for arm in settings.arms]
    return [Asking(arm, one, settings.samples) for arm, one in zip(settings.arms, how, strict=True)]


def asking_of(settings: ShortSettings, arm: str, sampling: Sampling) -> ConfidenceSettings:
    """How short answers of an arm are asked for; the same record tells the confidence programs how they were."""
    samples = max(settings.samples, 1)
    return ConfidenceSettings(family=settings.family, system=system_text(arm), samples=samples, sampling=sampling)


def system_text(arm: str) -> str | None:
    """The text of an arm's system prompt; None for `none`."""
    prompt = system_prompt(arm)
    return None if prompt is None else prompt.text


def replies(worker: Works, stage: str, problems: Sequence[Problem], askings: Sequence[Asking]) -> pl.DataFrame:
    """Ask every problem in every way: one row a reply, or one for each reply that could not be had.

    Columns: item, arm, sample, prompt, reply (null if the request failed), finish, status (`ok`, `request_failed`),
    reason.
    """
    import polars as pl

    asked = {f"{a.arm}/{p.id}": (p, a) for a in askings for p in problems}
    results = worker.run(stage, {key: _ask(p, a) for key, (p, a) in asked.items()})
    rows = [row for key, result in results.items() for row in _rows(*asked[key], result)]
    return pl.DataFrame(rows, schema=REPLY_COLUMNS, orient="row")


def answer_of(reply: str | None, settings: ShortSettings) -> str | None:
    """The short answer in a reply; None where there is no reply, or it holds no answer in the form asked for."""
    if reply is None:
        return None
    return answer_text(reply, ConfidenceSettings(family=settings.family)) or None


REPLY_COLUMNS: dict[str, Any] = {
    "item": str,
    "arm": str,
    "sample": int,
    "prompt": str,
    "reply": str,
    "finish": str,
    "status": str,
    "reason": str,
}


def _ask(problem: Problem, asking: Asking) -> Program[Generated]:
    reply: Generated = yield asking.request(problem)
    return reply


def _rows(problem: Problem, asking: Asking, result: Generated | Failure) -> list[dict[str, Any]]:
    shared = {"item": problem.id, "arm": asking.arm, "prompt": problem.messages()[0].content}
    if isinstance(result, Failure):
        lost = {"reply": None, "finish": None, "status": "request_failed", "reason": f"{result.kind}: {result.reason}"}
        return [{**shared, "sample": i, **lost} for i in range(asking.n)]
    return [
        {**shared, "sample": i, "reply": s.text.strip(), "finish": s.finish, "status": "ok", "reason": None}
        for i, s in enumerate(result.samples)
    ]
