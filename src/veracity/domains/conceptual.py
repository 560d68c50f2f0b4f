"""`conceptual`: questions about concepts that have no agreed answer, with points that a good answer covers.

Published schema: `question`; `dimensions` (list), `short_answer`. The sample adds `rubric` (list): the details
`criterion_1` … of a problem. `short_answer` is the detail `reference`.
"""

from __future__ import annotations

import json

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, Texts, dataset, row_id, same_question
from veracity.domains.provenance import WRITTEN, Provenance, stated

stated(
    "conceptual",
    published=Provenance("a file of its authors", "not stated", "It has no truth; some items have a short answer."),
    sample=WRITTEN,
)


class ConceptualRow(DatasetRow):
    """One question."""

    question: Text
    dimensions: Texts = ()
    short_answer: str = ""
    rubric: Texts = ()


@dataset("conceptual", ConceptualRow, sample=True)
def conceptual(row: ConceptualRow) -> Problem:
    """Questions about concepts that have no agreed answer, with points that a good answer covers."""
    return Problem(
        id=row_id(row.question),
        domain="conceptual",
        question=row.question,
        cluster=same_question(row.question),
        meta=(
            ("dimensions", json.dumps(row.dimensions, ensure_ascii=False)),
            ("reference", row.short_answer.strip()),
            *((f"criterion_{i}", point) for i, point in enumerate(row.rubric, start=1)),
        ),
    )
