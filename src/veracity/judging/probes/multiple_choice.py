"""Multiple choice: does the model pick the letter of the value among its foils?

The order of the options is drawn from (seed, fact, target), so no letter is favoured and no run differs.
"""

from __future__ import annotations

import random
import string

from veracity.core.identity import derive_seed
from veracity.core.requests import Program
from veracity.judging.parsing import parse_letter
from veracity.judging.probes.base import (
    PROBES,
    ProbeContext,
    ProbeRow,
    Target,
    asking,
    foils_of,
    row_maker,
    template_id,
    value_of,
    wordings,
)
from veracity.judging.prompting import prompt_id, render, style_of
from veracity.world.facts import Fact


@PROBES.register("multiple_choice")
def multiple_choice(fact: Fact, context: ProbeContext) -> Program[list[ProbeRow]]:
    """One question a target and wording; a fact that has no foil gives no row."""
    asked = [(t, k, _options(fact, context, t)) for t in context.targets for k in wordings(fact, context)]
    asked = [(t, k, options) for t, k, options in asked if len(options) >= 2]
    prompts = [_prompt(fact, context, k, options) for _, k, options in asked]
    replies = yield [asking(context, text) for text in prompts]
    return [
        _score(fact, context, t, k, options, text, reply.text)
        for (t, k, options), text, reply in zip(asked, prompts, replies, strict=True)
    ]


def _options(fact: Fact, context: ProbeContext, target: Target) -> list[str]:
    """The value and its foils, each once, in a drawn order."""
    foils = list(dict.fromkeys(f.value for f in foils_of(fact, context)))[: context.options - 1]
    options = [value_of(fact, target), *foils]
    random.Random(derive_seed(context.seed, "options", f"{fact.id}/{target}")).shuffle(options)
    return options


def _prompt(fact: Fact, context: ProbeContext, wording: int, options: list[str]) -> str:
    return render(
        prompt_id("multiple_choice", context.family),
        question=fact.question(wording),
        options=list(zip(string.ascii_uppercase, options, strict=False)),
        abstention=context.abstention,
    )


def _score(
    fact: Fact, context: ProbeContext, target: Target, wording: int, options: list[str], prompt: str, reply: str
) -> ProbeRow:
    parsed = parse_letter(reply, len(options), style=style_of(context.family), abstention=context.abstention)
    valid = parsed.status in ("ok", "unsure")
    answer = None if parsed.index is None else options[parsed.index]
    return row_maker(fact, "multiple_choice")(
        target=target,
        template=template_id(prompt_id("multiple_choice", context.family), context, wording),
        prompt=prompt,
        reply=reply,
        status=parsed.status if valid else "parse_failed",
        correct=answer == value_of(fact, target) if valid else None,
        answer=answer,
    )
