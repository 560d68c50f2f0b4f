"""Graders that ask a model for a score from 0 to 1: the quality of an answer, and how much of a reference it covers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from veracity.core.errors import AuthenticationError, ModelError
from veracity.core.problem import Problem
from veracity.core.requests import Generate, Generated, Program, Sampling, user
from veracity.judging.graders.base import GRADERS, Graded, GraderStatus, score_model
from veracity.judging.prompting import render
from veracity.judging.quoting import quoted
from veracity.judging.rating import parse_rating

_QUESTION, _ANSWER, _REFERENCE = "{{ item.question }}", "{{ sample.output_text }}", "{{ item.reference }}"


@GRADERS.register("model")
@dataclass(frozen=True, slots=True)
class ModelQuality:
    """How good an answer is, in [0, 1]: right, relevant, complete, well argued."""

    role: str = "grader"
    model: str = "o4-mini-2025-04-16"
    """Who grades where OpenAI runs the grader."""
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=1024))

    name: ClassVar[str] = "model"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def lacks(self, problem: Problem) -> None:
        """Nothing."""

    def grade(self, problem: Problem, output: str) -> Program[Graded]:
        """Ask for a score."""
        text = _prompt("grader.quality.v1", problem.messages()[0].content, quoted(output), "")
        return (yield from _asked(self.role, text, self.sampling))

    def to_openai_spec(self) -> dict[str, Any]:
        """A model that scores."""
        text = _prompt("grader.quality.v1", _QUESTION, _ANSWER, "", form=False)
        return score_model(self.name, text, self.model, self.bounds)


@GRADERS.register("model_agreement")
@dataclass(frozen=True, slots=True)
class ModelAgreement:
    """Share of a reference's insights that an answer covers, in [0, 1].

    What the answer says beyond them, and conclusions of its own, cost nothing: this is coverage, not similarity.
    """

    role: str = "grader"
    model: str = "o4-mini-2025-04-16"
    """Who grades where OpenAI runs the grader."""
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=1024))

    name: ClassVar[str] = "model_agreement"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def lacks(self, problem: Problem) -> tuple[GraderStatus, str] | None:
        """A reference."""
        return None if problem.gold is not None else ("no_truth", "it has no reference answer to be covered")

    def grade(self, problem: Problem, output: str) -> Program[Graded]:
        """Ask for the share."""
        if lack := self.lacks(problem):
            return Graded(None, *lack)
        reference = quoted(problem.gold or "")
        text = _prompt("grader.coverage.v1", problem.messages()[0].content, quoted(output), reference)
        return (yield from _asked(self.role, text, self.sampling))

    def to_openai_spec(self) -> dict[str, Any]:
        """A model that scores."""
        text = _prompt("grader.coverage.v1", _QUESTION, _ANSWER, _REFERENCE, form=False)
        return score_model(self.name, text, self.model, self.bounds)


def _prompt(prompt: str, question: str, answer: str, reference: str, *, form: bool = True) -> str:
    return render(prompt, question=question, answer=answer, reference=reference, form=form)


def _asked(role: str, text: str, sampling: Sampling) -> Program[Graded]:
    try:
        reply: Generated = yield Generate(role, user(text), sampling=sampling)
    except AuthenticationError:
        raise
    except ModelError as error:
        return Graded(None, "request_failed", str(error))
    rating = parse_rating(reply.text)
    reason = None if rating.status == "ok" else "the grader gave no score from 0 to 1"
    return Graded(rating.value, rating.status, reason, reply=reply.text)
