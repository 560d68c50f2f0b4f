"""The headline of a factuality run has a word for everything that could not be measured, and never `not measured`."""

from __future__ import annotations

from veracity.metrics.answer_rows import ANSWERS
from veracity.metrics.factuality_scores import answer_estimates
from veracity.report.factuality_contents import FactualityContents
from veracity.report.factuality_headline import headline


def contents(grades: dict[str, list[str | None]]) -> FactualityContents:
    """A run with these grades of each arm, None for an answer that could not be graded."""
    rows = [
        {
            "item": f"q{i}", "cluster": f"q{i}", "domain": "d", "arm": arm, "sample": 0, "question": "Who?",
            "gold": "I", "answer": "x", "grade": grade, "status": "graded" if grade else "judge_failed",
            "stage": "alias" if grade else None,
        }
        for arm, given in grades.items()
        for i, grade in enumerate(given)
    ]  # fmt: skip
    table = ANSWERS.frame(rows)
    return FactualityContents("run", {"answers": table}, answer_estimates(table, None), {})


def test_answers_without_a_grade_are_counted_beside_the_shares() -> None:
    said = headline(contents({"none": ["correct", "incorrect", None, None]}))
    assert said.startswith("Of 4 questions, without a system prompt the model answers 50 %")
    assert said.endswith("2 of 4 answers have no grade and are in no share.")


def test_nothing_graded_is_said_in_words() -> None:
    said = headline(contents({"none": [None] * 3, "careful": ["correct"] * 3}))
    assert "without a system prompt none of the answers could be graded; under the prompt “careful” it answers" in said
    assert "not measured" not in said


def test_whoever_declines_everything_has_no_share_of_attempts() -> None:
    said = headline(contents({"none": ["not_attempted"] * 4}))
    assert "right and declines 100 %" in said and "attempts" not in said and "no grade" not in said
