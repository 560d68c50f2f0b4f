"""From a sampled text to a judged response: outcomes of short answers, claims of long ones, and what failed."""

from __future__ import annotations

from typing import Any

import pytest

from veracity.core.errors import ModelError
from veracity.core.judged import JudgedClaim
from veracity.core.problem import Problem
from veracity.core.requests import Retrieve
from veracity.judging.claims import EXTRACTORS, ExtractorSettings
from veracity.judging.grading import abstains
from veracity.judging.grading.rules import grade_by_complete_aliases
from veracity.judging.judged import ShortJudging, claim_by_evidence, judge_long, judge_short
from veracity.judging.verifying import VERIFIERS, VerifierSettings
from veracity.judging.verifying.evidence import EvidenceSettings

QUESTION = Problem("q", "d", "Where was Ada born?", ("London",))
BIOGRAPHY = Problem("p", "world-biographies", "Write a biography of Skoundo Baesthorn.")
TEXT = "Skoundo Baesthorn works as a barber. Skoundo Baesthorn is a member of the Movists."


def value(program: Any) -> Any:
    """What a program returns that asks nobody."""
    with pytest.raises(StopIteration) as done:
        next(program)
    return done.value.value


@pytest.mark.parametrize(
    ("reply", "family", "outcome", "well_formed"),
    [
        ("London", "plain", "correct", None),
        ("Paris", "plain", "incorrect", None),
        ("I don't know", "plain", "abstained", None),
        ("", "plain", "incorrect", False),
        ("<answer>London</answer>", "tagged", "correct", True),
        ("It was London. <answer>Paris</answer>", "tagged_reasoning", "process_correct", True),
        ("It was London.", "tagged_reasoning", "process_correct", False),
        ("It was Paris.", "tagged_reasoning", "incorrect", False),
        ("Hard to say. <answer>I don't know</answer>", "tagged_reasoning", "abstained", True),
    ],
)
def test_outcomes(reply: str, family: Any, outcome: str, well_formed: bool | None) -> None:
    """The answer in its place decides; an accepted answer elsewhere makes a wrong reply process-correct."""
    how = ShortJudging(family, rules=grade_by_complete_aliases)
    judged = value(judge_short(QUESTION, reply, how, tokens=3))
    assert (judged.outcome, judged.well_formed, judged.tokens) == (outcome, well_formed, 3)


def test_answer_that_rules_leave_open_has_no_outcome() -> None:
    """Without a judge nothing is guessed."""
    judged = value(judge_short(QUESTION, "Paris", ShortJudging(), tokens=1))
    assert (judged.outcome, judged.abstained) == (None, None)


def long(text: str, replies: list[Any]) -> Any:
    """The judged long response, each retrieval answered or failed as scripted."""
    judge = claim_by_evidence(
        VERIFIERS.get("world"), VerifierSettings(), EvidenceSettings(), lambda p: "Skoundo Baesthorn"
    )
    program = judge_long(BIOGRAPHY, text, EXTRACTORS.get("rule"), ExtractorSettings(abstains=abstains), judge, tokens=9)
    answer: Any = None
    while True:
        try:
            asked = program.throw(answer) if isinstance(answer, Exception) else program.send(answer)
        except StopIteration as done:
            return done.value
        assert isinstance(asked, Retrieve)
        assert asked.scope == "Skoundo Baesthorn"
        answer = replies.pop(0)


def test_claims_with_their_labels_and_one_whose_judge_failed() -> None:
    """Two claims, the second one's request fails: it stays without label and confidence, the first is judged."""
    from veracity.core.requests import Retrieved

    judged = long(TEXT, [Retrieved(()), ModelError("gone")])
    assert [claim.label is None for claim in judged.claims] == [False, True]
    assert judged.claims[1] == JudgedClaim("Skoundo Baesthorn is a member of the Movists.")
    assert judged.abstained is False


def test_abstaining_makes_no_claims() -> None:
    """Nobody is asked; the list of claims is empty, not missing."""
    judged = long("I don't know.", [])
    assert (judged.abstained, judged.claims) == (True, ())
