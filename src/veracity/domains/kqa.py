"""`kqa`: K-QA (Manes et al., 2024, arXiv 2401.14493; MIT), medical questions of patients with checked long answers.

Published schema: JSONL with `Question`, and where physicians answered `Free_form_answer`, `Must_have` and
`Nice_to_have` (lists of statements); also `ICD_10_diag`. The unanswered file asks some questions more than once.
"""

from __future__ import annotations

import json

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, Texts, dataset, row_id, same_question
from veracity.domains.provenance import Provenance, stated

stated(
    "kqa", published=Provenance("patients' questions, in part answered by physicians (K-QA, Manes et al., 2024)", "MIT")
)


class KQARow(DatasetRow):
    """One question of a patient."""

    repeats = True

    Question: Text
    Free_form_answer: str = ""
    Must_have: Texts = ()
    Nice_to_have: Texts = ()
    ICD_10_diag: str = ""


@dataset("kqa", KQARow)
def kqa(row: KQARow) -> Problem:
    """K-QA: medical questions for long answers; `must_have` and `nice_to_have` are JSON lists of checked statements."""
    return Problem(
        id=row_id(row.Question, row.ICD_10_diag),
        domain="kqa",
        question=row.Question,
        cluster=same_question(row.Question),
        meta=(
            ("diagnosis", row.ICD_10_diag),
            ("reference", row.Free_form_answer),
            ("must_have", json.dumps(row.Must_have, ensure_ascii=False)),
            ("nice_to_have", json.dumps(row.Nice_to_have, ensure_ascii=False)),
        ),
    )
