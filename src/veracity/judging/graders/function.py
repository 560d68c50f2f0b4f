"""A grader that is a Python function of the caller's, run in this process: for training and measuring from Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from types import CodeType
from typing import Any, ClassVar

from veracity.core.errors import ConfigError
from veracity.core.identity import content_hash
from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.judging.graders.base import Graded


@dataclass(frozen=True, slots=True)
class FunctionGrader:
    """The reward is what `of(problem, output)` returns; None, or no finite number, is no reward."""

    of: Callable[[Problem, str], float | None]

    name: ClassVar[str] = "function"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    @property
    def code(self) -> str:
        """Content hash of the function's own code. What it refers to outside of itself is not in it."""
        code = getattr(self.of, "__code__", None)
        return content_hash(_code(code) if isinstance(code, CodeType) else repr(self.of))

    def lacks(self, problem: Problem) -> None:
        """Nothing that could be known before it runs."""

    def grade(self, problem: Problem, output: str) -> Program[Graded]:
        """Call it; what it raises ends the program."""
        yield from _nothing()
        value = self.of(problem, output)
        if value is None or not math.isfinite(value):
            return Graded(None, "grader_failed", f"the function returned {value}")
        return Graded(float(value), "ok")

    def to_openai_spec(self) -> dict[str, Any]:
        """Nobody but this process can call it. Raises ConfigError."""
        raise ConfigError("a function of this process cannot be sent; write it to a file and give python?file=…")


def _nothing() -> Generator[Any, Any, None]:
    """No request: a grader that asks nobody is a program all the same."""
    yield from ()


def _code(code: CodeType) -> list[Any]:
    constants = [_code(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return [code.co_code.hex(), constants, list(code.co_names)]
