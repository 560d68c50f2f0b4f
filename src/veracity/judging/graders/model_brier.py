"""The Brier reward of a belief that a model reads out of an answer in prose.

The model extracts one probability and is not shown which option is right; the code computes the reward. A model that
were asked for the score itself would have to be told the truth, and trusted with arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from veracity.core.errors import AuthenticationError, ModelError
from veracity.core.problem import Problem
from veracity.core.requests import Generate, Generated, Program, Sampling, user
from veracity.judging.beliefs import parse_probability
from veracity.judging.graders.base import (
    GRADERS,
    Graded,
    GraderStatus,
    lacks_two_options,
    python_spec,
    score_model,
)
from veracity.judging.graders.sources import brier, truth
from veracity.judging.prompting import render
from veracity.judging.quoting import quoted


@GRADERS.register("model_brier")
@dataclass(frozen=True, slots=True)
class ModelBrier:
    """Reward −((1 − correct) − p)² in [−1, 0], p as `role` reads it."""

    role: str = "grader"
    model: str = "o4-mini-2025-04-16"
    """Who extracts where OpenAI runs the grader."""
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=1024))

    name: ClassVar[str] = "model_brier"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 0.0)

    def lacks(self, problem: Problem) -> tuple[GraderStatus, str] | None:
        """Two options and the right one."""
        return lacks_two_options(problem)

    def grade(self, problem: Problem, output: str) -> Program[Graded]:
        """Ask what probability the answer gives to the first option, then compute."""
        if lack := self.lacks(problem):
            return Graded(None, *lack)
        question = problem.messages()[0].content
        text = _prompt(question=question, option=problem.options[0], answer=quoted(output), form=True)
        try:
            reply: Generated = yield Generate(self.role, user(text), sampling=self.sampling)
        except AuthenticationError:
            raise
        except ModelError as error:
            return Graded(None, "request_failed", str(error))
        said = parse_probability(reply.text)
        if said.probability is None:
            return Graded(None, said.status, "the grader read no probability", reply=reply.text)
        earned = brier.reward(said.probability, problem.correct)
        return Graded(earned, "ok", belief=said.probability, reply=reply.text)

    def to_openai_spec(self) -> dict[str, Any]:
        """A model that extracts, Python that knows the truth, and a formula over both."""
        asked = {"question": "{{ item.question }}", "option": "{{ item.option_0 }}"}
        text = _prompt(**asked, answer="{{ sample.output_text }}", form=False)
        source = Path(truth.__file__).read_text(encoding="utf-8")
        return {
            "type": "multi",
            "name": self.name,
            "graders": {
                "belief": score_model("belief", text, self.model, (0.0, 1.0)),
                "truth": python_spec("truth", source),
            },
            "calculate_output": "0 - (truth - belief) ^ 2",
        }


def _prompt(*, question: str, option: str, answer: str, form: bool) -> str:
    return render("grader.belief.v1", question=question, option=option, answer=answer, form=form)
