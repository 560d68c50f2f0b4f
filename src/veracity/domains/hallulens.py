"""HalluLens (Bang et al., 2025, arXiv 2504.17550): questions that are generated from Wikipedia pages for each run.

The questions are not published; these domains read files that a generator has written in its schema.

* `precisewikiqa`: short questions. `prompt`, `answer`, `title`, and optionally `reference` (the section that they were
  made from), `h_score_cat` (bin of difficulty), `pageid`.
* `longwiki`: prompts for long answers. The same without `answer`.

The page's title is the cluster. Scores on different sets of questions are not comparable.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from veracity.core.problem import Detail, Problem
from veracity.domains.dataset import DatasetRow, Text, Texts, dataset, distinct, row_id
from veracity.domains.provenance import Provenance, stated

stated(
    "precisewikiqa",
    published=Provenance(
        "generated from Wikipedia pages by whoever made the file (HalluLens, Bang et al., 2025)",
        "of the pages: CC BY-SA 4.0",
        "Scores on different sets of questions are not comparable.",
    ),
)
stated(
    "longwiki",
    published=Provenance(
        "generated from Wikipedia pages by whoever made the file (HalluLens, Bang et al., 2025)",
        "of the pages: CC BY-SA 4.0",
        "Scores on different sets of prompts are not comparable.",
    ),
)


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) and not value.lstrip().startswith("[") else value


class LongWikiRow(DatasetRow):
    """One prompt about a page."""

    prompt: Text = Field(validation_alias=AliasChoices("prompt", "question"))
    title: Text
    reference: str = ""
    h_score_cat: Annotated[str, BeforeValidator(str)] = ""
    pageid: int | None = None

    def details(self) -> tuple[tuple[str, Detail], ...]:
        """What is known of the page."""
        return (
            ("title", self.title),
            ("difficulty", self.h_score_cat),
            ("page", self.pageid),
            ("reference", self.reference),
        )


class PreciseWikiQARow(LongWikiRow):
    """One short question about a page."""

    answer: Annotated[Texts, BeforeValidator(_one_or_more), Field(min_length=1)]


@dataset("precisewikiqa", PreciseWikiQARow)
def precisewikiqa(row: PreciseWikiQARow) -> Problem:
    """Short questions generated from Wikipedia pages (HalluLens PreciseWikiQA); the page is the cluster."""
    return Problem(
        id=row_id(row.title, row.prompt),
        domain="precisewikiqa",
        question=row.prompt,
        answers=distinct(row.answer),
        cluster=row.title,
        meta=(("answerable", True), *row.details()),
    )


@dataset("longwiki", LongWikiRow)
def longwiki(row: LongWikiRow) -> Problem:
    """Prompts for long answers, generated from Wikipedia pages (HalluLens LongWiki); the page is the cluster."""
    return Problem(
        id=row_id(row.title, row.prompt),
        domain="longwiki",
        question=row.prompt,
        cluster=row.title,
        meta=row.details(),
    )
