"""FactTune-MC: questions from claims, the four confidences under both equalities, and the programs end to end."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.problem import Problem
from veracity.core.requests import Generate, Generated, Sample
from veracity.judging.self_confidence import (
    OracleSettings,
    agreement,
    claim_by_agreement,
    claim_confidence,
    entity_confidences,
    parse_question,
)
from veracity.judging.self_confidence.entities import entities

BIOGRAPHY = Problem("p", "world-biographies", "Write a biography of Skoundo Baesthorn.")
CLAIM = "Skoundo Baesthorn works as a barber."


def played(program: Any, replies: Iterable[list[str]]) -> Any:
    """Run a program with scripted texts; a list of requests takes one script each."""
    scripts = iter(replies)

    def reply() -> Generated:
        return Generated(tuple(Sample(text, "stop", 1) for text in next(scripts)))

    answer: Any = None
    while True:
        try:
            asked = program.send(answer)
        except StopIteration as done:
            return done.value
        answer = [reply() for _ in asked] if isinstance(asked, list) else reply()


def test_four_confidences_of_the_worked_example() -> None:
    """Shares .60, .25, .10, .05: max .60; Σp² = .36+.0625+.01+.0025 = .435; Σp ln p = −1.033; own answer b: .25."""
    found = agreement(["a1x"] * 12 + ["b1x"] * 5 + ["c1x"] * 2 + ["d1x"], "b1x")
    assert (found.max_conf, found.samp_conf) == (0.6, 0.25)
    assert found.exp_conf == pytest.approx(0.435)
    assert found.neg_entropy == pytest.approx(-1.033, abs=5e-4)


@pytest.mark.parametrize(
    ("answers", "strict", "legacy"),
    [
        (["1985", "5"], 0.5, 1.0),
        (["German", "man"], 0.5, 1.0),
        (["not 1961", "1961"], 0.5, 1.0),
        (["Lyon, Paris", "Paris"], 0.5, 1.0),
        (["U.S.A", "USA"], 1.0, 0.5),
        (["", "Paris", "Lyon", "Rome"], 1 / 3, 1.0),
        (["Paris", "", "Lyon", "Rome"], 1 / 3, 0.5),
    ],
)
def test_published_binning_only_by_name(answers: list[str], strict: float, legacy: float) -> None:
    """The defects of the published bins occur under `legacy_heuristic` and nowhere else."""
    assert agreement(answers).max_conf == pytest.approx(strict)
    assert agreement(answers, binning="legacy_heuristic").max_conf == pytest.approx(legacy)


def test_nothing_said_is_no_confidence() -> None:
    """Two empty answers: no number at all, and both are counted."""
    found = agreement(["", " "], "Paris")
    assert (found.max_conf, found.exp_conf, found.neg_entropy, found.samp_conf, found.empty) == (*[None] * 4, 2)


@given(st.lists(st.sampled_from(["Paris", "Lyon", "the Rome", "Rome", ""]), min_size=1, max_size=20), st.randoms())
def test_confidences_are_bounded_and_know_no_order(answers: list[str], random: Any) -> None:
    """1/m ≤ max ≤ 1, max² ≤ Σp² ≤ max, 0 ≥ Σp ln p ≥ −ln m; a shuffled list gives the same."""
    found = agreement(answers, "Rome")
    shuffled = random.sample(answers, len(answers))
    assert agreement(shuffled, "Rome").samp_conf == found.samp_conf
    assert agreement(shuffled, "Rome").max_conf == found.max_conf
    if found.max_conf is not None and found.exp_conf is not None and found.neg_entropy is not None:
        assert found.max_conf**2 - 1e-12 <= found.exp_conf <= found.max_conf + 1e-12 <= 1 + 2e-12
        assert -math.log(3) - 1e-12 <= found.neg_entropy <= 0


@pytest.mark.parametrize(
    ("reply", "question"),
    [
        ("Question: Where was Ada born?\nAnswer: London", "Where was Ada born?"),
        ("  Question:  Where was Ada  born? \n\n Answer: London \n", "Where was Ada born?"),
        ("Question: Where was Ada born? When?\nAnswer: London", None),
        ("Question: Where was Ada born\nAnswer: London", None),
        ("Question: Where was Ada born?\nAnswer:", None),
        ("Where was Ada born?\nAnswer: London", None),
        ("Question: A?\nAnswer: b\nQuestion: C?\nAnswer: d", None),
        ("Sure! Question: Where was Ada born?\nAnswer: London", None),
        ("", None),
    ],
)
def test_exactly_one_question(reply: str, question: str | None) -> None:
    """A reply in the form asked for, or no question."""
    parsed = parse_question(reply)
    assert parsed.text == question
    assert (parsed.status == "ok") == (question is not None) == (parsed.answer is not None)


@given(st.text(max_size=80))
def test_any_reply_is_read_without_error(reply: str) -> None:
    """Whatever a model says, there is a question that ends in its only question mark, or none."""
    parsed = parse_question(reply)
    assert parsed.text is None or (parsed.text.endswith("?") and parsed.text.count("?") == 1)


def test_claim_of_the_world_becomes_its_question() -> None:
    """20 answers, cut at the line break: 15 barbers of 20 agree with the claim; max_conf is theirs."""
    settings = OracleSettings()
    program = claim_confidence(BIOGRAPHY, CLAIM, settings)
    asked = next(program)
    assert isinstance(asked, Generate)
    assert (asked.role, asked.n, asked.sampling.top_p, asked.sampling.max_tokens) == ("oracle", 20, 0.9, 15)
    program = claim_confidence(BIOGRAPHY, CLAIM, settings)
    found = played(program, [["barber\nQ: more"] * 15 + ["baker"] * 5])
    assert found.status == "ok"
    assert "Skoundo Baesthorn" in found.question.text
    assert (found.by("max_conf"), found.by("samp_conf")) == (0.75, 0.75)


def test_claim_that_cannot_be_read_has_no_confidence() -> None:
    """Nobody is asked; the judge of claims leaves label and confidence open."""
    found = played(claim_confidence(BIOGRAPHY, "It rained.", OracleSettings()), [])
    assert (found.status, found.by("max_conf")) == ("no_question", None)
    judged = played(claim_by_agreement(OracleSettings())(BIOGRAPHY, "It rained."), [])
    assert (judged.label, judged.confidence) == (None, None)


def test_question_by_a_model_that_does_not_keep_the_form() -> None:
    """A reply without a question is a failure of its own, and the oracle is not asked."""
    found = played(claim_confidence(BIOGRAPHY, "It rained.", OracleSettings(questions="asked")), [["No idea."]])
    assert (found.status, found.agreement) == ("parse_failed", None)


def test_few_shot_prompt_ends_without_a_blank() -> None:
    """A trailing blank would be a token of its own for a base model."""
    prompt = OracleSettings(few_shot=True).request("Who?").prompt
    assert isinstance(prompt, str)
    assert prompt.endswith("Q: Who?\nA:")


def test_entities_of_the_world_and_of_other_texts() -> None:
    """Values of statements; else names and numbers that the prompt does not name and no sentence begins with."""
    assert [e.text for e in entities(BIOGRAPHY, CLAIM)] == ["barber"]
    other = Problem("q", "bios", "Tell me about Marie Curie.")
    text = "Marie Curie was born in Warsaw in 1867. She won the Nobel Prize."
    assert [(e.text, e.start) for e in entities(other, text)] == [("Warsaw", 24), ("1867", 34), ("Nobel Prize", 52)]


def test_entity_variant_continues_the_response() -> None:
    """Two of four continuations begin with the entity's own word, so its samp_conf is a half."""
    found = played(
        entity_confidences(BIOGRAPHY, CLAIM, OracleSettings(samples=4)),
        [["barber. She", "barber", "baker .", "smith and barber"]],
    )
    assert [c.by("samp_conf") for c in found] == [0.5]
    assert played(entity_confidences(BIOGRAPHY, "nothing to say", OracleSettings()), []) == []
