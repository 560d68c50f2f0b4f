"""The entity variant: the response is taken up again before each of its names and numbers, without any question.

Tian et al. (2023) re-continue a response before its noun chunks, subjects left out. Here the values that sentences of
the world's language state are the entities, and in other texts runs of capitalised words, numbers and dates that the
prompt does not name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from veracity.core.problem import Problem
from veracity.core.requests import Generate, Message, Program, Sampling
from veracity.judging.claims.sentences import split_sentences
from veracity.judging.self_confidence.agreement import agreement
from veracity.judging.self_confidence.claims import ClaimConfidence, OracleSettings
from veracity.judging.self_confidence.questions import Question
from veracity.judging.templates import TemplateReader
from veracity.world.language import Language

_WORD = r"(?:[A-Z][\w'’-]*|\d+(?:[.,]\d+)*)"
_NAME = re.compile(rf"(?<![.!?]\s)(?<!^)\b{_WORD}(?:\s+(?:(?:of|the|de|von|van)\s+)?{_WORD})*")
TOKENS_A_WORD = 4
"""Tokens that a word may take in an unknown tokenizer; what is too much is cut off by words."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A name or number of a response, and where it begins."""

    text: str
    start: int


def entity_confidences(problem: Problem, response: str, settings: OracleSettings) -> Program[list[ClaimConfidence]]:
    """One confidence an entity, in the order of the text; no entity, no confidence.

    The oracle continues the response from each entity on, `settings.samples` times; an answer is as many words of a
    continuation as the entity has, and the claim's own answer is the entity.
    """
    found = list(entities(problem, response))
    if not found:
        return []
    replies = yield [_continue(problem, response, entity, settings) for entity in found]
    return [
        _confidence(entity, [s.text for s in reply.samples], settings)
        for entity, reply in zip(found, replies, strict=True)
    ]


def entities(problem: Problem, response: str) -> Iterator[Entity]:
    """Values of statements in the world's domains; in others names, numbers and dates that the prompt lacks."""
    if problem.domain.startswith("world-"):
        return _values(response)
    found = (Entity(match[0], match.start()) for match in _NAME.finditer(response))
    return (entity for entity in found if entity.text not in problem.question)


def _values(response: str) -> Iterator[Entity]:
    place = 0
    for sentence in split_sentences(response):
        start = response.find(sentence, place)
        if start < 0:
            continue
        place = start + len(sentence)
        for statement in _reader().read(sentence)[:1]:
            inside = response.rfind(statement.value, start, place)
            if inside > start:
                yield Entity(statement.value, inside)


def _continue(problem: Problem, response: str, entity: Entity, settings: OracleSettings) -> Generate:
    begun = Message("assistant", response[: entity.start].strip())
    most = TOKENS_A_WORD * len(entity.text.split())
    drawn = Sampling(settings.temperature, settings.top_p, max_tokens=most, stop=("\n",), seed=settings.seed)
    return Generate(settings.role, (*problem.messages(), begun), settings.samples, drawn)


def _confidence(entity: Entity, continued: Sequence[str], settings: OracleSettings) -> ClaimConfidence:
    words = len(entity.text.split())
    answers = tuple(" ".join(text.split()[:words]).rstrip(".,;") for text in continued)
    found = agreement(answers, entity.text, settings.binning)
    question = Question(None, entity.text)
    if found.max_conf is None:
        return ClaimConfidence(entity.text, question, "no_samples", samples=answers)
    return ClaimConfidence(entity.text, question, "ok", found, answers)


@cache
def _reader() -> TemplateReader:
    return TemplateReader(Language.make())
