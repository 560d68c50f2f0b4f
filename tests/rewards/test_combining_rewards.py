"""Weighted sums over what is defined for a prompt, and the parts' shares of variance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.rewards import combined, dominant, shares_of_variance

NUMBERS = st.floats(-5, 5).map(lambda x: round(x, 3))


def test_a_part_that_a_prompt_does_not_have_leaves_its_weight_to_the_others() -> None:
    """Weights 1, 1, .5 sum to 2.5; without the empty checklist's 1 the others become 2.5/1.5 of themselves."""
    found = combined(
        {"recall": [None, None], "truth": [0.8, 0.2], "general": [1.0, -1.0]},
        {"recall": 1.0, "truth": 1.0, "general": 0.5},
    )
    assert found.weights == pytest.approx({"truth": 5 / 3, "general": 5 / 6})
    assert found.values == pytest.approx((0.8 * 5 / 3 + 5 / 6, 0.2 * 5 / 3 - 5 / 6))


def test_a_judge_that_failed_for_one_response_leaves_it_alone_without_a_reward() -> None:
    found = combined({"a": [0.3, None, 0.75], "b": [1.0, 1.0, 0.0]}, {"a": 1.0, "b": 2.0})
    assert found.values == (pytest.approx(2.3), None, pytest.approx(0.75))
    assert found.weights == {"a": 1.0, "b": 2.0}


def test_a_part_without_weight_is_as_if_it_were_not_there() -> None:
    assert combined({"a": [None, None], "b": [1.0, 2.0]}, {"a": 0.0, "b": 3.0}).values == (3.0, 6.0)
    assert combined({"a": [None], "b": [None]}, {"a": 1.0, "b": 1.0}).values == (None,)


def test_shares_of_variance_by_hand() -> None:
    """a = 0, 2 and b = 0, 1: sum 0, 3 has variance 4.5; cov(a, sum) = 3, cov(b, sum) = 1.5: two thirds and one."""
    shares = shares_of_variance({"a": [0.0, 2.0], "b": [0.0, 1.0]}, {"a": 1.0, "b": 1.0})
    assert shares == pytest.approx({"a": 2 / 3, "b": 1 / 3})
    assert dominant(shares) is None
    weighed = shares_of_variance({"a": [0.0, 2.0], "b": [0.0, 1.0]}, {"a": 1.0, "b": 0.1})
    assert dominant(weighed) == "a"
    assert shares_of_variance({"a": [1.0, 1.0]}, {"a": 1.0}) == {}
    assert dominant(shares_of_variance({"a": [1.0, 2.0]}, {"a": 1.0})) is None


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=2, max_size=9), st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_shares_sum_to_one(rows: list[tuple[float, float, float]], weights: tuple[float, float, float]) -> None:
    parts = dict(zip("abc", map(list, zip(*rows, strict=True)), strict=True))
    shares = shares_of_variance(parts, dict(zip("abc", weights, strict=True)))
    assert not shares or sum(shares.values()) == pytest.approx(1, abs=1e-6)


@given(st.lists(st.none() | NUMBERS, min_size=1, max_size=6), st.lists(st.none() | NUMBERS, min_size=6, max_size=6))
def test_the_order_of_responses_and_parts_does_not_matter(a: list[float | None], b: list[float | None]) -> None:
    b = b[: len(a)]
    one = combined({"a": a, "b": b}, {"a": 1.0, "b": 0.5})
    other = combined({"b": b[::-1], "a": a[::-1]}, {"b": 0.5, "a": 1.0})
    assert one.values == other.values[::-1]


def test_parts_without_a_weight_are_refused() -> None:
    with pytest.raises(ValueError, match="one weight"):
        combined({"a": [1.0]}, {})
