"""A grader that is a Python function of the caller's, run in this process: for training and measuring from Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, SupportsFloat

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.judging.graders.base import Graded, asking_nobody
from veracity.judging.graders.function_code import code_hash


@dataclass(frozen=True, slots=True)
class FunctionGrader:
    """The reward is what `of(problem, output)` returns; None, or no finite number, is no reward."""

    of: Callable[[Problem, str], float | None]

    name: ClassVar[str] = "function"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    @property
    def code(self) -> str:
        """Content hash of what it does, as far as that can be told: see `code_hash`."""
        return code_hash(self.of)

    def lacks(self, problem: Problem) -> None:
        """Nothing that could be known before it runs."""

    def grade(self, problem: Problem, output: str) -> Program[Graded]:
        """Call it; what it raises ends the program, and so does what is neither a number nor None (TypeError)."""
        yield from asking_nobody()
        value = self.of(problem, output)
        if not (value is None or isinstance(value, SupportsFloat)):
            raise TypeError(
                f"the reward of {problem.domain}/{problem.id} is {value!r:.80}; the function returns a number, or None "
                "where there is none"
            )
        if value is None or not math.isfinite(value):
            return Graded(None, "grader_failed", f"the function returned {value}")
        return Graded(float(value), "ok")

    def to_openai_spec(self) -> dict[str, Any]:
        """Nobody but this process can call it. Raises ConfigError."""
        raise ConfigError("a function of this process cannot be sent; write it to a file and give python?file=…")
