"""Verification without a model, for a world's language: by looking the claim up, or by reading the passages.

`world_verifier` is the truth that every other verifier is measured against. `rule_verifier` knows no fact: it reads
claim and passages by the language's templates, so what it gets wrong is what retrieval did not find.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from veracity.core.judged import ClaimLabel
from veracity.core.requests import Passage, Program
from veracity.judging.claims.sentences import split_sentences
from veracity.judging.templates import Statement, TemplateReader
from veracity.judging.verifying.base import NO_EVIDENCE, Judged, Verifier, VerifierSettings, verifier
from veracity.world import World
from veracity.world.language import Language
from veracity.world.tiny import tiny_world
from veracity.world.verdicts import Label

_OF_WORLD: dict[Label, ClaimLabel] = {"supported": "supported", "refuted": "refuted", "not_in_world": "not_enough"}


def world_verifier(world: World) -> Verifier:
    """Look-up in `world`; passages are not read. The evidence is the fact's id."""

    def verify(claim: str, passages: Sequence[Passage] | None, settings: VerifierSettings) -> Program[Judged]:
        """The world's verdict; a claim that it cannot read, or about somebody who is not in it, is not_enough."""
        yield from ()  # nobody is asked
        verdict = world.verdict(claim)
        label = _OF_WORLD[verdict.label]
        evidence = () if verdict.fact is None else (verdict.fact.id,)
        return Judged(label, "judged", None if label == "not_enough" else float(label == "supported"), evidence)

    return verify


def rule_verifier(language: Language) -> Verifier:
    """Compare what claim and passages state, read by the templates of `language`."""
    reader = TemplateReader(language)

    def verify(claim: str, passages: Sequence[Passage] | None, settings: VerifierSettings) -> Program[Judged]:
        """Supported if a passage says it, refuted if one says otherwise of the same subject and relation."""
        yield from ()  # nobody is asked
        if not passages:
            return NO_EVIDENCE
        said: dict[bool, str] = {}
        for passage in passages:
            for sentence in split_sentences(passage.text):
                agrees = agreement(reader.read(claim), reader.read(sentence))
                if agrees is not None:
                    said.setdefault(agrees, passage.id)
        if True in said:
            return Judged("supported", "judged", 1.0, (said[True],))
        if False in said:
            return Judged("refuted", "judged", 0.0, (said[False],))
        return Judged("not_enough", "judged", None, tuple(passage.id for passage in passages))

    return verify


@verifier("world")
def world(claim: str, passages: Sequence[Passage] | None, settings: VerifierSettings) -> Program[Judged]:
    """`world_verifier` for the embedded model's world."""
    return (yield from _embedded_world()(claim, passages, settings))


@verifier("rule")
def rule(claim: str, passages: Sequence[Passage] | None, settings: VerifierSettings) -> Program[Judged]:
    """`rule_verifier` for the embedded model's language."""
    return (yield from _embedded_language()(claim, passages, settings))


def agreement(claim: Sequence[Statement], sentence: Sequence[Statement]) -> bool | None:
    """Whether a sentence says the claim (True), says otherwise (False), or is about something else (None).

    Where a claim can be read in several ways, one that the sentence says is enough.
    """
    found = [a for c in claim for s in sentence if (a := _agree(c, s)) is not None]
    return any(found) if found else None


def _agree(claim: Statement, said: Statement) -> bool | None:
    if (claim.subject, claim.relation) != (said.subject, said.relation):
        return None
    same = claim.value == said.value
    if said.affirms:
        return same == claim.affirms
    return said.affirms == claim.affirms if same else None


@cache
def _embedded_world() -> Verifier:
    return world_verifier(tiny_world())


@cache
def _embedded_language() -> Verifier:
    return rule_verifier(Language.make())
