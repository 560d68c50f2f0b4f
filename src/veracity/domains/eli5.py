"""`eli5`: questions to "Explain like I'm five" (Fan et al., 2019, arXiv 1907.09190), as ELI5-Category publishes them.

Published schema: `q_id`, `title`, `selftext`, `category`, `answers` {`text`, `score`}: lists of the same length. The
original data were withdrawn; ELI5-Category (Gao et al., 2021) has the same columns.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, dataset, same_question
from veracity.domains.provenance import Provenance, stated

stated(
    "eli5",
    published=Provenance(
        "questions on Reddit and the answers that its readers voted for (ELI5-Category)",
        "not stated; the original ELI5 was withdrawn",
        "The favourite answer is popular; nobody has checked it.",
    ),
)


class ELI5Answers(BaseModel):
    """Answers of readers with the votes that each got."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: tuple[str, ...]
    score: tuple[int, ...]

    @model_validator(mode="after")
    def _one_score_each(self) -> ELI5Answers:
        if len(self.text) != len(self.score):
            raise ValueError(f"has {len(self.text)} texts and {len(self.score)} scores; give one score a text")
        return self

    def best(self) -> tuple[str, int | None]:
        """The text with most votes, the first of equals, and its votes."""
        if not self.text:
            return "", None
        score, place = max((score, -place) for place, score in enumerate(self.score))
        return self.text[-place], score


class ELI5Row(DatasetRow):
    """One question of a reader."""

    id_column = "q_id"

    q_id: Text
    title: Text
    selftext: str = ""
    category: str = ""
    answers: ELI5Answers | None = None


@dataset("eli5", ELI5Row)
def eli5(row: ELI5Row) -> Problem:
    """ELI5: everyday questions for long answers; `reference` is the readers' favourite, which nobody has checked."""
    reference, votes = row.answers.best() if row.answers else ("", None)
    return Problem(
        id=row.q_id,
        domain="eli5",
        question=f"{row.title}\n{row.selftext.strip()}".strip(),
        cluster=same_question(row.title),
        meta=(("category", row.category), ("reference", reference), ("reference_votes", votes)),
    )
