"""Paired tests, Holm and sample sizes against published and hand-made figures."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.stats.paired import holm, mcnemar_exact, paired_difference
from veracity.stats.power import (
    detectable_difference_paired,
    detectable_difference_unpaired,
    required_items_paired,
    required_items_unpaired,
)


def test_mcnemar_by_hand():
    """1 against 7 discordant items: p = 2·(1 + 8) / 2⁸ = .0703125."""
    first = [True] * 7 + [False] + [True] * 5
    second = [False] * 7 + [True] + [True] * 5
    result = mcnemar_exact(first, second)
    assert (result.only_first, result.only_second) == (7, 1)
    assert result.p_value == pytest.approx(0.0703125)
    assert mcnemar_exact([True, False], [True, False]).p_value == 1.0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_is_symmetric(pairs):
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    assert mcnemar_exact(a, b).p_value == pytest.approx(mcnemar_exact(b, a).p_value)


def test_paired_difference_removes_what_items_share():
    """Items differ wildly, systems by exactly .1: the paired interval has no width."""
    base = np.random.default_rng(0).normal(size=50) * 10
    e = paired_difference(base + 0.1, base, np.arange(50), seed=0)
    assert e.ci_low == pytest.approx(0.1) and e.ci_high == pytest.approx(0.1) and e.null == 0
    with pytest.raises(ValueError, match="same items"):
        paired_difference([1.0], [1.0, 2.0], [0], seed=0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=20))
def test_swapping_the_systems_turns_the_sign(pairs):
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    names = list(range(len(pairs)))
    forward = paired_difference(a, b, names, seed=1, resamples=200)
    back = paired_difference(b, a, names, seed=1, resamples=200)
    assert forward.value == pytest.approx(-back.value) and forward.ci_low == pytest.approx(-back.ci_high)


def test_holm_by_hand():
    """p = .01, .04, .03, .005: sorted .005·4, .01·3, .03·2, then max(.06, .04·1) = .06."""
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(adjusted) == ["a", "b", "c", "d"] and holm({}) == {}
    with pytest.raises(ValueError, match="'x' is 2"):
        holm({"x": 2})


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_never_lowers_and_keeps_order(p_values):
    adjusted = holm(p_values)
    assert all(p_values[k] <= adjusted[k] <= 1 for k in p_values)
    ordered = sorted(p_values, key=p_values.__getitem__)
    assert all(adjusted[a] <= adjusted[b] for a, b in itertools.pairwise(ordered))


def test_required_items_match_published_figures():
    """.5 against .6 at 80 % power: 388 a group; paired, difference .1 at 30 % discordance: 234 (closed form)."""
    assert required_items_unpaired(0.5, 0.6) == 388
    by_hand = ((1.959964 * math.sqrt(0.3) + 0.841621 * math.sqrt(0.29)) / 0.1) ** 2
    assert required_items_paired(0.1, 0.3) == math.ceil(by_hand) == 234


def test_detectable_difference_inverts_required_items():
    assert detectable_difference_unpaired(388, 0.5) == pytest.approx(0.1, abs=1e-3)
    assert detectable_difference_paired(234, 0.3) == pytest.approx(0.1, abs=1e-3)
    assert math.isnan(detectable_difference_unpaired(2, 0.9)) and math.isnan(detectable_difference_paired(3, 0.1))


def test_the_required_size_has_the_promised_power():
    """234 shared items, 20 % one way and 10 % the other: McNemar finds it about 80 % of the time."""
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(500):
        kind = generator.choice(3, size=234, p=[0.2, 0.1, 0.7])
        found += mcnemar_exact(kind == 0, kind == 1).p_value < 0.05
    assert 0.72 <= found / 500 <= 0.86


@pytest.mark.parametrize(
    "call",
    [
        lambda: required_items_unpaired(0.5, 0.5),
        lambda: required_items_unpaired(0.5, 1.5),
        lambda: required_items_paired(0.4, 0.3),
        lambda: required_items_paired(0.1, 0.3, power=1.0),
        lambda: detectable_difference_unpaired(0, 0.5),
        lambda: detectable_difference_paired(10, 0.0),
    ],
)
def test_impossible_designs_are_refused(call):
    with pytest.raises(ValueError):
        call()
