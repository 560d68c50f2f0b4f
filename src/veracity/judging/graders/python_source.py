"""A grader in the user's own Python: source with a function `grade(sample, item)`, run in a sandbox.

The source never runs in this process: it goes as a task to whoever plays the role `sandbox`, a confined child process
without network (`veracity.models.agents.python_sandbox`). What it raises, and a result that is no finite number, is a
failure of the grader; running out of time is another.
"""

from __future__ import annotations

import ast
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from veracity.core.errors import AgentError, AgentLimitError, ConfigError, EmptyReplyError, MalformedReplyError
from veracity.core.problem import Problem
from veracity.core.requests import Act, Acted, Program
from veracity.judging.graders.base import GRADERS, Graded, openai_item, python_spec

LARGEST = 256_000
"""Bytes of source that OpenAI's API takes at most."""


@GRADERS.register("python")
@dataclass(frozen=True, slots=True)
class PythonGrader:
    """Whatever `grade(sample, item)` of a Python file returns; `file` is its path.

    Raises:
        ConfigError: there is no such file, it is too large or no Python, or has no function `grade` of two arguments.
    """

    file: str = ""
    seconds: float = 120.0
    """What one grade may take."""
    role: str = "sandbox"
    source: tuple[str, ...] = ()
    """The text itself, as one entry, where it comes from no file."""

    name: ClassVar[str] = "python"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        if bool(self.file) == bool(self.source):
            raise ConfigError("a Python grader needs its source: write python?file=<path>")
        text = "".join(self.source) or _read(Path(self.file))
        _check(text, self.file or "the grader's source")
        object.__setattr__(self, "source", (text,))

    @classmethod
    def from_source(cls, text: str, *, seconds: float = 120.0) -> PythonGrader:
        """A grader of this source text."""
        return cls(seconds=seconds, source=(text,))

    def lacks(self, problem: Problem) -> None:
        """Nothing that could be known before it runs."""

    def grade(self, problem: Problem, output: str) -> Program[Graded]:
        """Run it on the answer."""
        sample = {"output_text": output, "output_json": _json(output), "output_tools": []}
        task = json.dumps({"source": self.source[0], "sample": sample, "item": openai_item(problem)})
        try:
            acted: Acted = yield Act(self.role, task, (("seconds", self.seconds),))
        except AgentLimitError as error:
            return Graded(None, "timed_out", str(error))
        except (AgentError, EmptyReplyError, MalformedReplyError) as error:
            return Graded(None, "grader_failed", str(error))
        value = _number(acted.answer)
        if value is None:
            return Graded(None, "grader_failed", f"it returned {acted.answer[:80]}, which is no finite number")
        return Graded(value, "ok")

    def to_openai_spec(self) -> dict[str, Any]:
        """The same source."""
        return dict(python_spec(self.name, self.source[0]))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the grader {path} cannot be read ({error}); name a UTF-8 file of Python") from error


def _check(text: str, place: str) -> None:
    if len(text.encode()) > LARGEST:
        raise ConfigError(f"{place}: {len(text.encode())} bytes, where a grader has at most {LARGEST}; shorten it")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise ConfigError(f"{place}, line {error.lineno}: is no Python ({error.msg}); correct it") from error
    except ValueError as error:
        raise ConfigError(f"{place} is no Python ({error}); correct it") from error
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "grade" and len(node.args.args) == 2:
            return
    raise ConfigError(f"{place} has no function grade(sample, item); write one that returns a number")


def _json(output: str) -> Any:
    try:
        return json.loads(output, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _number(answer: str) -> float | None:
    try:
        value = json.loads(answer)
    except ValueError:
        return None
    fitting = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fitting else None
