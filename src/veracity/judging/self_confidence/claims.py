"""The confidence of one claim: one question, many answers of the oracle, and how far they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from veracity.core.judged import JudgedClaim
from veracity.core.problem import Problem
from veracity.core.requests import Generate, Program, Prompt, Sampling, user
from veracity.judging.prompting import render
from veracity.judging.self_confidence.agreement import Agreement, Binning, Measure, agreement
from veracity.judging.self_confidence.questions import QUESTIONS, Question

ClaimStatus = Literal["ok", "no_question", "parse_failed", "no_samples"]
"""`no_samples`: every answer of the oracle was empty."""
FEW_SHOT = "self_confidence.few_shot.v1"


@dataclass(frozen=True, slots=True)
class OracleSettings:
    """How the oracle is asked; the same for every claim of a run. The defaults are the published ones."""

    questions: str = "rule"
    """Who turns a claim into its question; see `QUESTIONS`."""
    samples: int = 20
    temperature: float = 1.0
    top_p: float = 0.9
    max_tokens: int = 15
    few_shot: bool = False
    """Whether the question follows lines of questions and answers as raw text, for base models; else as a chat."""
    binning: Binning = "strict"
    seed: int = 0
    role: str = "oracle"

    def request(self, question: str) -> Generate:
        """The request for its answers; text ends at the first line break."""
        prompt: Prompt = render(FEW_SHOT, question=question) if self.few_shot else user(question)
        drawn = Sampling(self.temperature, self.top_p, max_tokens=self.max_tokens, stop=("\n",), seed=self.seed)
        return Generate(self.role, prompt, self.samples, drawn)


@dataclass(frozen=True, slots=True)
class ClaimConfidence:
    """How sure the oracle is of one claim; `agreement` is None unless `status` is ok."""

    claim: str
    question: Question
    status: ClaimStatus
    agreement: Agreement | None = None
    samples: tuple[str, ...] = ()
    """The oracle's answers, empty ones included."""

    def by(self, measure: Measure) -> float | None:
        """One of the four confidences; None where there is none."""
        return None if self.agreement is None else self.agreement.by(measure)


def claim_confidence(problem: Problem, claim: str, settings: OracleSettings) -> Program[ClaimConfidence]:
    """Make the claim's question, draw the oracle's answers, and see how far they agree."""
    question: Question = yield from QUESTIONS.get(settings.questions)(problem, claim)
    if question.text is None:
        return ClaimConfidence(claim, question, "no_question" if question.status == "ok" else question.status)
    reply = yield settings.request(question.text)
    answers = tuple(sample.text.split("\n", 1)[0].strip() for sample in reply.samples)
    found = agreement(answers, question.answer, settings.binning)
    if found.max_conf is None:
        return ClaimConfidence(claim, question, "no_samples", samples=answers)
    return ClaimConfidence(claim, question, "ok", found, answers)


def claim_by_agreement(
    settings: OracleSettings, measure: Measure = "max_conf"
) -> Callable[[Problem, str], Program[JudgedClaim]]:
    """A judge of claims for `judge_long`, which gives a confidence and no label.

    Raises:
        ValueError: `neg_entropy`, which is no probability.
    """
    if measure == "neg_entropy":
        raise ValueError("neg_entropy is no probability, so it cannot be a claim's confidence; take exp_conf")

    def judge_claim(problem: Problem, claim: str) -> Program[JudgedClaim]:
        found = yield from claim_confidence(problem, claim, settings)
        return JudgedClaim(claim, None, found.by(measure))

    return judge_claim
