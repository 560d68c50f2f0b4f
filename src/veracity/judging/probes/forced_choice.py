"""Forced choice: after the fact's question, is the value more probable than a foil?

No text is generated, so it measures what a model too small to give verdicts recognises. All continuations of
a question are asked for together and share its computation. The learned, the updated and the control value
meet the same foils. The decision is by the log-probability of the whole answer; the reply holds the number of
tokens too, so that a length-normalised choice can be made afterwards.
"""

from __future__ import annotations

from dataclasses import replace

from veracity.core.requests import Message, Program, Prompt, Score, Scored, user
from veracity.judging.probes.base import (
    PROBES,
    Foil,
    ProbeContext,
    ProbeRow,
    Target,
    foils_of,
    row_maker,
    template_id,
    value_of,
    wordings,
)
from veracity.judging.prompting import Family, prompt_id, render
from veracity.world.facts import Fact


@PROBES.register("forced_choice")
def forced_choice(fact: Fact, context: ProbeContext) -> Program[list[ProbeRow]]:
    """Score every value and every foil after each question wording; one row a target and foil."""
    foils = foils_of(fact, context)
    values = list(dict.fromkeys([*(value_of(fact, t) for t in context.targets), *(f.value for f in foils)]))
    ks = wordings(fact, context)
    scored = yield [_request(fact, context, k, v) for k in ks for v in values]
    rows = []
    for n, k in enumerate(ks):
        of_wording = dict(zip(values, scored[n * len(values) : (n + 1) * len(values)], strict=True))
        rows += [_score(fact, context, k, t, f, of_wording) for t in context.targets for f in foils]
    return rows


def _prompt_id(context: ProbeContext) -> str:
    """Forced choice leaves no room for reasoning: the reasoning family uses the tagged prompts."""
    family: Family = "plain" if context.family == "plain" else "tagged"
    return prompt_id("generation", family)


def _text(fact: Fact, context: ProbeContext, wording: int) -> str:
    return render(_prompt_id(context), question=fact.question(wording), abstention=None)


def _request(fact: Fact, context: ProbeContext, wording: int, value: str) -> Score:
    """In the tagged family the reply is opened with the answer tag, and its end counts as part of the answer."""
    prompt: Prompt = user(_text(fact, context, wording), system=context.system)
    if context.family == "plain":
        return Score(context.role, prompt, value)
    return Score(context.role, (*prompt, Message("assistant", "<answer>")), f"{value}</answer>")


def _score(
    fact: Fact, context: ProbeContext, wording: int, target: Target, foil: Foil, scored: dict[str, Scored]
) -> ProbeRow:
    value = value_of(fact, target)
    margin = scored[value].total - scored[foil.value].total
    return row_maker(fact, "forced_choice")(
        target=target,
        foil_kind=foil.kind,
        template=template_id(_prompt_id(context), replace(context, abstention=None), wording),
        prompt=_text(fact, context, wording),
        reply=" | ".join(f"{v}: {scored[v].total:.4f} ({len(scored[v].logprobs)})" for v in (value, foil.value)),
        status="ok",
        correct=margin > 0,
        margin=margin,
        answer=value if margin > 0 else foil.value,
    )
