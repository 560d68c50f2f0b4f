"""Verification by text: shown a value, does the model accept it, and does it refuse a foil?

Each value is shown twice, asked whether it is correct and whether it is incorrect, so that a model that says
True to everything scores one half (Davidson et al., 2026, arXiv 2605.27564). Acceptance is True to the first
and False to the second. Where a fact brings claims and denials, the plain prompts ask about those sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from veracity.core.requests import Program
from veracity.judging.parsing import parse_verdict
from veracity.judging.probes.base import (
    POLARITIES,
    PROBES,
    FoilKind,
    Polarity,
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


@dataclass(frozen=True, slots=True)
class _Shown:
    """A value on show: right for one target, or (a foil) wrong for all of them."""

    value: str
    target: Target | None
    foil_kind: FoilKind | Literal[""] = ""


@PROBES.register("verification")
def verification(fact: Fact, context: ProbeContext) -> Program[list[ProbeRow]]:
    """Show each target value and each foil in both polarities; a foil's reply gives one row a target."""
    shown = [_Shown(value_of(fact, t), t) for t in context.targets]
    shown += [_Shown(f.value, None, f.kind) for f in foils_of(fact, context)]
    asked = [(s, p, k) for k in wordings(fact, context) for s in shown for p in POLARITIES]
    prompts = [_prompt(fact, context, s.value, p, k) for s, p, k in asked]
    replies = yield [asking(context, text) for text in prompts]
    return [
        row
        for (s, p, k), text, reply in zip(asked, prompts, replies, strict=True)
        for row in _score(fact, context, s, p, k, text, reply.text)
    ]


def _prompt(fact: Fact, context: ProbeContext, value: str, polarity: Polarity, wording: int) -> str:
    claims = fact.claims if polarity == "correct" else fact.denials
    claim = claims[wording % len(claims)].format(subject=fact.subject, value=value) if claims else None
    return render(
        prompt_id("verification", context.family),
        question=fact.question(wording),
        candidate=value,
        polarity=polarity,
        claim=claim,
        abstention=context.abstention,
    )


def _score(
    fact: Fact, context: ProbeContext, shown: _Shown, polarity: Polarity, wording: int, prompt: str, reply: str
) -> list[ProbeRow]:
    """Unsure is wrong where a value should be accepted and right where a foil should be refused."""
    parsed = parse_verdict(reply, style=style_of(context.family), abstention=context.abstention)
    accepted = parsed.verdict is not None and parsed.verdict == (polarity == "correct")
    valid = parsed.status in ("ok", "unsure")
    make = row_maker(fact, "verification")
    return [
        make(
            target=target,
            arm="target" if shown.target else "control",
            foil_kind=shown.foil_kind,
            polarity=polarity,
            template=template_id(prompt_id("verification", context.family), context, wording),
            prompt=prompt,
            reply=reply,
            status=parsed.status if valid else "parse_failed",
            correct=(accepted if shown.target else not accepted) if valid else None,
            answer=None if parsed.verdict is None else str(parsed.verdict).lower(),
        )
        for target in ((shown.target,) if shown.target else context.targets)
    ]
