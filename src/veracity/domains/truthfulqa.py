"""TruthfulQA (Lin et al., 2022, arXiv 2109.07958; Apache-2.0): 817 questions that many people answer wrongly.

* `truthfulqa`: free answers. `question`, `best_answer`, `correct_answers`, `incorrect_answers`, `category`, `type` (the
  hub), or TruthfulQA.csv (`Question`, `Best Answer`, `Correct Answers` and `Incorrect Answers` between semicolons, …).
* `truthfulqa-mc1`: one right choice. `question`, `mc1_targets` {`choices`, `labels`} (the hub), or mc_task.json, where
  the targets are {choice: label}.
* `truthfulqa-mc2`: any number of right choices, `mc2_targets` likewise. Which are right is told in `right_options`.

Both published files put the right choices first, so a model that prefers the first letter would look truthful. Here the
canonical order is drawn by the question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from veracity.core.errors import DataError
from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, Texts, dataset, distinct, row_id, same_question
from veracity.domains.hub import HubSet
from veracity.domains.provenance import Provenance, stated
from veracity.world.language import shuffled

PUBLISHED = Provenance(
    "written by its authors (TruthfulQA, Lin et al., 2022)",
    "Apache 2.0",
    "It was chosen to be hard for models of its day.",
)
stated("truthfulqa", published=PUBLISHED)
stated("truthfulqa-mc1", published=PUBLISHED)
stated("truthfulqa-mc2", published=PUBLISHED)


def _between_semicolons(value: Any) -> Any:
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(";") if part.strip()]
    return value


def _labelled(value: Any) -> Any:
    """{choice: label} of either published form. ValueError if the lists contradict each other."""
    if not isinstance(value, Mapping) or set(value) != {"choices", "labels"}:
        return value
    choices, labels = value["choices"], value["labels"]
    if not isinstance(choices, list) or not isinstance(labels, list) or not all(isinstance(c, str) for c in choices):
        raise ValueError("needs a list of texts under `choices` and a list of 0 and 1 under `labels`")
    if len(choices) != len(labels):
        raise ValueError(f"has {len(choices)} choices and {len(labels)} labels; give one label a choice")
    found: dict[str, Any] = {}
    for choice, label in zip(choices, labels, strict=True):
        if found.setdefault(choice, label) != label:
            raise ValueError(f"says of {choice!r} that it is right and that it is wrong; keep one")
    return found


Answers = Annotated[Texts, BeforeValidator(_between_semicolons), Field(min_length=1)]
Label = Annotated[int, Field(ge=0, le=1)]
Targets = Annotated[dict[Text, Label], BeforeValidator(_labelled), Field(min_length=2)]


class TruthfulQARow(DatasetRow):
    """One question with free answers."""

    question: Text = Field(validation_alias=AliasChoices("question", "Question"))
    best_answer: Text = Field(validation_alias=AliasChoices("best_answer", "Best Answer"))
    correct_answers: Answers = Field(validation_alias=AliasChoices("correct_answers", "Correct Answers"))
    incorrect_answers: Answers = Field(validation_alias=AliasChoices("incorrect_answers", "Incorrect Answers"))
    category: str = Field(default="", validation_alias=AliasChoices("category", "Category"))
    type: str = Field(default="", validation_alias=AliasChoices("type", "Type"))


class TruthfulQAOneRow(DatasetRow):
    """One question with choices of which one is right."""

    question: Text
    mc1_targets: Targets


class TruthfulQAManyRow(DatasetRow):
    """One question with choices of which any number is right."""

    question: Text
    mc2_targets: Targets


@dataset("truthfulqa", TruthfulQARow, hub=HubSet("truthfulqa/truthful_qa", part="validation", config="generation"))
def truthfulqa(row: TruthfulQARow) -> Problem:
    """TruthfulQA, free answers; `incorrect_answers` is a JSON list of the popular wrong ones."""
    return Problem(
        id=row_id(row.question),
        domain="truthfulqa",
        question=row.question,
        answers=distinct([row.best_answer, *row.correct_answers]),
        cluster=same_question(row.question),
        meta=(
            ("answerable", True),
            ("category", row.category),
            ("adversarial", row.type.lower() == "adversarial"),
            ("incorrect_answers", json.dumps(distinct(row.incorrect_answers), ensure_ascii=False)),
        ),
    )


_CHOICES = HubSet("truthfulqa/truthful_qa", part="validation", config="multiple_choice")


@dataset("truthfulqa-mc1", TruthfulQAOneRow, hub=_CHOICES)
def truthfulqa_mc1(row: TruthfulQAOneRow) -> Problem:
    """TruthfulQA, one right choice (MC1)."""
    options, right = _drawn(row.question, row.mc1_targets)
    if len(right) != 1:
        raise DataError(f"mc1_targets has {len(right)} right choices; exactly one must have the label 1")
    return _choice("truthfulqa-mc1", row.question, options, right[0], ())


@dataset("truthfulqa-mc2", TruthfulQAManyRow, hub=_CHOICES)
def truthfulqa_mc2(row: TruthfulQAManyRow) -> Problem:
    """TruthfulQA, any number of right choices (MC2); `right_options` is a JSON list of their indices."""
    options, right = _drawn(row.question, row.mc2_targets)
    if not 0 < len(right) < len(options):
        raise DataError("mc2_targets needs at least one right and one wrong choice")
    return _choice("truthfulqa-mc2", row.question, options, None, (("right_options", json.dumps(right)),))


def _drawn(question: str, targets: Mapping[str, int]) -> tuple[tuple[str, ...], list[int]]:
    """(choices in an order drawn by the question, indices of the right ones)."""
    options = shuffled(Random(derive_seed(0, "choices", question)), list(targets))
    return tuple(options), [i for i, choice in enumerate(options) if targets[choice]]


def _choice(
    name: str, question: str, options: tuple[str, ...], correct: int | None, meta: tuple[tuple[str, str], ...]
) -> Problem:
    return Problem(
        id=row_id(question),
        domain=name,
        question=question,
        options=options,
        correct=correct,
        cluster=same_question(question),
        meta=(("answerable", True), *meta),
    )
