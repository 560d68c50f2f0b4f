"""Choosing problems by pass rates: what is dropped, quotas by hand, and that nothing but the seed breaks ties."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import ConfigError
from veracity.core.judged import Group, JudgedResponse
from veracity.core.problem import Problem
from veracity.training.filtering import Tried, draw_epoch, just_hard_enough, quotas, tried

RATES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 16)), min_size=1, max_size=60)


def found(rates: list[tuple[str, int]]) -> list[Tried]:
    return [Tried(f"{source}{i}", source, right, 16) for i, (source, right) in enumerate(rates)]


def test_a_group_is_counted_by_its_grades() -> None:
    """Two of three graded answers are right; "Lyon" and "lyon." are one answer: entropy −(⅔ ln ⅔ + ⅓ ln ⅓) = .6365."""
    said = [("Lyon", "correct"), ("lyon.", "correct"), ("Paris", "incorrect"), ("?", None)]
    group = Group(Problem("q", "set", "Where?"), tuple(JudgedResponse(t, 1, outcome=o) for t, o in said))  # type: ignore[arg-type]
    one = tried(group)
    assert (one.item, one.source, one.right, one.judged) == ("q", "set", 2, 3)
    assert one.entropy == pytest.approx(0.6365, abs=1e-4)
    assert one.rate == pytest.approx(2 / 3) and one.mixed and not one.never


def test_the_most_varied_are_kept_and_the_hopeless_put_aside() -> None:
    """p(1 − p) is largest at 8 of 16, equal at 4 and 12; 0 and 16 of 16 never come in."""
    chosen = just_hard_enough(found([("a", 0), ("a", 8), ("a", 16), ("a", 4), ("a", 12), ("a", 1)]), 3, caution=1)
    assert chosen.learnable[0] == "a1" and set(chosen.learnable) == {"a1", "a3", "a4"}
    assert chosen.caution == ("a0",)


def test_ties_go_by_the_entropy_of_the_answers() -> None:
    pool = [Tried("low", "a", 8, 16, 0.2), Tried("high", "a", 8, 16, 1.4), Tried("middle", "a", 8, 16, 0.9)]
    assert just_hard_enough(pool, 2).learnable == ("high", "middle")


def test_sources_keep_their_quota_and_leave_what_they_cannot_fill() -> None:
    """Six places for a (10), b (1), c (10): two each, b has one, and the sixth goes to a, the first by name."""
    pool = found([("a", 8)] * 10 + [("b", 8)] + [("c", 8)] * 10)
    chosen = just_hard_enough(pool, 6).learnable
    assert [sum(item[0] == source for item in chosen) for source in "abc"] == [3, 1, 2]


def test_too_few_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"filter\.keep=3: of 3 problems only 2 are sometimes answered right"):
        just_hard_enough(found([("a", 8), ("a", 9), ("a", 0)]), 3)
    with pytest.raises(ConfigError, match="never answered right"):
        just_hard_enough(found([("a", 8), ("a", 9), ("a", 0)]), 1, caution=2)


@given(RATES, st.integers(0, 20), st.integers(0, 3))
def test_a_selection_depends_on_the_seed_alone(rates: list[tuple[str, int]], keep: int, seed: int) -> None:
    pool = found(rates)
    keep = min(keep, sum(one.mixed for one in pool))
    shuffled = random.Random(1).sample(pool, len(pool))
    chosen = just_hard_enough(pool, keep, seed=seed)
    assert chosen == just_hard_enough(shuffled, keep, seed=seed)
    assert len(set(chosen.learnable)) == keep
    assert all(one.mixed for one in pool if one.item in chosen.learnable)


@given(RATES, st.integers(0, 3))
def test_an_epoch_has_its_size_and_prefers_what_is_sometimes_right(rates: list[tuple[str, int]], seed: int) -> None:
    pool = found(rates)
    size = max(1, len(pool) // 2)
    items = draw_epoch(pool, size, seed=seed)
    assert len(items) == len(set(items)) == size
    chosen = [one for one in pool if one.item in items]
    assert sum(one.mixed for one in chosen) == min(size, sum(one.mixed for one in pool))
    assert items == draw_epoch(list(reversed(pool)), size, seed=seed)


def test_an_epoch_keeps_a_share_for_caution_and_the_shares_of_sources() -> None:
    """Of 20 places 4 are for the never right; of the other 16 twelve are a's and four b's, as 30 to 10 among all."""
    pool = found([("a", 8)] * 24 + [("a", 0)] * 6 + [("b", 8)] * 8 + [("b", 0)] * 2 + [("b", 16)] * 0)
    items = draw_epoch(pool, 20, caution=0.2)
    never = {one.item for one in pool if one.never}
    assert len(never & set(items)) == 4
    assert sum(item[0] == "a" for item in items) == 12 + 3


def test_more_problems_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigError, match="an epoch of 3 problems cannot be drawn from 2"):
        draw_epoch(found([("a", 1), ("a", 2)]), 3)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.tuples(st.integers(0, 9), st.floats(0.1, 5)), min_size=1),
    st.integers(0, 40),
)
def test_quotas_fill_all_there_is_and_no_source_beyond_what_it_has(
    sources: dict[str, tuple[int, float]], total: int
) -> None:
    available = {name: n for name, (n, _) in sources.items()}
    given_ = quotas(total, available, {name: share for name, (_, share) in sources.items()})
    assert sum(given_.values()) == min(total, sum(available.values()))
    assert all(0 <= given_[name] <= available[name] for name in available)
