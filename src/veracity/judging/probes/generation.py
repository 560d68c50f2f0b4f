"""Generation: does the model say the value when it is asked the fact's question?

Control: the same question about a subject that is not taught; correct when the answer is *not* the taught
value, so a model that says the new value about everybody fails here (Davidson et al., 2026, arXiv 2605.27564).
"""

from __future__ import annotations

from collections.abc import Iterator

from veracity.core.requests import Generate, Program, user
from veracity.judging.parsing import is_answer, parse_answer
from veracity.judging.probes.base import (
    PROBES,
    Arm,
    ProbeContext,
    ProbeRow,
    row_maker,
    spellings,
    template_id,
    wordings,
)
from veracity.judging.prompting import prompt_id, render, style_of
from veracity.world.facts import Fact


@PROBES.register("generation")
def generation(fact: Fact, context: ProbeContext) -> Program[list[ProbeRow]]:
    """Ask each wording about the subject and about the control subject; one row a target of each reply."""
    prompt = prompt_id("generation", context.family)
    asked: list[tuple[Arm, int, str]] = []
    for k in wordings(fact, context):
        asked.append(("target", k, render(prompt, question=fact.question(k), unsure=context.unsure)))
        if fact.control_subject:
            asked.append(("control", k, render(prompt, question=fact.control_question(k), unsure=context.unsure)))
    replies = yield [Generate(context.role, user(text), sampling=context.sampling) for _, _, text in asked]
    return [
        row
        for (arm, k, text), reply in zip(asked, replies, strict=True)
        for row in _score(fact, context, arm, template_id(prompt, context, k), text, reply.text)
    ]


def _score(fact: Fact, context: ProbeContext, arm: Arm, template: str, prompt: str, reply: str) -> Iterator[ProbeRow]:
    """One row a target; Unsure is wrong on the target arm and right on the control arm (the paper's rule)."""
    parsed = parse_answer(reply, style=style_of(context.family), unsure=context.unsure)
    make = row_maker(fact, "generation")
    for target in context.targets:
        hit = is_answer(parsed.answer, spellings(fact, target))
        valid = parsed.status in ("ok", "unsure")
        yield make(
            target=target,
            arm=arm,
            template=template,
            prompt=prompt,
            reply=reply,
            status=parsed.status if valid else "parse_failed",
            correct=(hit if arm == "target" else not hit) if valid else None,
            answer=parsed.answer,
        )
