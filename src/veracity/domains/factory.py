"""`factory`: FACTORY (Chen et al., 2025, arXiv 2508.00109; CC-BY-NC-4.0: not for commercial use), checked prompts.

Published schema: JSONL with `question`; other keys are not used. The hub's parts are `hard` (the default) and `all`.
"""

from __future__ import annotations

from pydantic import AliasChoices, Field

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, dataset, row_id, same_question
from veracity.domains.hub import HubSet
from veracity.domains.provenance import Provenance, stated

stated(
    "factory",
    published=Provenance(
        "prompts that people have checked (FACTORY, Chen et al., 2025)", "CC BY-NC 4.0; not for commercial use"
    ),
)


class FactoryRow(DatasetRow):
    """One prompt."""

    question: Text = Field(validation_alias=AliasChoices("question", "prompt"))


@dataset("factory", FactoryRow, hub=HubSet("facebook/FACTORY", part="hard"))
def factory(row: FactoryRow) -> Problem:
    """FACTORY: prompts for long answers that people have checked, hard ones by default (`part=all` for all)."""
    return Problem(
        id=row_id(row.question), domain="factory", question=row.question, cluster=same_question(row.question)
    )
