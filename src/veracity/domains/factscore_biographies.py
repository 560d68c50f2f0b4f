"""`factscore-biographies`: biographies of FActScore's people (Min et al., 2023, arXiv 2305.14251; MIT).

Published schema: prompt_entities.txt, one name a line (183 labelled, 500 unlabelled), or JSONL with `topic`.
"""

from __future__ import annotations

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, dataset
from veracity.domains.provenance import Provenance, stated

stated(
    "factscore-biographies", published=Provenance("names of people from Wikidata (FActScore, Min et al., 2023)", "MIT")
)

REQUEST = "Tell me a bio of {topic}."
"""The published wording."""


class FActScoreRow(DatasetRow):
    """One person."""

    column = "topic"
    id_column = "topic"

    topic: Text


@dataset("factscore-biographies", FActScoreRow)
def factscore_biographies(row: FActScoreRow) -> Problem:
    """Biographies of named people (FActScore): the name is the title of the page that holds the truth."""
    return Problem(
        id=row.topic,
        domain="factscore-biographies",
        question=REQUEST.format(topic=row.topic),
        cluster=row.topic,
        meta=(("subject", row.topic),),
    )
