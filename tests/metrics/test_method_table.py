"""The table of methods by hand: who wins by counting truths, and which changes against a start are sure."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from veracity.metrics.answer_rows import ANSWERS
from veracity.metrics.claim_rows import CLAIMS, RESPONSES
from veracity.metrics.method_table import MethodTables, method_changes, method_estimates, truth_pairs
from veracity.metrics.win_rate import win_rate

LABELS = {"r": "supported", "w": "refuted", "n": "not_enough"}


def texts(said: dict[str, list[str]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Arm → one text a person; `rrw` makes two right claims and a wrong one, an empty one declines."""
    responses: list[dict[str, Any]] = []
    claims: list[dict[str, Any]] = []
    for arm, all_of in said.items():
        for n, letters in enumerate(all_of):
            place = {"item": f"p{n}", "cluster": f"p{n}", "arm": arm, "sample": 0}
            text = " ".join(letters) or "unknown"
            status = "answered" if letters else "abstained"
            responses.append(
                {**place, "domain": "d", "prompt": "?", "response": text, "words": len(letters), "status": status}
            )
            for c, letter in enumerate(letters):
                claims.append({**place, "claim": c, "text": letter, "copies": 1, "label": LABELS[letter]})
    return RESPONSES.frame(responses), CLAIMS.frame({**row, "status": "judged", "evidence": []} for row in claims)


def answers(said: dict[str, str]) -> pl.DataFrame:
    """Arm → one letter a question: c, i, n."""
    grades = {"c": "correct", "i": "incorrect", "n": "not_attempted"}
    return ANSWERS.frame(
        {
            "item": f"q{n}",
            "cluster": f"q{n}",
            "domain": "d",
            "arm": arm,
            "sample": 0,
            "question": "?",
            "answer": "a",
            "gold": "a",
            "grade": grades[letter],
            "status": "graded",
            "stage": "alias",
            "confidence": {"c": 0.9, "i": 0.4, "n": None}[letter],
        }
        for arm, letters in said.items()
        for n, letter in enumerate(letters)
    )


def test_the_text_with_more_right_than_wrong_facts_wins() -> None:
    """Worth 2 against 1, 1 against 1, 0 (declined) against −1, −1 (undecided) against 0: two wins, a tie, a loss."""
    responses, claims = texts({"mine": ["rr", "rrw", "", "n"], "SFT": ["r", "r", "w", "rw"]})
    pairs = truth_pairs(responses, claims, "SFT")
    assert pairs["a_first"].to_list() == ["a", "tie", "a", "b"] == pairs["b_first"].to_list()
    rate = win_rate(pairs)
    assert (rate.wins, rate.losses, rate.ties) == (2, 1, 1) and rate.rate.value == pytest.approx(2.5 / 4)


def test_the_same_words_are_a_tie_that_nobody_judged() -> None:
    responses, claims = texts({"mine": ["rw", "r"], "SFT": ["rw", "w"]})
    assert truth_pairs(responses, claims, "SFT")["status"].to_list() == ["identical", "judged"]


def test_changes_are_paired_with_the_start_and_corrected_over_all() -> None:
    """Twelve questions: the method declines what the base had wrong. Over-abstention: 1 of 7 known is declined."""
    greedy = answers({"base": "ccccccciiiii", "mine": "ccccccnnnnnn", "twin": "ccccccciiiii"})
    responses, claims = texts({arm: ["rw"] * 12 if arm != "mine" else ["r"] * 12 for arm in ("base", "mine", "twin")})
    known = answers({"base": "ccccccciiiii"})
    tables = MethodTables(greedy, greedy, known, responses, claims, truth_pairs(responses, claims, "base"))
    found = method_estimates(tables, k=2)
    assert found["mine: over_abstention"].value == pytest.approx(1 / 7)
    assert found["mine: hallucination_on_unknown"].value == 0 and found["base: hallucination_on_unknown"].value == 1
    assert found["mine: wrong"].value == 0 and found["base: wrong"].value == 1 and found["mine: precision"].value == 1
    assert found["mine: win_rate"].value == 1 and found["twin: win_rate"].value == 0.5
    assert found["base: brier"].value == pytest.approx((7 * 0.01 + 5 * 0.16) / 12)
    assert found["base: auroc"].value == 1 and "mine: auroc" not in found, "all that it attempts is right"

    changes = method_changes(tables, {"mine": "base", "twin": "mine"}, k=2)
    rows = {(row["method"], row["measure"]): row for row in changes.to_dicts()}
    wrong = rows["mine", "wrong"]
    assert wrong["difference"] == -1 and wrong["n"] == 12 and wrong["p_value"] < 0.002
    assert wrong["adjusted"] == pytest.approx(min(1, wrong["p_value"] * changes.height), rel=0.3)
    assert rows["mine", "right"]["difference"] == 0 and rows["mine", "right"]["p_value"] == 1
    assert rows["twin", "incorrect"]["difference"] == pytest.approx(5 / 12)
    assert rows["mine", "over_abstained"]["n"] == 7, "only questions that the base knows"
