"""Selections and splits: sizes by hand, refusals, and what must hold for any samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import ConfigError, DataError
from veracity.core.requests import Message
from veracity.training.records import Demonstration
from veracity.training.selection import (
    ScoredSample,
    SelectionSettings,
    few,
    select,
    split,
    top_share,
    validation_size,
)


def sample(name, score, direction="higher", source="a", trajectory=None, right=None, item=None):
    shown = Demonstration(item or name, (Message("user", "Q"),), name)
    return ScoredSample(shown, score, direction, source, trajectory or name, right)


def names(samples):
    return [s.demonstration.response for s in samples]


def test_the_best_share_is_rounded_down_and_counts_samples_without_a_score():
    """Five samples, one without a score: floor(5 × .5) = 2 best."""
    five = [sample("a", 0.1), sample("b", None), sample("c", 0.9), sample("d", 0.5), sample("e", 0.7)]
    assert names(top_share(five, 0.5)) == ["c", "e"]
    assert names(top_share([sample(n, 1.0) for n in "abcd"], 0.5)) == ["a", "b"]  # equal: as they came


def test_lower_is_better_where_it_says_so_and_sources_are_never_mixed():
    brier = [sample("a", 0.2, "lower", "brier"), sample("b", 0.1, "lower", "brier")]
    recall = [sample("c", 100.0, source="recall"), sample("d", 50.0, source="recall")]
    assert names(top_share([*brier, *recall], 0.5)) == ["b", "c"]


def test_rows_without_a_direction_are_refused_where_scores_decide():
    rows = [sample("a", 1.0, "neither", "words"), sample("b", 0.0, "neither", "words", right=True)]
    with pytest.raises(ConfigError, match="words: its scores have no direction"):
        select(rows, SelectionSettings(share=0.5))
    with pytest.raises(ConfigError, match="the directions higher, lower"):
        select([sample("a", 1.0), sample("b", 1.0, "lower")], SelectionSettings(share=0.5))
    assert names(select(rows, SelectionSettings(choose="ground_truth"))) == ["b"]
    assert names(select(rows, SelectionSettings(choose="all"))) == ["a", "b"]


def test_nothing_left_is_said():
    with pytest.raises(DataError, match="none of 1 samples"):
        select([sample("a", 1.0)], SelectionSettings(share=0.5))
    with pytest.raises(DataError, match=r"1 have a score, and selection\.share=0\.5"):
        select([sample("a", 1.0)], SelectionSettings(share=0.5))
    with pytest.raises(DataError, match="none has a score, as the grader could read no answer"):
        select([sample(name, None) for name in "abcd"], SelectionSettings(share=0.5))
    with pytest.raises(DataError, match="none is known to be right"):
        select([sample("a", 1.0, right=False)], SelectionSettings(choose="ground_truth"))
    with pytest.raises(DataError, match="less than one example"):
        few([sample("a", 1.0)], count=3, share=0.5)


def test_examples_are_the_smaller_of_count_and_share_one_a_trajectory():
    """Eight samples of four trajectories, scores 1..8; trajectory t holds samples 2t-1 and 2t."""
    eight = [sample(str(i), float(i), trajectory=f"t{(i + 1) // 2}") for i in range(1, 9)]
    assert names(few(eight, count=3, share=1.0)) == ["8", "6", "4"]
    assert names(few(eight, count=8, share=0.25)) == ["8", "6"]
    assert names(few(eight, count=8, share=1.0)) == ["8", "6", "4", "2"]


def test_examples_are_divided_over_the_sources():
    two = [sample(f"{s}{i}", float(i), source=s) for s in "ab" for i in range(4)]
    assert names(few(two, count=4, share=1.0)) == ["a3", "a2", "b3", "b2"]
    assert names(few(two, count=3, share=1.0)) == ["a3", "a2", "b3"]


@pytest.mark.parametrize(
    ("total", "held"),
    [
        *[(0, 0), (10, 0), (11, 3), (14, 4), (50, 5), (51, 12), (80, 20), (200, 20)],
        *[(201, 40), (1000, 100), (1001, 100), (3000, 200)],
    ],
)
def test_sizes_of_the_validation_split(total, held):
    assert validation_size(total) == held


def test_ground_truth_validation_holds_back_right_items_alone():
    rows = [sample(str(i), 1.0, right=i % 2 == 0) for i in range(40)]
    parts = split(rows, "gt", seed=3)
    assert len(parts.validation) == 5 and all(s.right for s in parts.validation)
    assert len(parts.training) == 35 and any(not s.right for s in parts.training)
    assert split(rows, "none", seed=3).validation == ()


@given(st.lists(st.integers(0, 12), max_size=80), st.integers(0, 5))
def test_no_item_is_on_both_sides_and_nothing_is_lost(items, seed):
    rows = [sample(str(i), 1.0, item=f"i{item}") for i, item in enumerate(items)]
    parts = split(rows, "train", seed)
    sides = [{s.demonstration.item for s in side} for side in (parts.training, parts.validation)]
    assert not sides[0] & sides[1] and len(parts.training) + len(parts.validation) == len(rows)
    assert len(parts.validation) <= validation_size(len(rows))
    assert parts == split(rows, "train", seed)
