"""Win rate by hand: outcomes, ties, flips, failures, and the rate at equal length."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import DataError
from veracity.metrics.win_rate import (
    PAIRS,
    decide,
    judge_agreement,
    judge_may_be_used,
    length_controlled_rate,
    outcomes,
    pairwise_failures,
    win_rate,
)

VERDICTS = [("a", "a"), ("a", "b"), ("b", "b"), ("tie", "a")]


def pair(i, first, second, **more):
    states = {0: "judged", 1: "one_order", 2: "judge_failed"}
    row = {"item": f"p{i}", "cluster": f"p{i}", "arm": "new", "against": "old", "sample": 0}
    row |= {"status": states[(first is None) + (second is None)], "a_first": first, "b_first": second}
    return row | {"length_a": 100, "length_b": 100} | more


def table(verdicts, *more):
    return PAIRS.frame([*(pair(i, *orders) for i, orders in enumerate(verdicts)), *more])


def test_the_vector():
    """(A,A) win, (A,B) tie, (B,B) loss, (tie,A) tie: (1 + ½·2)/4 = .5; two of four verdicts change with the order."""
    found = win_rate(table(VERDICTS))
    assert (found.wins, found.losses, found.ties) == (1, 1, 2)
    assert found.rate.value == 0.5 and found.rate.null == 0.5
    assert found.flip_rate.value == 0.5 and found.flip_rate.n == 4
    assert (found.one_order, found.dropped) == (0, 0)


def test_a_judge_that_failed_once_is_flagged_and_twice_is_dropped():
    """The two added pairs: one order says a (a win, not a tie), none says anything: rate (2 + ½·2)/5 = .6."""
    found = win_rate(table([*VERDICTS, (None, "a"), (None, None)]))
    assert (found.wins, found.losses, found.ties, found.one_order, found.dropped) == (2, 1, 2, 1, 1)
    assert found.rate.value == pytest.approx(0.6) and found.rate.n == 5
    assert found.flip_rate.n == 4


def test_the_same_words_twice_tie_and_tell_nothing_of_flips_and_a_missing_answer_is_neither_lost_nor_tied():
    """With an identical pair the four of the vector give (1 + ½·3)/5 = .5, flips still 2 of 4, failures 0 of 8."""
    same = pair(8, None, None, status="identical")
    lost = pair(9, None, None, status="request_failed", length_b=None)
    pairs = table(VERDICTS, same, lost)
    found = win_rate(pairs)
    assert (found.wins, found.losses, found.ties, found.identical) == (1, 1, 3, 1)
    assert (found.one_order, found.dropped, found.missing) == (0, 0, 1)
    assert found.rate.value == 0.5 and found.rate.n == 5
    assert found.flip_rate.value == 0.5 and found.flip_rate.n == 4
    assert outcomes(pairs) == ["win", "tie", "loss", "tie", "tie", None]
    assert pairwise_failures(pairs).value == 0 and pairwise_failures(pairs).n == 8


def test_failures_of_the_judge_are_shares_of_its_questions():
    """Two pairs, four questions, three of them without a verdict."""
    assert pairwise_failures(table([(None, "a"), (None, None)])).value == 0.75


def test_no_verdict_at_all_is_no_rate():
    found = win_rate(table([(None, None)]))
    assert found.rate.n == 0 and found.length_controlled is None and found.dropped == 1


def test_an_unknown_winner_is_refused():
    with pytest.raises(DataError, match="a_first"):
        win_rate(table(VERDICTS).with_columns(pl.lit("A").alias("a_first")))


def test_a_certain_winner_has_an_interval_with_a_width():
    found = win_rate(table([("a", "a")] * 20))
    assert found.rate.value == 1.0 and found.rate.ci_low < 0.9


def test_length_alone_wins_nothing_at_equal_length():
    """a is 20 words longer on average and wins by length only, P = expit(d / 40): .5 at d = 0, raw rate above .6."""
    rng = np.random.default_rng(0)
    longer = rng.normal(20, 40, size=1500)
    values = (rng.random(1500) < 1 / (1 + np.exp(-longer / 40))).astype(float)
    found = length_controlled_rate(values, longer, [str(i) for i in range(1500)])
    assert values.mean() > 0.58
    assert found.value == pytest.approx(0.5, abs=0.04) and found.ci_low < 0.5 < found.ci_high


def test_without_differences_in_length_nothing_is_controlled():
    """Outcomes 1, 1, 1, 0 at equal length: the fitted rate is their mean, 3/4."""
    found = length_controlled_rate(np.array([1.0, 1, 1, 0]), np.zeros(4), list("wxyz"))
    assert found.value == pytest.approx(0.75)


def test_a_length_that_tells_every_win_gives_no_rate():
    values, longer = np.array([0.0, 0, 0, 1, 1, 1]), np.array([-3, -2, -1, 1, 2, 3])
    assert length_controlled_rate(values, longer, list("abcdef")) is None


def test_the_length_controlled_rate_does_not_depend_on_the_unit():
    rng = np.random.default_rng(1)
    longer, values = rng.normal(5, 9, 80), rng.choice([0.0, 0.5, 1.0], 80)
    clusters = [str(i // 2) for i in range(80)]
    words, characters = (length_controlled_rate(values, longer * unit, clusters) for unit in (1, 6))
    assert words.value == pytest.approx(characters.value) and words.se == pytest.approx(characters.se)


def test_a_judge_must_agree_on_enough_pairs():
    assert judge_may_be_used(judge_agreement(["a"] * 75 + ["b"] * 25, ["a"] * 100))
    assert not judge_may_be_used(judge_agreement(["a"] * 60 + ["b"] * 40, ["a"] * 100))
    assert not judge_may_be_used(judge_agreement(["a"] * 20, ["a"] * 20))


winners = st.sampled_from(["a", "b", "tie", None])


@given(st.lists(st.tuples(winners, winners), min_size=1, max_size=12), st.randoms())
def test_bounds_order_and_swapping_the_systems(verdicts, rng):
    """The rate is in [0, 1], pairs may come in any order, and with a and b swapped it is 1 minus itself."""
    found = win_rate(table(verdicts))
    shuffled = list(verdicts)
    rng.shuffle(shuffled)
    other = {"a": "b", "b": "a", "tie": "tie", None: None}
    mirrored = win_rate(table([(other[second], other[first]) for first, second in verdicts]))
    assert found.wins + found.losses + found.ties + found.dropped == len(verdicts)
    if found.rate.n:
        assert 0 <= found.rate.value <= 1
        assert win_rate(table(shuffled)).rate.value == pytest.approx(found.rate.value)
        assert mirrored.rate.value == pytest.approx(1 - found.rate.value)


@given(winners, winners)
def test_winning_one_order_more_never_hurts(first, second):
    worth = {"loss": 0, "tie": 1, "win": 2}
    if first is not None and second is not None:
        assert worth[decide("a", second)] >= worth[decide(first, second)]
