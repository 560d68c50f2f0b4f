"""Self-debate: one policy argues for the options in alternation, in one conversation, and may sum up in the end.

The first side is the option that is shown first, so over shuffled orders each option opens as often. Instructions are
steps of their own and never trained on.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.core.trajectory import Trajectory
from veracity.reasoning.base import PROMPTS, ReasoningSettings, mode
from veracity.reasoning.dialogue import Dialogue, posed, shown_order


@mode("self_debate")
def self_debate(
    problem: Problem,
    settings: ReasoningSettings,
    *,
    turns: Annotated[int, Field(ge=1, le=64)] = 4,
    summary: bool = False,
) -> Program[Trajectory]:
    """`turns` arguments, one a turn; with `summary` one more turn, the conclusion.

    Raises:
        ConfigError: the problem has no options to argue for.
    """
    if not problem.options:
        raise ConfigError(
            f"problem {problem.domain}/{problem.id} has no options to debate: use self_debate on choices, "
            "or another mode"
        )
    dialogue, order = Dialogue(problem, settings, posed(problem, settings)), shown_order(problem, settings)
    for turn in range(turns):
        side = order[turn % len(order)]
        dialogue.tell(PROMPTS.render("self_debate.side.v1", option=problem.options[side], turn=turn), side=side)
        reply = yield dialogue.request()
        dialogue.hear(reply, "argument", side=side)
    if summary:
        dialogue.tell(PROMPTS.render("self_debate.summary.v1"))
        reply = yield dialogue.request()
        dialogue.hear(reply, "summary")
    return dialogue.trajectory()
