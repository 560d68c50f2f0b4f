"""Chain of thought: the policy is asked to think step by step; each block between blank lines is one step."""

from __future__ import annotations

from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.core.trajectory import Trajectory
from veracity.reasoning.base import PROMPTS, ReasoningSettings, mode
from veracity.reasoning.dialogue import Dialogue, posed


@mode("chain_of_thought")
def chain_of_thought(problem: Problem, settings: ReasoningSettings) -> Program[Trajectory]:
    """One turn of several steps (Wei et al., 2022, arXiv 2201.11903, without examples)."""
    instruction = PROMPTS.render("chain_of_thought.v1", lettered=bool(problem.options))
    dialogue = Dialogue(problem, settings, posed(problem, settings), instruction)
    reply = yield dialogue.request()
    dialogue.hear(reply, blocks=True)
    return dialogue.trajectory()
