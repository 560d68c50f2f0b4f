"""What SimpleFact's checks make of answers whose every rate is written down."""

from __future__ import annotations

import polars as pl
import pytest

from veracity.metrics.answer_rows import ANSWERS
from veracity.metrics.simplefact import Proof, checks, classes_of, estimates_of, movement, seeds_apart, wrong_falls

KNOWN, UNKNOWN, SAMPLES, SEEDS = 40, 40, 4, 2
LETTERS = {"C": "correct", "I": "incorrect", "N": "not_attempted"}
# Grades of the four samples of each tenth of the known, and of each tenth of the unknown questions.
SAID = {
    "base": ["CCCC"] * 10 + ["IIII"] * 10,
    "start": ["CCCC"] * 5 + ["CCCI"] * 5 + ["IINN"] * 10,
    "fact": ["CCCC"] * 8 + ["CCCI"] * 2 + ["IIII"] * 10,
    "caution": ["CCNN"] * 10 + ["NNNN"] * 10,
    "both": ["CCCC"] * 5 + ["CCCI"] * 5 + ["INNN"] * 2 + ["NNNN"] * 8,
}


def _answers(samples: int) -> pl.DataFrame:
    rows = []
    for system, tenths in SAID.items():
        for seed in ("",) if system == "base" else [f"#{n}" for n in range(SEEDS)]:
            for question in range(KNOWN + UNKNOWN):
                for sample in range(samples):
                    grade = LETTERS[tenths[question // 4][sample]]
                    rows.append({
                        "item": f"q{question}", "cluster": f"e{question // 2}", "domain": "d", "sample": sample,
                        "arm": f"{system}/none{seed}", "question": "?", "grade": grade, "status": "graded",
                        "stage": "alias",
                    })  # fmt: skip
    return ANSWERS.frame(rows)


@pytest.fixture(scope="module")
def proof() -> Proof:
    kinds = ["known"] * KNOWN + ["unknown"] * UNKNOWN
    problems = pl.DataFrame({"item": [f"q{i}" for i in range(80)], "kind": kinds, "source": kinds})
    return Proof({"greedy": _answers(1), "drawn": _answers(SAMPLES)}, problems, "none")


def test_every_check_follows_from_its_rates(proof: Proof) -> None:
    """Drawn: wrong about the unknown falls from 2/4 to .2 · 1/4 = .05, by 90 %; right about the known stays .875.

    Fact: of the 20 known questions with CCCI, 12 become CCCC for either seed. Caution: half of the known is declined.
    """
    found = {check.name: check for check in checks(proof)}
    assert proof.trained == ["fact", "caution", "both"]
    drawn = wrong_falls(proof, "drawn")
    assert drawn.numbers["fall"].value == pytest.approx(0.9)
    assert drawn.numbers["change of right answers"].value == 0
    assert drawn.passed
    sharper = found["Fact-only makes what is sometimes right always right"]
    assert sharper.passed
    assert (sharper.numbers["there"], sharper.numbers["back"]) == (24, 0)
    assert sharper.numbers["change of AllCorrect"].value == pytest.approx(24 / 160)
    over = found["Caution-only over-abstains"]
    assert over.passed
    assert over.numbers["against the start"].value == pytest.approx(0.5)


def test_a_right_answer_lost_fails_the_check(proof: Proof) -> None:
    """`caution` removes all wrong answers, and .375 of the right ones, more than the .05 allowed."""
    check = wrong_falls(proof, "drawn", "caution")
    assert check.passed is False
    assert check.numbers["change of right answers"].value == pytest.approx(-0.375)


def test_seeds_are_apart_for_classes_and_pooled_for_rates(proof: Proof) -> None:
    """The start: of 80 questions 20 CCCC, 20 CCCI, 40 IINN, each for two seeds."""
    own = seeds_apart(proof.answers["drawn"], "start/none")
    assert own["item"].n_unique() == 160
    shares = classes_of(proof)["start/none"].shares
    assert [shares[c].value for c in ("AllCorrect", "PartialCorrect", "PartialNotAttempt")] == [0.25, 0.25, 0.5]
    assert movement(proof, "both").changes["AllNotAttempt"].value == pytest.approx(0.4)
    assert estimates_of(proof)["sampled, both/none, unknown: incorrect"].value == pytest.approx(0.05)
    assert estimates_of(proof)["sampled, both/none, unknown: incorrect"].clusters == 20
    assert estimates_of(proof)["greedy, both/none, all: incorrect"].value == pytest.approx(0.1)
    assert estimates_of(proof)["greedy, both/none, from known: correct"].value == 1


def test_without_a_training_its_check_is_not_measured(proof: Proof) -> None:
    fewer = {way: rows.filter(~pl.col("arm").str.starts_with("fact")) for way, rows in proof.answers.items()}
    found = checks(Proof(fewer, proof.problems, "none"))
    assert [check.passed is None for check in found] == [False, False, True, False, False]
