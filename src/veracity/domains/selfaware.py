"""`selfaware`: SelfAware (Yin et al., 2023, arXiv 2305.18153; CC-BY-SA-4.0), 2,337 answerable and 1,032 unanswerable.

Published schema: SelfAware.json, a list under `example` of `question_id`, `question`, `answer` (a list; null where
there is none), `answerable`, `source`.
"""

from __future__ import annotations

from pydantic import model_validator

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, Texts, dataset, distinct, same_question
from veracity.domains.provenance import Provenance, stated

stated(
    "selfaware",
    published=Provenance(
        "unanswerable questions of forums and answerable ones of three question sets (SelfAware, Yin et al., 2023)",
        "CC BY-SA 4.0",
    ),
)


class SelfAwareRow(DatasetRow):
    """One question of SelfAware."""

    lists = ("example",)
    id_column = "question_id"

    question_id: int
    question: Text
    answer: Texts = ()
    answerable: bool
    source: str = ""

    @model_validator(mode="after")
    def _answers_agree(self) -> SelfAwareRow:
        if self.answerable != bool(self.answer):
            has = "has answers but says that it is not" if self.answer else "has no answer but says that it is"
            raise ValueError(f"{has} answerable; correct `answer` or `answerable`")
        return self


@dataset("selfaware", SelfAwareRow)
def selfaware(row: SelfAwareRow) -> Problem:
    """SelfAware: questions that have an answer, and others that nobody can answer (`answerable` says which)."""
    return Problem(
        id=str(row.question_id),
        domain="selfaware",
        question=row.question,
        answers=distinct(row.answer),
        cluster=same_question(row.question),
        meta=(("answerable", row.answerable), ("question_source", row.source)),
    )
