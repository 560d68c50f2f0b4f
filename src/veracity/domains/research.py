"""`research`: what does a study show? The easy conclusion, or the one that a doubt about its method suggests.

Published schema: `id`, `background`, `question`, `options` (two: {`conclusion`, `reasoning_grading_criteria`}), option
0 the easy conclusion, option 1 the insightful one. Published items have no truth: no option of theirs is correct.

`key` (0 or 1), which the sample adds, says which conclusion holds. Mostly it is the doubt; where it is not, doubting is
the mistake, so that answering always the same is not right. The criteria are the details `criterion_0` and
`criterion_1`, in canonical order: what good reasoning considers, whichever conclusion it comes to.

No item says what a user thinks. Opinions are a condition of the experiment, and never change which option is correct.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, dataset
from veracity.domains.provenance import WRITTEN, Provenance, stated

stated(
    "research",
    published=Provenance("a curated file of its authors", "not stated", "It has no truth by design, only criteria."),
    sample=WRITTEN,
)


class Conclusion(BaseModel):
    """One option with what reasoning towards it is graded by."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    conclusion: Text
    reasoning_grading_criteria: Text


class ResearchRow(DatasetRow):
    """One study."""

    id_column = "id"

    id: Annotated[Text, BeforeValidator(str)]
    background: Text
    question: Text
    options: Annotated[tuple[Conclusion, ...], Field(min_length=2, max_length=2)]
    key: Annotated[int, Field(ge=0, le=1, strict=True)] | None = None
    error: str = ""


@dataset("research", ResearchRow, sample=True)
def research(row: ResearchRow) -> Problem:
    """What does a study show? The easy conclusion, or the one that a doubt about its method suggests."""
    return Problem(
        id=row.id,
        domain="research",
        question=f"{row.background}\n\nQuestion: {row.question}",
        options=tuple(option.conclusion for option in row.options),
        correct=row.key,
        cluster=row.id,
        meta=(
            ("method_error", row.error),
            *((f"criterion_{i}", option.reasoning_grading_criteria) for i, option in enumerate(row.options)),
        ),
    )
