"""Length control: the policy is asked for an answer of a stated length, so that length can be told from content.

The length asked for and the length it came to are both recorded; a metric that grows with length along the sweep
`TARGETS` rewards words.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.core.trajectory import Trajectory
from veracity.reasoning.base import PROMPTS, ReasoningSettings, mode
from veracity.reasoning.dialogue import Dialogue, posed

TARGETS = (50, 100, 200, 400, 800)
"""Tokens: the sweep that tells a metric's dependence on length."""
_WORDS_PER_TOKEN = 0.75


@mode("length_control")
def length_control(
    problem: Problem, settings: ReasoningSettings, *, target: Annotated[int, Field(ge=1, le=100_000)] = 200
) -> Program[Trajectory]:
    """One turn of about `target` tokens; the request says it in words, three to four tokens."""
    instruction = PROMPTS.render("length_control.v1", words=max(1, round(_WORDS_PER_TOKEN * target)))
    dialogue = Dialogue(problem, settings, posed(problem, settings), instruction)
    reply = yield dialogue.request()
    dialogue.hear(reply)
    return dialogue.trajectory(target_tokens=target)
