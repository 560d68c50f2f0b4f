"""`openreview`: was a submission accepted? The data are CC BY-NC 4.0: not for commercial use.

Published schema (nhop/OpenReview): `title`, `abstract`, `venue`, `decision` (true, false or null),
`openreview_submission_id` (or `paperhash`); `publication_date`, `authors` (list of {`name`}), `introduction`,
`background`, `methodology`, `experiments_results`, `conclusion`, `references`, `reviews` (list of objects).

**Reviews are hidden**, since they all but tell the decision; `reviews=true` shows them. Authors and references are
hidden, too, unless `authors=true` or `references=true`. Citation counts, the decision's text and comments are never
shown. Left out, and counted in the source: venues that do not publish what they reject (all but ICLR's conferences),
workshops, submissions without a decision, and prompts longer than `longest` characters.

The bare name gives the sample: `n` synthetic submissions of a `seed` (see `submissions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from veracity.core.errors import ConfigError
from veracity.core.problem import Detail, Problem
from veracity.domains.base import domain
from veracity.domains.dataset import DatasetRow, Place, Text, problems_of, read_rows
from veracity.domains.hub import HubSet
from veracity.domains.provenance import GENERATED, Provenance, stated
from veracity.domains.submissions import submissions

OPTIONS = ("ACCEPTED", "REJECTED")
PUBLISHED = HubSet("nhop/OpenReview", part="train")
TRUSTED, UNTRUSTED = ("iclr_cc", "iclr.cc"), "workshop"
SECTIONS = ("introduction", "background", "methodology", "experiments_results", "conclusion")
TELLING = ("decision", "meta", "venue")
"""Fields of a review whose names have one of these words tell the decision itself."""

stated(
    "openreview",
    published=Provenance("submissions and reviews on openreview.net", "CC BY-NC 4.0"),
    sample=GENERATED,
)


def _listed(value: Any) -> Any:
    """A list of objects, also where it was stored as one object of lists."""
    if isinstance(value, Mapping) and value and all(isinstance(column, list) for column in value.values()):
        return [dict(zip(value, row, strict=False)) for row in zip(*value.values(), strict=False)]
    return () if value is None else value


class Author(BaseModel):
    """Who wrote a submission."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str | None = None


class SubmissionRow(DatasetRow):
    """One submission."""

    id_column = "openreview_submission_id"

    openreview_submission_id: Text = Field(validation_alias=AliasChoices("openreview_submission_id", "paperhash", "id"))
    title: Text
    abstract: Text
    venue: Text
    decision: Annotated[bool, Field(strict=True)] | None = None
    publication_date: str = ""
    authors: Annotated[tuple[Author, ...], BeforeValidator(_listed)] = ()
    introduction: str = ""
    background: str = ""
    methodology: str = ""
    experiments_results: str = ""
    conclusion: str = ""
    references: Annotated[tuple[Any, ...], BeforeValidator(_listed)] = ()
    reviews: Annotated[tuple[Mapping[str, Any], ...], BeforeValidator(_listed)] = ()
    quality: float | None = None
    acceptProbability: float | None = Field(default=None, ge=0, le=1)  # noqa: N815 - beside the published ones


@domain("openreview")
def openreview(
    *,
    path: str = "",
    hub: str = "",
    config: str = "",
    part: str = "",
    revision: str = "",
    reviews: bool = False,
    authors: bool = False,
    references: bool = False,
    longest: int = 128_000,
    n: int = 60,
    seed: int = 0,
) -> Iterator[Problem]:
    """Was a submission accepted? Reviews hidden unless `reviews=true`; the sample is synthetic, of a latent quality."""
    if n < 1 or longest < 1:
        raise ConfigError(f"openreview: n={n} and longest={longest} must be at least 1")
    given = HubSet(hub, part, config, revision)
    if path or given != HubSet("", ""):
        source, records = read_rows("openreview", SubmissionRow, path, given, PUBLISHED)
    else:
        source = f"synthetic submissions of the seed {seed}, not comparable to published numbers"
        made = enumerate(submissions(n, seed, reviews=reviews), start=1)
        records = ((Place(Path(source), number), record) for number, record in made)

    def shown(row: SubmissionRow) -> str:
        return _shown(row, reviews, authors, references)

    def left_out(row: SubmissionRow) -> str:
        venue = row.venue.casefold()
        if UNTRUSTED in venue or not any(name in venue for name in TRUSTED):
            return "of venues that publish only what they accept, or workshops"
        if row.decision is None:
            return "undecided"
        return f"longer than {longest} characters" if len(shown(row)) > longest else ""

    def problem_of(row: SubmissionRow) -> Problem:
        return Problem(
            id=row.openreview_submission_id,
            domain="openreview",
            question=shown(row),
            options=OPTIONS,
            correct=None if row.decision is None else int(not row.decision),
            cluster=row.title,
            meta=_details(row, reviews),
        )

    return problems_of(SubmissionRow, problem_of, source, records, left_out)


def _details(row: SubmissionRow, reviews: bool) -> tuple[tuple[str, Detail], ...]:
    return (
        ("venue", row.venue),
        ("reviews_shown", reviews),
        ("reviews", len(row.reviews)),
        ("quality", row.quality),
        ("true_probability", row.acceptProbability),
    )


def _shown(row: SubmissionRow, reviews: bool, authors: bool, references: bool) -> str:
    parts = [
        f"You are an area chair of {row.venue}. Judge this submission.",
        f"Title: {row.title}",
        f"Submitted: {row.publication_date}" if row.publication_date else "",
        f"Authors: {', '.join(a.name for a in row.authors if a.name)}" if authors and row.authors else "",
        f"Abstract: {row.abstract}",
        *(
            f"{name.replace('_', ' ').capitalize()}: {text}"
            for name in SECTIONS
            if (text := getattr(row, name).strip())
        ),
        f"References: {'; '.join(map(_reference, row.references))}" if references and row.references else "",
        *(_review(number, review) for number, review in enumerate(row.reviews, start=1) if reviews),
        "Question: What was decided about this submission?",
    ]
    return "\n\n".join(part for part in parts if part)


def _reference(reference: Any) -> str:
    return str(reference.get("title") or "untitled") if isinstance(reference, Mapping) else str(reference)


def _review(number: int, review: Mapping[str, Any]) -> str:
    return "\n".join([f"Review {number}", *_said(review)])


def _said(review: Mapping[str, Any]) -> Iterator[str]:
    """Fields in words, those inside others too; without any that tells the decision."""
    for name, value in review.items():
        if any(telling in name.casefold() for telling in TELLING):
            continue
        if isinstance(value, Mapping):
            yield from _said(value)
        elif isinstance(value, str | int | float) and str(value).strip():
            yield f"{name}: {value}"
