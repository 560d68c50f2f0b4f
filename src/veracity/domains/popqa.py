"""`popqa`: PopQA (Mallen et al., 2023, arXiv 2212.10511; MIT), 14k questions with the popularity of their subject.

Published schema: `id`, `subj`, `prop`, `obj`, `question`, `possible_answers` (a JSON list in one cell), `s_pop`,
`o_pop` (monthly page views), `s_wiki_title`, and others that are not used.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, Texts, dataset, distinct
from veracity.domains.hub import HubSet
from veracity.domains.provenance import Provenance, stated

stated("popqa", published=Provenance("made from Wikidata by templates (PopQA, Mallen et al., 2023)", "MIT"))

Views = Annotated[int, Field(ge=0)]


class PopQARow(DatasetRow):
    """One row of PopQA."""

    id_column = "id"

    id: int
    subj: Text
    prop: Text
    obj: Text
    question: Text
    possible_answers: Annotated[Texts, Field(min_length=1)]
    s_pop: Views
    o_pop: Views | None = None
    s_wiki_title: Text | None = None


@dataset("popqa", PopQARow, hub=HubSet("akariasai/PopQA", part="test"))
def popqa(row: PopQARow) -> Problem:
    """PopQA: questions about a subject's property; `s_pop` says how popular the subject is (monthly page views)."""
    best = [row.obj] if row.obj in row.possible_answers else []
    return Problem(
        id=str(row.id),
        domain="popqa",
        question=row.question,
        answers=distinct([*best, *row.possible_answers]),
        cluster=row.s_wiki_title or row.subj,
        meta=(
            ("answerable", True),
            ("subject", row.subj),
            ("relation", row.prop),
            ("s_pop", row.s_pop),
            ("o_pop", row.o_pop),
        ),
    )
