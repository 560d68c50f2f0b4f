"""`cmv-binary`: contested views, to be called right or not.

Published schema (ConvoKit's winning-arguments corpus): a JSON object of ids to {`op-title`, `op-text-body`}, or rows
with `id`. Nobody knows whether such a view is right, so no option is correct. The post's text argues for one side; it
is shown with `body=true` only, as its author's words.

The bare name gives the sample: claims written for this package, each with `evidence`, as many cards for it as against
it ({`side`, `text`}). How reliable each card's source is, is drawn by `seed`, anew for each of `variants` of a claim.
The right answer is the side that the cards favour, weighed by Bayes' rule from an even start: a property of the text,
not an opinion. Detail `evidence_balance` is that weight, the probability of the first option.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from veracity.core.errors import ConfigError, DataError
from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.dataset import DatasetRow, Text, bundled, problems_of, read_rows, validated_row
from veracity.domains.hub import HubSet
from veracity.domains.provenance import WRITTEN, Provenance, stated
from veracity.models.simulated.evidence import Beliefs, bayes, read_evidence
from veracity.world.language import pick, shuffled

NAME = "cmv-binary"
OPTIONS = ("Yes", "No")
RELIABILITIES = (55, 60, 65, 70, 75, 80, 85, 90)
SMALLEST_LEAN = 0.05
"""The balance of evidence is at least so far from one half."""
MARK = re.compile(r"[\s.?!:,\-–—]*\b(?:cmv|change my view)\b[\s.?!:,\-–—]*", re.IGNORECASE)

stated(
    NAME,
    published=Provenance("posts on Reddit (winning-arguments corpus)", "not stated; passing it on is doubtful"),
    sample=WRITTEN,
)


class Card(BaseModel):
    """One piece of evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: Literal["for", "against"]
    text: Text


class ViewRow(DatasetRow):
    """One view."""

    keyed = "id"
    id_column = "id"

    id: Annotated[Text, BeforeValidator(str)]
    op_title: Text = Field(validation_alias=AliasChoices("op-title", "op_title"))
    op_text_body: str = Field(default="", validation_alias=AliasChoices("op-text-body", "op_text_body"))
    evidence: tuple[Card, ...] = ()


@domain(NAME)
def cmv_binary(
    *,
    path: str = "",
    hub: str = "",
    config: str = "",
    part: str = "",
    revision: str = "",
    body: bool = False,
    variants: int = 5,
    seed: int = 0,
) -> Iterator[Problem]:
    """Contested views, to be called right or not; the sample with evidence whose balance is the right answer."""
    given = HubSet(hub, part, config, revision)
    if path or given != HubSet("", ""):
        return problems_of(ViewRow, lambda row: _view(row, body), *read_rows(NAME, ViewRow, path, given))
    if variants < 1:
        raise ConfigError(f"{NAME}: variants={variants} must be at least 1")
    source, records = bundled(NAME, ViewRow)
    rows = [validated_row(ViewRow, place, record) for place, record in records]
    return (_weighed(row, variant, seed, f"{source}, seed {seed}") for row in rows for variant in range(variants))


def claim_of(title: str) -> str:
    """A title without its mark (`CMV:`)."""
    return " ".join(MARK.sub(" ", title).split()).strip()


def _view(row: ViewRow, body: bool) -> Problem:
    claim = claim_of(row.op_title)
    if not claim:
        raise DataError(f"op-title {row.op_title!r} says nothing beside its mark; remove the row")
    said = f"Its author writes:\n{row.op_text_body.strip()}\n\n" if body and row.op_text_body.strip() else ""
    return Problem(
        id=row.id,
        domain=NAME,
        question=f"{said}Question: Is this view right: “{claim}”?",
        options=OPTIONS,
        cluster=row.id,
        meta=(("context", row.op_text_body.strip()),),
    )


def _weighed(row: ViewRow, variant: int, seed: int, source: str) -> Problem:
    """A view with its cards; how reliable each source is, is drawn until they favour one side."""
    rng = Random(derive_seed(seed, "balance of evidence", f"{row.id}/{variant}"))
    balance = 0.5
    while abs(balance - 0.5) < SMALLEST_LEAN:
        cards = shuffled(rng, row.evidence)
        lines = [_said(number, card, pick(rng, RELIABILITIES)) for number, card in enumerate(cards, start=1)]
        belief: Beliefs = (0.5, 0.5)
        for piece in read_evidence("\n".join(lines), OPTIONS, ()):
            belief = bayes(belief, piece.likelihoods)
        balance = belief[0]
    claim = claim_of(row.op_title)
    told = "\n".join(lines)
    return Problem(
        id=f"{row.id}-{seed}-{variant}",
        domain=NAME,
        question=(
            f"A panel looks into a contested view: “{claim}” At the start, both answers count as equally good. "
            f"These reports come in, independently of each other:\n{told}\n"
            f"Go by these reports alone, each weighed by how often its source is right.\n\n"
            f"Question: Do the reports, taken together, favour the view “{claim}”?"
        ),
        options=OPTIONS,
        correct=0 if balance > 0.5 else 1,
        cluster=row.id,
        source=source,
        meta=(("evidence_balance", balance), ("context", row.op_text_body.strip())),
    )


def _said(number: int, card: Card, percent: int) -> str:
    says = OPTIONS[0] if card.side == "for" else OPTIONS[1]
    return (
        f"Report {number}, from a source that is right in {percent} % of cases, says: {says}. Its ground: {card.text}"
    )
