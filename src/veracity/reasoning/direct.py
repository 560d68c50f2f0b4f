"""Direct inference: the problem alone is put to the policy, which answers in one turn.

A model that reasons before it answers gives two steps, reasoning and response; every other gives one.
"""

from __future__ import annotations

from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.core.trajectory import Trajectory
from veracity.reasoning.base import ReasoningSettings, mode
from veracity.reasoning.dialogue import Dialogue, posed


@mode("direct")
def direct(problem: Problem, settings: ReasoningSettings) -> Program[Trajectory]:
    """One turn."""
    dialogue = Dialogue(problem, settings, posed(problem, settings))
    reply = yield dialogue.request()
    dialogue.hear(reply)
    return dialogue.trajectory()
