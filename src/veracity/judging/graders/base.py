"""What every grader shares: a name, a range, a program that grades one answer, and its form for OpenAI's API.

A grader gives a reward: higher is better. One that could not be had has a status and no number; who trains leaves it
out, and never takes it for the best (or any other) grade.

Third parties add graders through the entry point group `veracity.graders`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Literal, Protocol, get_type_hints, runtime_checkable

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.core.registry import Registry
from veracity.core.requests import Program
from veracity.models.spec import ModelSpec

GraderStatus = Literal[
    "ok",
    "no_truth",
    "not_applicable",
    "parse_failed",
    "refused",
    "out_of_range",
    "request_failed",
    "grader_failed",
    "timed_out",
]
"""`no_truth`: the problem has no right option or reference. `not_applicable`: it is of another kind. `parse_failed`,
`refused`, `out_of_range`: what the answer, or the model that grades it, says is no number that counts.
`grader_failed`: the grader's own code did not return one."""


@dataclass(frozen=True, slots=True)
class Graded:
    """One grade; `reward` is None unless `status` is ok."""

    reward: float | None
    status: GraderStatus
    reason: str | None = None
    """Why it is not ok."""
    belief: float | None = None
    """The probability of the first option that the grader read, where it reads one."""
    reply: str | None = None
    """What the model that grades said."""


@runtime_checkable
class Grader(Protocol):
    """A grader with its options set."""

    name: ClassVar[str]
    bounds: ClassVar[tuple[float, float]]
    """Least and greatest reward; infinite where the grader's own code decides."""

    def lacks(self, problem: Problem) -> tuple[GraderStatus, str] | None:
        """What of its needs the problem does not give, as a status and in words; None where nothing is missing."""
        ...

    def grade(self, problem: Problem, output: str) -> Program[Graded]:
        """Grade the text that a policy answered the problem with."""
        ...

    def to_openai_spec(self) -> dict[str, Any]:
        """The grader as OpenAI's graders API has it; items are what `openai_item` makes of problems."""
        ...


GRADERS: Registry[type[Grader]] = Registry("graders", package="veracity.judging.graders")


def open_grader(spec: str) -> Grader:
    """The grader that `spec` names, with its options: `model_quality?role=judge`.

    Raises:
        ConfigError: an unknown grader or option, a value of the wrong type, or a missing option.
    """
    parsed = ModelSpec.parse(spec)
    kind: Any = GRADERS.get(parsed.name)
    hints = get_type_hints(kind)
    settable = [f for f in fields(kind) if hints[f.name] in (str, int, float, bool)]
    given = parsed.only(**{field.name: hints[field.name] for field in settable})
    missing = [f.name for f in settable if f.default is MISSING and f.name not in given]
    if missing:
        raise ConfigError(f"{parsed.name!r} needs {missing[0]}: write {parsed.name}?{missing[0]}=…")
    made: Grader = kind(**given)
    return made


def openai_item(problem: Problem) -> dict[str, Any]:
    """What the `item` namespace of OpenAI's graders holds for a problem."""
    named = {f"option_{place}": option for place, option in enumerate(problem.options)}
    return {
        "id": problem.id,
        "question": problem.messages()[0].content,
        "correct_option": problem.correct,
        "reference": problem.gold,
        **named,
    }


def asking_nobody() -> Program[None]:
    """No request: a grader that asks nobody is a program all the same."""
    yield from ()


def lacks_two_options(problem: Problem) -> tuple[GraderStatus, str] | None:
    """What a Brier score of one number needs: two options, one of which is known to be right."""
    if len(problem.options) != 2:
        return "not_applicable", f"it has {len(problem.options)} options, where a belief in the first of two is graded"
    return None if problem.correct is not None else ("no_truth", "it does not say which option is right")


def score_model(name: str, text: str, model: str, bounds: tuple[float, float]) -> dict[str, Any]:
    """OpenAI's specification of a model that gives a score, asked `text`."""
    return {
        "type": "score_model",
        "name": name,
        "model": model,
        "input": [{"role": "user", "content": text}],
        "range": list(bounds),
    }


def python_spec(name: str, source: str) -> Mapping[str, Any]:
    """OpenAI's specification of a grader in Python."""
    return {"type": "python", "name": name, "source": source}
