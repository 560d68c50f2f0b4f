"""`simpleqa`: SimpleQA (Wei et al., 2024, arXiv 2411.04368; MIT), 4,326 short questions with one right answer each.

Published schema: `problem`, `answer`, and `metadata`, a mapping written as text with `topic`, `answer_type`, `urls`.
"""

from __future__ import annotations

import ast
import json
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, dataset, row_id, same_question
from veracity.domains.hub import HubSet
from veracity.domains.provenance import Provenance, stated

stated(
    "simpleqa",
    published=Provenance(
        "written by trainers of a language model (SimpleQA, Wei et al., 2024)",
        "MIT",
        "It was chosen to be hard for models of its day.",
    ),
)


def _mapping(value: Any) -> Any:
    """A mapping that is written as a Python literal or as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        pass
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError("is no mapping, as {'topic': …, 'answer_type': …, 'urls': […]}; correct it") from None


class SimpleQARow(DatasetRow):
    """One row of simple_qa_test_set.csv."""

    problem: Text
    answer: Text
    metadata: Annotated[dict[str, Any], BeforeValidator(_mapping)] = Field(default_factory=dict)


@dataset("simpleqa", SimpleQARow, hub=HubSet("basicv8vc/SimpleQA", part="test"))
def simpleqa(row: SimpleQARow) -> Problem:
    """SimpleQA: short questions with one right answer. A Wikipedia article among the sources is the cluster."""
    topic, answer_type = (str(row.metadata.get(key, "")) for key in ("topic", "answer_type"))
    return Problem(
        id=row_id(row.problem),
        domain="simpleqa",
        question=row.problem,
        answers=(row.answer,),
        cluster=_article(row.metadata.get("urls")) or same_question(row.problem),
        meta=(("answerable", True), ("topic", topic), ("answer_type", answer_type)),
    )


def _article(urls: Any) -> str:
    """The title of the first Wikipedia article among `urls`; empty if there is none."""
    for url in urls if isinstance(urls, list) else []:
        address = urlsplit(str(url))
        if address.netloc.endswith("wikipedia.org") and address.path.startswith("/wiki/"):
            return unquote(address.path.removeprefix("/wiki/")).replace("_", " ")
    return ""
