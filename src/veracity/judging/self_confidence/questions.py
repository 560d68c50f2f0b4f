"""From a claim to exactly one question that it answers, and the answer that it gives: by rule, or by asking a model.

A reply that holds no question, or two, is a failure; the claim then has no confidence. Third parties add ways of making
questions in this registry.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from veracity.core.problem import Problem
from veracity.core.registry import Registry
from veracity.core.requests import Generate, Program, Sampling, user
from veracity.judging.prompting import prompt_hashes, render
from veracity.judging.templates import TemplateReader
from veracity.world.language import Language

PROMPT = "self_confidence.question.v1"
_REPLY = re.compile(r"\s*Question:[ \t]*(?P<question>\S[^\n]*\?)[ \t]*\n+[ \t]*Answer:[ \t]*(?P<answer>\S[^\n]*)\s*")

QuestionStatus = Literal["ok", "no_question", "parse_failed"]
"""`no_question`: the claim cannot be read by rule. `parse_failed`: the model did not reply in the form asked for."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask about a claim; `text` and `answer` are None unless `status` is ok."""

    text: str | None
    answer: str | None
    """What the claim itself answers."""
    status: QuestionStatus = "ok"


QuestionMaker = Callable[[Problem, str], Program[Question]]
"""(problem, claim) → program. Raises nothing of its own; a failed request ends it, as every program."""
QUESTIONS: Registry[QuestionMaker] = Registry("question makers", "veracity.judging.self_confidence")


@QUESTIONS.register("rule")
def rule(problem: Problem, claim: str) -> Program[Question]:
    """The question of the relation that a claim in the world's language states, in its first wording."""
    yield from ()  # nobody is asked
    reader, language = _embedded()
    statements = [statement for statement in reader.read(claim) if statement.affirms]
    if not statements:
        return Question(None, None, "no_question")
    said = statements[0]
    return Question(language.relations[said.relation].questions[0].format(subject=said.subject), said.value)


@QUESTIONS.register("asked")
def asked(problem: Problem, claim: str) -> Program[Question]:
    """A model (role `extractor`) writes the question and the claim's short answer; one greedy reply."""
    text = render(PROMPT, topic=problem.question, claim=claim)
    reply = yield Generate("extractor", user(text), sampling=Sampling(max_tokens=96))
    return parse_question(reply.text)


def parse_question(reply: str) -> Question:
    """Exactly two lines, `Question: …?` with one question mark and `Answer: …`; anything else is `parse_failed`."""
    match = _REPLY.fullmatch(reply)
    if match is None or match["question"].count("?") != 1:
        return Question(None, None, "parse_failed")
    return Question(" ".join(match["question"].split()), " ".join(match["answer"].split()))


def question_prompts(name: str) -> dict[str, str]:
    """Id → hash of the prompts that a maker uses. ConfigError for an unknown one."""
    QUESTIONS.get(name)
    return {PROMPT: prompt_hashes()[PROMPT]} if name == "asked" else {}


@cache
def _embedded() -> tuple[TemplateReader, Language]:
    language = Language.make()
    return TemplateReader(language), language
