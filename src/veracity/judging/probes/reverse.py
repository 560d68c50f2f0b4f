"""Reverse: shown the value, does the model name the subject? Models that learned A → B often cannot."""

from __future__ import annotations

from veracity.core.requests import Program
from veracity.judging.parsing import is_answer, parse_answer
from veracity.judging.probes.base import (
    PROBES,
    ProbeContext,
    ProbeRow,
    asking,
    row_maker,
    template_id,
    value_of,
)
from veracity.judging.prompting import prompt_id, render, style_of
from veracity.world.facts import Fact


@PROBES.register("reverse")
def reverse(fact: Fact, context: ProbeContext) -> Program[list[ProbeRow]]:
    """Ask the reverse question about each target value; a fact without one gives no row."""
    if fact.reverse_question is None:
        return []
    prompt = prompt_id("generation", context.family)
    asked = [
        render(prompt, question=fact.reverse_question.format(value=value_of(fact, t)), abstention=context.abstention)
        for t in context.targets
    ]
    replies = yield [asking(context, text) for text in asked]
    make, rows = row_maker(fact, "reverse"), []
    for target, text, reply in zip(context.targets, asked, replies, strict=True):
        parsed = parse_answer(reply.text, style=style_of(context.family), abstention=context.abstention)
        valid = parsed.status in ("ok", "unsure")
        rows.append(
            make(
                target=target,
                template=template_id(prompt, context),
                prompt=text,
                reply=reply.text,
                status=parsed.status if valid else "parse_failed",
                correct=is_answer(parsed.answer, (fact.subject,)) if valid else None,
                answer=parsed.answer,
            )
        )
    return rows
