"""`triviaqa`: TriviaQA (Joshi et al., 2017, arXiv 1705.03551; Apache-2.0), about 95k questions with aliases.

Two published schemas: the hub's (`question_id`, `question`, `question_source`, and `answer` with `value`, `aliases`,
`normalized_aliases`, `type`), and the original JSON, a list under `Data` with the same names in capitals
(`QuestionId`, …).
"""

from __future__ import annotations

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from veracity.core.problem import Problem
from veracity.domains.dataset import DatasetRow, Text, dataset, distinct, same_question
from veracity.domains.hub import HubSet
from veracity.domains.provenance import Provenance, stated

stated("triviaqa", published=Provenance("questions of trivia websites (TriviaQA, Joshi et al., 2017)", "Apache 2.0"))


class TriviaQAAnswer(BaseModel):
    """The right answer and its aliases."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    value: Text = Field(validation_alias=AliasChoices("value", "Value"))
    aliases: tuple[str, ...] = Field(validation_alias=AliasChoices("aliases", "Aliases"))
    normalized_aliases: tuple[str, ...] = Field(
        default=(), validation_alias=AliasChoices("normalized_aliases", "NormalizedAliases")
    )
    type: str = Field(default="", validation_alias=AliasChoices("type", "Type"))


class TriviaQARow(DatasetRow):
    """One question of TriviaQA."""

    lists = ("Data",)
    id_column = "question_id"

    question_id: Text = Field(validation_alias=AliasChoices("question_id", "QuestionId"))
    question: Text = Field(validation_alias=AliasChoices("question", "Question"))
    answer: TriviaQAAnswer = Field(validation_alias=AliasChoices("answer", "Answer"))
    question_source: str = Field(default="", validation_alias=AliasChoices("question_source", "QuestionSource"))


@dataset("triviaqa", TriviaQARow, hub=HubSet("mandarjoshi/trivia_qa", part="validation", config="rc.nocontext"))
def triviaqa(row: TriviaQARow) -> Problem:
    """TriviaQA: questions with every accepted alias; blank aliases are left out."""
    answer = row.answer
    return Problem(
        id=row.question_id,
        domain="triviaqa",
        question=row.question,
        answers=distinct([answer.value, *answer.aliases, *answer.normalized_aliases]),
        cluster=same_question(row.question),
        meta=(("answerable", True), ("answer_type", answer.type), ("question_source", row.question_source)),
    )
