"""Stage `samples`: n answers of a model to every prompt, drawn under one system prompt; what training starts from.

A sample is kept as it came, apart from every judgement of it, under the hash of model, prompts and sampling: another
reward or another trainer samples nothing again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from veracity.core.config import Settings
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Generate, Generated, Program, Sampling
from veracity.experiments.desk import POLICY, Desk, Policy
from veracity.experiments.factuality.asking import system_text
from veracity.judging.confidence.asking import question_prompt
from veracity.judging.confidence.base import ConfidenceSettings
from veracity.judging.prompting import Family

if TYPE_CHECKING:
    import polars as pl


class SamplingSettings(Settings):
    """How answers are drawn."""

    n: int = Field(default=10, ge=1, description="Answers to each prompt.")
    temperature: float = Field(default=1.0, ge=0, description="0 is greedy, and then one answer is all.")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Share of the probability that is drawn from.")
    max_tokens: int = Field(default=64, ge=1, description="Tokens of an answer, at most.")
    system: str = Field(default="none", description="System prompt by id; `none` is no system prompt.")
    family: Family = Field(default="plain", description="How questions are put and replies read.")


@dataclass(frozen=True, slots=True)
class Ask:
    """One way of asking a policy, by the name under which its samples are kept."""

    arm: str
    policy: Policy
    how: SamplingSettings
    seed: int = 0

    def request(self, problem: Problem) -> Generate:
        """What is sent for a problem."""
        drawn = Sampling(
            temperature=self.how.temperature, top_p=self.how.top_p, max_tokens=self.how.max_tokens, seed=self.seed
        )
        put = ConfidenceSettings(family=self.how.family, system=system_text(self.how.system))
        return Generate(POLICY, question_prompt(problem, put), self.how.n, drawn)


def samples_stage(desk: Desk, name: str, problems: Sequence[Problem], asks: Sequence[Ask]) -> pl.DataFrame:
    """The samples table of these problems, asked in all these ways: stage `name` of the desk's run."""
    return desk.store(name, samples_key(problems, asks), lambda: draw(desk, name, problems, asks))


def samples_key(problems: Sequence[Problem], asks: Sequence[Ask]) -> list[Any]:
    """All that samples depend on: the policies, and every request that is made of them."""
    return [[ask.arm, ask.policy.key, [(p.id, ask.request(p)) for p in problems]] for ask in asks]


def draw(desk: Desk, stage: str, problems: Sequence[Problem], asks: Sequence[Ask]) -> pl.DataFrame:
    """Ask every problem in every way, one policy after the other: one row a sample, failed ones included."""
    from veracity.metrics.sample_rows import SAMPLES

    rows: list[dict[str, Any]] = []
    for ask in sorted(asks, key=lambda ask: ask.policy.key):  # each policy is opened once
        desk.play(ask.policy)
        results = desk.run(stage, {f"{ask.arm}/{p.id}": _answers(ask.request(p)) for p in problems})
        for problem, result in zip(problems, results.values(), strict=True):
            rows += sample_rows(problem, ask, result)
    places = {ask.arm: place for place, ask in enumerate(asks)}
    return SAMPLES.frame(sorted(rows, key=lambda row: places[str(row["arm"])]))


def sample_rows(problem: Problem, ask: Ask, result: Generated | Failure) -> list[dict[str, Any]]:
    """Rows of the samples table."""
    shared = {
        "item": problem.id,
        "cluster": problem.cluster or problem.id,
        "domain": problem.domain,
        "arm": ask.arm,
        "prompt": problem.messages()[0].content,
    }
    if isinstance(result, Failure):
        lost = {"status": "request_failed", "reason": f"{result.kind}: {result.reason}"}
        return [{**shared, "sample": i, **lost} for i in range(ask.how.n)]
    return [
        {**shared, "sample": i, "reply": s.text, "tokens": s.output_tokens, "finish": s.finish, "status": "ok"}
        for i, s in enumerate(result.samples)
    ]


def _answers(request: Generate) -> Program[Generated]:
    reply: Generated = yield request
    return reply
