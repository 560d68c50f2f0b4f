"""OpenAI's graders API: is a grader's specification accepted, and what does it give for one answer?

`POST /fine_tuning/alpha/graders/validate` and `/run`, spoken through the same transport as every other request.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from veracity.core.errors import MalformedReplyError
from veracity.models.keys import Key
from veracity.models.remote.transport import Patience, Transport

_ROOT = "/fine_tuning/alpha/graders"


@dataclass(frozen=True, slots=True)
class GraderRun:
    """What the server's grader gave; `reward` is None where it failed, and `errors` says how."""

    reward: float | None
    errors: tuple[str, ...]


class GraderService:
    """The graders API of one server (`https://api.openai.com/v1`)."""

    def __init__(self, base_url: str, key: Key | None = None, patience: Patience | None = None) -> None:
        self._transport = Transport(base_url, "graders", "graders", key, 4, patience or Patience())

    async def validate(self, spec: Mapping[str, Any]) -> None:
        """Raises ModelError, with the server's words, unless it accepts the specification."""
        await self._transport.ask(f"{_ROOT}/validate", {"grader": dict(spec)}, _grader)

    async def run(self, spec: Mapping[str, Any], output: str, item: Mapping[str, Any]) -> GraderRun:
        """Grade `output` on the server. Raises ModelError where it refuses to."""
        body = {"grader": dict(spec), "model_sample": output, "item": dict(item)}
        return await self._transport.ask(f"{_ROOT}/run", body, _run)


def _grader(answer: Any) -> Mapping[str, Any]:
    found = answer.get("grader") if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise MalformedReplyError("the server's answer to a validation holds no grader")
    return found


def _run(answer: Any) -> GraderRun:
    try:
        reward, errors = answer["reward"], answer["metadata"]["errors"]
        named = tuple(sorted(name for name, struck in errors.items() if struck is True))
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedReplyError(f"the server's answer to a grader's run lacks {error}") from None
    if named:
        return GraderRun(None, named)
    if isinstance(reward, bool) or not isinstance(reward, int | float) or not math.isfinite(reward):
        raise MalformedReplyError(f"the server's reward is {reward!r}, no number")
    return GraderRun(float(reward), ())
