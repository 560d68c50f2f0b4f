"""Graders: programs from one answer to one reward, each with its form for OpenAI's graders API."""

from veracity.judging.graders.base import GRADERS, Graded, Grader, GraderStatus, open_grader, openai_item
from veracity.judging.graders.named import asks_a_model, named_grader, sandbox_of, specification
from veracity.judging.graders.openai_spec import grader_from_spec
from veracity.judging.graders.python_brier import asking_for_belief

__all__ = [
    "GRADERS",
    "Graded",
    "Grader",
    "GraderStatus",
    "asking_for_belief",
    "asks_a_model",
    "grader_from_spec",
    "named_grader",
    "open_grader",
    "openai_item",
    "sandbox_of",
    "specification",
]
