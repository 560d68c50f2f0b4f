"""Generation: does the model say the value when it is asked the fact's question?

Control: the same question about a subject that is not taught; correct when the answer is *not* the taught
value, so a model that says the new value about everybody fails here (Davidson et al., 2026, arXiv 2605.27564).
"""

from __future__ import annotations

from collections.abc import Iterator

from veracity.core.requests import Program
from veracity.judging.parsing import is_answer, parse_answer
from veracity.judging.probes.base import (
    PROBES,
    Arm,
    ProbeContext,
    ProbeRow,
    asking,
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
        asked.append(("target", k, fact.question(k)))
        if fact.control_subject:
            asked.append(("control", k, fact.control_question(k)))
    texts = [render(prompt, question=question, abstention=context.abstention) for _, _, question in asked]
    replies = yield [asking(context, text) for text in texts]
    return [
        row
        for (arm, k, _), text, reply in zip(asked, texts, replies, strict=True)
        for row in _score(fact, context, arm, template_id(prompt, context, k), text, reply.text)
    ]


def _score(fact: Fact, context: ProbeContext, arm: Arm, template: str, prompt: str, reply: str) -> Iterator[ProbeRow]:
    """One row a target; Unsure is wrong on the target arm and right on the control arm (the paper's rule)."""
    parsed = parse_answer(reply, style=style_of(context.family), abstention=context.abstention)
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
