"""How much of a list an answer states, by hand; what KLCF's checks ask of intervals."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.estimate import Estimate
from veracity.metrics.arm_effects import changes
from veracity.metrics.checklist_coverage import coverage_items, coverage_rows, stated_facts
from veracity.metrics.klcf_checks import both_rise_check, length_check

LISTS = pl.DataFrame(
    {
        "item": ["p", "p", "p", "q"],
        "place": [0, 1, 2, 0],
        "text": ["a", "b", "c", "d"],
        "importance": [1.0, 0.5, 0.25, 0.5],
    }
)


def _responses(*rows: tuple[str, str, int, str]) -> pl.DataFrame:
    columns = ["item", "arm", "sample", "status"]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(cluster=pl.col("item"))


def test_recall_and_recall_by_importance() -> None:
    """Of a (1), b (.5), c (.25) the answer states a and c: 2/3, and 1.25/1.75 = 5/7. An abstention states nothing.

    Answers that could not be had or read have no row, nor have answers to a prompt without a list.
    """
    responses = _responses(
        ("p", "x", 0, "answered"),
        ("p", "x", 1, "abstained"),
        ("p", "x", 2, "extraction_failed"),
        ("p", "x", 3, "request_failed"),
        ("r", "x", 0, "answered"),
    )
    found = coverage_rows(responses, LISTS, lambda row, texts: [0, 2] if row["sample"] == 0 else [])
    assert found["sample"].to_list() == [0, 1]
    assert found["recall"].to_list() == pytest.approx([2 / 3, 0])
    assert found["weighted_recall"].to_list() == pytest.approx([5 / 7, 0])
    assert coverage_items(found)["recall"].to_list() == pytest.approx([1 / 3])


def test_an_answer_whose_scorer_failed_has_no_row() -> None:
    found = coverage_rows(_responses(("p", "x", 0, "answered")), LISTS, lambda row, texts: None)
    assert found.height == 0


@given(st.permutations(range(3)), st.sets(st.integers(0, 2)))
def test_the_order_of_the_list_changes_nothing(order: list[int], said: set[int]) -> None:
    """Recall is a share of items and in [0, 1]."""
    own = LISTS.filter(pl.col("item") == "p")
    shuffled = own.with_columns(place=pl.Series(order))
    facts = {"abc"[n] for n in said}

    def stated(row: object, texts: object) -> list[int]:
        return [n for n, text in enumerate(texts) if text in facts]  # type: ignore[arg-type,var-annotated]

    rows = _responses(("p", "x", 0, "answered"))
    columns = ("recall", "weighted_recall")
    one, two = (coverage_rows(rows, lists, stated).select(columns).row(0) for lists in (own, shuffled))
    assert one == pytest.approx(two)
    assert one[0] == pytest.approx(len(said) / 3)
    assert 0 <= one[1] <= 1


def test_only_supported_claims_are_facts() -> None:
    claims = pl.DataFrame(
        {"arm": ["x"] * 3, "item": ["p"] * 3, "sample": [0, 0, 1], "text": ["A", "b", "A"]}
        | {"label": ["supported", "refuted", None]}
    )
    assert stated_facts(claims, str.lower) == {("x", "p", 0): {"a"}}


def test_recall_changes_are_paired_by_item() -> None:
    """Two people: .2 → .4 and .6 → .8; a third without a list counts for precision alone."""

    def items(recall: list[float | None], precision: list[float]) -> pl.DataFrame:
        return pl.DataFrame(
            {"item": ["a", "b", "c"], "cluster": ["a", "b", "c"]} | {"recall": recall, "precision": precision}
        )

    found = changes(items([0.4, 0.8, None], [1.0, 1.0, 0.4]), items([0.2, 0.6, None], [0.5, 0.5, 0.4]))
    assert found["recall"].difference.value == pytest.approx(0.2)
    assert found["recall"].difference.n == 2
    assert found["precision"].difference.value == pytest.approx(1 / 3)


def _change(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, 0.01, low, high, 10, 10, "higher", 0.0)


def test_both_must_rise_for_sure() -> None:
    """Recall alone is not enough, nor a rise of precision whose interval reaches 0."""
    up, unsure = _change(0.1, 0.05, 0.15), _change(0.01, -0.01, 0.03)
    assert both_rise_check("KLCF", "SFT", {"recall": up, "precision": up}).passed is True
    assert both_rise_check("KLCF", "SFT", {"recall": up, "precision": unsure}).passed is False
    nothing = Estimate(float("nan"), float("nan"), float("nan"), float("nan"), 0, 0, "higher", 0.0)
    assert both_rise_check("KLCF", "SFT", {"recall": nothing, "precision": up}).passed is None


def test_lengths_must_move_for_sure_in_their_direction() -> None:
    longer, shorter, unsure = _change(3, 2, 4), _change(-1, -2, -0.1), _change(-0.3, -0.8, 0.2)
    assert length_check("x", "SFT", {"words": longer}, "longer").passed is True
    assert length_check("x", "SFT", {"words": longer}, "shorter").passed is False
    assert length_check("x", "SFT", {"words": shorter}, "shorter").passed is True
    assert length_check("x", "SFT", {"words": unsure}, "shorter").passed is False
    assert "−0.3 words [−0.8, +0.2]" in length_check("x", "SFT", {"words": unsure}, "shorter").sentence
