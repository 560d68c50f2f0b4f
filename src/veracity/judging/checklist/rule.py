"""A checklist verified by look-up, for texts in a world's language; exact there.

Consistent: the response states the fact. Contradictory: it does not, and states another value of the same subject and
relation, or denies the fact. Missing: neither. A response that states both the fact and another value is consistent, so
recall alone can be raised by listing values; a reward of precision or truthfulness belongs beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from veracity.core.judged import Coverage
from veracity.core.requests import Program
from veracity.judging.checklist.base import ChecklistVerifier, CheckSettings, Covering, checklist_verifier
from veracity.judging.claims.sentences import split_sentences
from veracity.judging.templates import TemplateReader
from veracity.judging.verifying.rule import agreement
from veracity.world.language import Language


def rule_checklist_verifier(language: Language) -> ChecklistVerifier:
    """The verifier for texts in `language`. An item that its templates cannot read has no label."""
    reader = TemplateReader(language)

    def check(items: Sequence[str], response: str, settings: CheckSettings) -> Program[Covering]:
        """Compare what each item and each sentence state."""
        yield from ()  # nobody is asked
        sentences = split_sentences(response)
        return tuple(_coverage(reader, item, sentences) for item in items)

    return check


@checklist_verifier("rule")
def rule(items: Sequence[str], response: str, settings: CheckSettings) -> Program[Covering]:
    """`rule_checklist_verifier` for the embedded model's language."""
    return (yield from _embedded()(items, response, settings))


def _coverage(reader: TemplateReader, item: str, sentences: Sequence[str]) -> Coverage | None:
    stated = reader.read(item)
    if not stated:
        return None
    found = {agreement(stated, reader.read(sentence)) for sentence in sentences}
    return "consistent" if True in found else "contradictory" if False in found else "missing"


@cache
def _embedded() -> ChecklistVerifier:
    return rule_checklist_verifier(Language.make())
