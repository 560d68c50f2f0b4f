"""Graders that are written down as OpenAI's graders API has them: in Python, or a model that scores.

What cannot be run here as it would run there is refused by name, before anybody is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from veracity.core.errors import AuthenticationError, ConfigError, ModelError
from veracity.core.problem import Problem
from veracity.core.requests import Generate, Generated, Message, Program, Sampling
from veracity.judging.graders.base import Graded, Grader, GraderStatus, openai_item
from veracity.judging.graders.python_source import PythonGrader
from veracity.judging.quoting import quoted
from veracity.judging.rating import parse_rating

_TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_VARIABLE = re.compile(r"(item|sample)\.(\w+)")
_ROLES = ("system", "developer", "user", "assistant")


def grader_from_spec(spec: str | Mapping[str, Any], *, role: str = "grader") -> Grader:
    """The grader that an OpenAI specification (JSON text or an object) describes; `role` is asked for scores.

    Raises:
        ConfigError: it is no JSON, lacks a field, uses an unknown template, or is of a type that cannot be run here.
    """
    try:
        found = json.loads(spec) if isinstance(spec, str) else dict(spec)
    except ValueError as error:
        raise ConfigError(f"the grader's specification is no JSON ({error}); correct it") from error
    kind = found.get("type") if isinstance(found, dict) else None
    if kind == "python":
        return PythonGrader.from_source(_text(found, "source"))
    if kind == "score_model":
        return _score_model(found, role)
    raise ConfigError(f"a grader of type {kind!r} cannot be run here; give one of type python or score_model")


@dataclass(frozen=True, slots=True)
class ScoreModel:
    """A model asked for a score by messages of one's own; `{{ item.… }}` and `{{ sample.output_text }}` are filled."""

    messages: tuple[Message, ...]
    scale: tuple[float, float]
    role: str
    model: str
    """Who grades where OpenAI runs the grader."""
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=1024))

    name: ClassVar[str] = "score_model"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def lacks(self, problem: Problem) -> tuple[GraderStatus, str] | None:
        """A value for each variable of the messages."""
        item = openai_item(problem)
        named = (v for m in self.messages for v in _TEMPLATE.findall(m.content) if v.startswith("item."))
        missing = next((v for v in named if item.get(v.removeprefix("item.")) is None), None)
        return None if missing is None else ("no_truth", f"it has no {missing.removeprefix('item.')}")

    def grade(self, problem: Problem, output: str) -> Program[Graded]:
        """Ask; the reward is the score's place on its scale, from 0 to 1."""
        if lack := self.lacks(problem):
            return Graded(None, *lack)
        values = {f"item.{name}": value for name, value in openai_item(problem).items()}
        values["sample.output_text"] = quoted(output)
        low, high = self.scale
        form = f"Reply with a number from {low:g} to {high:g} alone, between score tags: <score>number</score>"
        turns = [Message(m.role, _TEMPLATE.sub(lambda v: str(values[v[1]]), m.content)) for m in self.messages]
        turns[-1] = Message(turns[-1].role, f"{turns[-1].content}\n\n{form}")
        try:
            reply: Generated = yield Generate(self.role, tuple(turns), sampling=self.sampling)
        except AuthenticationError:
            raise
        except ModelError as error:
            return Graded(None, "request_failed", str(error))
        rating = parse_rating(reply.text, low, high)
        if rating.value is None:
            return Graded(None, rating.status, f"no score from {low:g} to {high:g}", reply=reply.text)
        return Graded((rating.value - low) / (high - low), "ok", reply=reply.text)

    def to_openai_spec(self) -> dict[str, Any]:
        """The specification that it came from."""
        turns = [{"role": m.role, "content": m.content} for m in self.messages]
        return {
            "type": "score_model",
            "name": self.name,
            "model": self.model,
            "input": turns,
            "range": list(self.scale),
        }


def _score_model(found: Mapping[str, Any], role: str) -> ScoreModel:
    turns, scale = found.get("input"), found.get("range", [0, 1])
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        raise ConfigError("the grader's input is no list of messages; give at least one, the user's last")
    messages = tuple(_message(turn) for turn in turns)
    if messages[-1].role != "user":
        raise ConfigError("the grader's last message is not the user's; it has to be")
    if not _is_scale(scale):
        raise ConfigError(f"the grader's range is {scale!r}; give two numbers, the lower first")
    return ScoreModel(messages, (float(scale[0]), float(scale[1])), role, _text(found, "model"))


def _is_scale(scale: Any) -> bool:
    numbers = isinstance(scale, list) and len(scale) == 2 and all(type(end) in (int, float) for end in scale)
    return numbers and scale[0] < scale[1]


def _message(turn: Mapping[str, Any]) -> Message:
    role, content = turn.get("role"), _text(turn, "content")
    if role not in _ROLES:
        raise ConfigError(f"the grader's input has a message of {role!r}; known: {', '.join(_ROLES)}")
    for variable in _TEMPLATE.findall(content):
        named = _VARIABLE.fullmatch(variable)
        if named is None or (named[1] == "sample" and named[2] != "output_text"):
            raise ConfigError(f"the grader uses {{{{ {variable} }}}}; known here: item.<name> and sample.output_text")
    return Message("system" if role == "developer" else role, content)


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"the grader's specification lacks {name!r}, a text; add it")
    return value
