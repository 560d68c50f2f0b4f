r"""The Brier reward of the belief that an answer ends with, as `\finalBeliefProb{x}`; nobody is asked.

The code that grades is the code that is exported: `sources/brier.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.judging.graders.base import GRADERS, Graded, GraderStatus, asking_nobody, lacks_two_options, python_spec
from veracity.judging.graders.sources import brier
from veracity.judging.prompting import render


@GRADERS.register("python_brier")
@dataclass(frozen=True, slots=True)
class PythonBrier:
    """Reward −((1 − correct) − x)² in [−1, 0]; constant ½ earns −¼."""

    name: ClassVar[str] = "python_brier"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 0.0)

    def lacks(self, problem: Problem) -> tuple[GraderStatus, str] | None:
        """Two options and the right one."""
        return lacks_two_options(problem)

    def grade(self, problem: Problem, output: str) -> Program[Graded]:
        """Read the last mark; out of range is no grade, and neither is an answer without a mark."""
        yield from asking_nobody()
        if lack := self.lacks(problem):
            return Graded(None, *lack)
        try:
            said = brier.belief(output)
        except brier.OutOfRangeError as error:
            return Graded(None, "out_of_range", str(error))
        except ValueError as error:
            return Graded(None, "parse_failed", str(error))
        return Graded(brier.reward(said, problem.correct), "ok", belief=said)

    def to_openai_spec(self) -> dict[str, Any]:
        """A Python grader of the same source."""
        return dict(python_spec(self.name, Path(brier.__file__).read_text(encoding="utf-8")))


def asking_for_belief(problem: Problem) -> Problem:
    r"""`problem` with the instruction to end the answer with `\finalBeliefProb{x}`, x being of the first option.

    Raises:
        IndexError: the problem has no options.
    """
    text = render("grader.brier_format.v1", question=problem.question, option=problem.options[0])
    return replace(problem, question=text)
