"""Bootstrap interview: the policy answers auxiliary questions, and then the problem, in the same conversation.

Auxiliary questions and answers are history and never trained on; the answer to the problem is. Where the questions come
from, and what keeps the evaluated problem out of them, is in `veracity.reasoning.auxiliary`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.core.trajectory import Trajectory
from veracity.reasoning.auxiliary import Style, drawn_problems, fixed_questions, written_next, written_together
from veracity.reasoning.base import ReasoningSettings, mode
from veracity.reasoning.dialogue import Dialogue, posed, shown_order

Source = Literal["fixed_sequence", "iid", "stationary_ood", "llm_preset", "llm_adaptive"]
"""`fixed_sequence`: curated prompts. `iid`: problems of the same domain. `stationary_ood`: of other domains.
`llm_preset`: a generator writes all at once. `llm_adaptive`: it writes each after it has seen the conversation."""


@mode("bootstrap_interview")
def bootstrap_interview(
    problem: Problem,
    settings: ReasoningSettings,
    *,
    source: Source = "iid",
    questions: Annotated[int, Field(ge=1, le=64)] = 3,
    style: Style = "curriculum",
) -> Program[Trajectory]:
    """`questions` auxiliary turns and one for the problem; `style` is what a generator aims at.

    Raises:
        ConfigError: the fixed sequence or the pool has too few questions.
        MalformedReplyError: the generator's reply is not what it was asked for.
    """
    dialogue, asked = Dialogue(problem, settings), posed(problem, settings)
    ahead = yield from _ahead(problem, asked, source, questions, style, settings)
    for place in range(questions):
        if source == "llm_adaptive":
            dialogue.tell((yield from written_next(problem, asked, dialogue.messages, style, settings)))
        else:
            dialogue.tell(ahead[place])
        reply = yield dialogue.request()
        dialogue.hear(reply, "auxiliary", trainable=False)
    dialogue.tell(asked)
    reply = yield dialogue.request()
    dialogue.hear(reply)
    return dialogue.trajectory()


def _ahead(
    problem: Problem, asked: str, source: Source, count: int, style: Style, settings: ReasoningSettings
) -> Program[list[str]]:
    """The questions that are known before the interview begins."""
    if source == "fixed_sequence":
        return fixed_questions(count)
    if source == "llm_preset":
        return (yield from written_together(problem, asked, count, style, settings))
    if source == "llm_adaptive":
        return []
    pool = settings.pool if source == "iid" else settings.foreign_pool
    if source == "stationary_ood":
        pool = tuple(other for other in pool if other.domain != problem.domain)
    drawn = drawn_problems(problem, pool, count, settings)
    return [other.messages(shown_order(other, settings))[0].content for other in drawn]
