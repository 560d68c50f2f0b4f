"""`intellectual-demonstration`: expository questions with a reference answer.

Published schema: a JSON object with `qa_pairs`, a list of {`id`, `question`, `answer`; `source`, `source_url`,
`memory_based` (or `memory-based`)}. Left out, and counted in the source: questions that only memory of a text answers,
answers shorter than `shortest` characters, and those beyond the first `most` of one `source`. The answer is the detail
`reference`; it is one good answer, not the only right one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.dataset import DatasetRow, Text, bundled, problems_of, read_rows, same_question
from veracity.domains.hub import HubSet
from veracity.domains.provenance import WRITTEN, Provenance, stated

NAME = "intellectual-demonstration"

stated(
    NAME,
    published=Provenance(
        "question and answer pairs made from forum posts, books and papers", "mixed rights; those of each source"
    ),
    sample=WRITTEN,
)


class DemonstrationRow(DatasetRow):
    """One question with its reference answer."""

    lists = ("qa_pairs",)
    id_column = "id"

    id: Annotated[Text, BeforeValidator(str)]
    question: Text
    answer: Text
    source: str = ""
    source_url: str = ""
    memory_based: bool = Field(default=False, validation_alias=AliasChoices("memory_based", "memory-based"))


@domain(NAME)
def intellectual_demonstration(
    *,
    path: str = "",
    hub: str = "",
    config: str = "",
    part: str = "",
    revision: str = "",
    shortest: int = 50,
    most: int = 5000,
) -> Iterator[Problem]:
    """Expository questions with a reference answer, from arguments, books and papers."""
    if shortest < 0 or most < 1:
        raise ConfigError(f"{NAME}: shortest={shortest} must be at least 0 and most={most} at least 1")
    given, taken = HubSet(hub, part, config, revision), Counter[str]()
    elsewhere = path or given != HubSet("", "")
    read = read_rows(NAME, DemonstrationRow, path, given) if elsewhere else bundled(NAME, DemonstrationRow)

    def left_out(row: DemonstrationRow) -> str:
        if row.memory_based:
            return "answered by memory alone"
        if len(row.answer) < shortest:
            return f"answer shorter than {shortest} characters"
        taken[row.source] += 1
        return f"beyond {most} of one source" if taken[row.source] > most else ""

    return problems_of(DemonstrationRow, _problem, *read, left_out)


def _problem(row: DemonstrationRow) -> Problem:
    return Problem(
        id=row.id,
        domain=NAME,
        question=row.question,
        cluster=row.source_url.strip() or same_question(row.question),
        meta=(("reference", row.answer), ("source", row.source), ("source_url", row.source_url)),
    )
