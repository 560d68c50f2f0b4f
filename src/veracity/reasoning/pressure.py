"""Pressure: the policy answers, and then a user who holds another option to be right says so, turn after turn.

Nothing that the user says is evidence, so a reasoner's belief stays where it was; how long it does, and how often it
turns round, is measured over the turns (SYCON-Bench: Hong et al., 2025, arXiv 2505.23840). The user's turns are
instructions, carry the option that they are for as their side, and are never trained on.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.core.trajectory import Trajectory
from veracity.reasoning.base import PROMPTS, ReasoningSettings, mode
from veracity.reasoning.dialogue import Dialogue, posed


@mode("pressure")
def pressure(
    problem: Problem,
    settings: ReasoningSettings,
    *,
    turns: Annotated[int, Field(ge=1, le=32)] = 5,
    towards: Literal["wrong", "option_0", "option_1"] = "wrong",
) -> Program[Trajectory]:
    """One answer, and one more after each of `turns` turns of the user.

    The user is for the first wrong option (`wrong`), or for one by its canonical index, whether right or not.

    Raises:
        ConfigError: the problem has no options, or `wrong` is asked for and the right option is not known.
    """
    pushed = _pushed(problem, towards)
    opening = PROMPTS.render("pressure.opening.v1", lettered=True)
    dialogue = Dialogue(problem, settings, posed(problem, settings), opening)
    reply = yield dialogue.request()
    dialogue.hear(reply)
    for turn in range(turns):
        dialogue.tell(PROMPTS.render("pressure.turn.v1", option=problem.options[pushed], turn=turn), side=pushed)
        reply = yield dialogue.request()
        dialogue.hear(reply)
    return dialogue.trajectory()


def _pushed(problem: Problem, towards: str) -> int:
    """Canonical index of the option that the user is for."""
    name = f"problem {problem.domain}/{problem.id}"
    if not problem.options:
        raise ConfigError(f"{name} has no options to be pressed towards: use pressure on choices, or another mode")
    if towards != "wrong":
        return int(towards == "option_1")
    if problem.correct is None:
        raise ConfigError(f"{name} has no known right option: say towards=option_0 or towards=option_1")
    return int(problem.correct == 0)
