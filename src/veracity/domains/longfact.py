"""`longfact`: LongFact (Wei et al., 2024, arXiv 2403.18802; CC-BY-4.0), 2,280 prompts in 38 topics.

Published schema: JSONL with `prompt` (and `canary`), a file a topic (longfact-objects_gaming.jsonl). Give one file,
or a folder of them. The benchmark adds a request for many specific details to each prompt; that is left to the prompt.
"""

from __future__ import annotations

import re
from pathlib import Path

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, dataset, row_id, same_question
from veracity.domains.provenance import Provenance, stated

stated(
    "longfact", published=Provenance("prompts written by a language model (LongFact, Wei et al., 2024)", "CC BY 4.0")
)


class LongFactRow(DatasetRow):
    """One prompt."""

    prompt: Text


@dataset("longfact", LongFactRow)
def longfact(row: LongFactRow) -> Problem:
    """LongFact: prompts for long answers; `task` (concepts or objects) and `topic` are read from the file's name."""
    task, topic = _named(row.read_from.path)
    return Problem(
        id=row_id(task, topic, row.prompt),
        domain="longfact",
        question=row.prompt,
        cluster=same_question(row.prompt),
        meta=(("task", task), ("topic", topic)),
    )


def _named(path: Path) -> tuple[str, str]:
    found = re.fullmatch(r"longfact-(concepts|objects)_(.+)", path.stem)
    return (found[1], found[2]) if found else ("", "")
