"""Break-even, tipping points and payoffs by hand-derived values; a simulated policy goes where they say."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from answer_tables import answers
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import DataError
from veracity.core.judged import Group
from veracity.metrics.break_even import (
    Payoffs,
    as_predicted,
    break_even,
    gain_of_abstaining,
    movements,
    region,
    tipping_point,
    without_signal,
)
from veracity.rewards import open_reward

SIMPLEFACT = Payoffs(1, 0, 1, 0)
SHARES = st.floats(0, 1)


@pytest.mark.parametrize(("n", "q"), [(2, 0.5), (4, 0.318), (8, 0.203), (16, 0.128), (20, 0.110), (32, 0.079)])
def test_larger_groups_demand_less_confidence(n: int, q: float) -> None:
    """n = 2: 1 − q = q. n = 8: (1 − .20346)^7 = .20346. n = 20: (1 − .11)^19 = .109."""
    assert break_even(n, SIMPLEFACT) == pytest.approx(q, abs=5.1e-4)


@pytest.mark.parametrize(("q", "tipping"), [(0.15, 0.37), (0.20, 0.59), (0.30, 0.80), (0.40, 0.88), (0.50, 0.93)])
def test_tipping_points_of_groups_of_twenty(q: float, tipping: float) -> None:
    """q = .15: .15^(1/19) = .9050, (1 − .9050)/.15 = .633, 1 − .633 = .367."""
    assert tipping_point(q, 20, SIMPLEFACT) == pytest.approx(tipping, abs=5.1e-3)
    assert gain_of_abstaining(q, tipping_point(q, 20, SIMPLEFACT), 20, SIMPLEFACT) == pytest.approx(0, abs=1e-12)
    assert region(q, 20, SIMPLEFACT) == "depends"


@given(st.integers(2, 64), SHARES)
def test_truthrl_and_knowrl_break_even_at_a_half_and_two_thirds_whatever_the_group(n: int, abstention: float) -> None:
    """TruthRL: 2q − 1 = 0. KnowRL: 3q − 1 = 1."""
    for name, q in (("truthrl", 1 / 2), ("knowrl_answer", 2 / 3)):
        payoffs = Payoffs.of(open_reward(name).of)
        assert break_even(n, payoffs, abstention) == pytest.approx(q)
        assert (region(q - 0.01, n, payoffs), region(q + 0.01, n, payoffs)) == ("abstains", "attempts")


@pytest.mark.parametrize(
    ("spec", "payoffs"),
    [
        ("simplefact", SIMPLEFACT),
        ("simplefact?mode=fact", Payoffs(1, 0, 0, 0)),
        ("simplefact?mode=caution", Payoffs(0, 0, 1, 0)),
        ("simplefact?wrong=-0.1", Payoffs(1, -0.1, 1, 0)),
        ("truthrl", Payoffs(1, -1, 0, 0)),
        ("knowrl_answer", Payoffs(2, -1, 1, 1)),
    ],
)
def test_payoffs_are_read_off_the_reward(spec: str, payoffs: Payoffs) -> None:
    assert Payoffs.of(open_reward(spec).of) == payoffs


def test_the_modes_alone_have_no_trade_off() -> None:
    """Fact alone never pays for abstaining; caution alone pays for nothing else."""
    fact, caution = (Payoffs.of(open_reward(f"simplefact?mode={m}").of) for m in ("fact", "caution"))
    assert (break_even(20, fact), break_even(20, caution)) == (0.0, 1.0)
    assert region(0.05, 20, fact) == "attempts"
    assert region(0.5, 20, caution) == "abstains"
    assert break_even(20, Payoffs(1, -0.1, 1, 0)) > break_even(20, SIMPLEFACT)


def test_a_reward_without_outcomes_or_by_group_has_no_payoffs() -> None:
    with pytest.raises(ValueError, match="needs more than the outcome"):
        Payoffs.of(open_reward("factscore").of)

    def rank(group: Group) -> list[float | None]:
        return [float(len(group.responses)) for _ in group.responses]

    with pytest.raises(ValueError, match="depends on its group"):
        Payoffs.of(rank)
    with pytest.raises(ValueError, match="does not reward being right"):
        break_even(20, Payoffs(0, 1, 1, 0))


@given(SHARES, SHARES, st.integers(2, 40))
def test_the_tipping_point_parts_the_map(q: float, abstention: float, n: int) -> None:
    tipping = tipping_point(q, n, SIMPLEFACT)
    assert 0 <= tipping <= 1
    gain = gain_of_abstaining(q, abstention, n, SIMPLEFACT)
    if abs(abstention - tipping) > 1e-6 and abs(gain) > 1e-9:
        assert (gain > 0) == (abstention > tipping)


def test_groups_without_a_signal() -> None:
    """q = .5, α = .5, n = 2: all right 1/16, all wrong 1/16, all abstained 1/4."""
    assert without_signal(0.5, 0.5, 2) == pytest.approx(0.375)
    assert without_signal(0.0, 0.0, 20) == 1.0


def collapsed(q: float, abstention: float, reward: str, *, seeds: int = 12, steps: int = 1500) -> float:
    """Share of runs in which a policy of one logit, trained on groups of twenty, ends by abstaining."""
    generator = np.random.default_rng(7)
    pays = Payoffs.of(open_reward(reward).of)
    logit = np.full(seeds, np.log(abstention / (1 - abstention)))
    for _ in range(steps):
        alpha = 1 / (1 + np.exp(-logit))
        declined = generator.random((20, seeds)) < alpha
        right = ~declined & (generator.random((20, seeds)) < q)
        alone = np.where(right.any(axis=0), pays.abstained_beside, pays.abstained_alone)
        paid = np.where(declined, alone, np.where(right, pays.correct, pays.wrong))
        advantage = (paid - paid.mean(axis=0)) / (paid.std(axis=0, ddof=1) + 1e-4)
        logit += 0.3 * (advantage * (declined - alpha)).mean(axis=0)
    return float((logit > 2.5).mean())


@pytest.mark.parametrize(
    ("reward", "q", "abstention", "share"),
    [
        ("simplefact", 0.2, 0.4, 0.0),
        ("simplefact", 0.2, 0.9, 1.0),
        ("truthrl", 0.4, 0.2, 1.0),
        ("truthrl", 0.7, 0.8, 0.0),
    ],
)
def test_a_simulated_policy_goes_where_the_map_says(reward: str, q: float, abstention: float, share: float) -> None:
    """The tipping point of q = .2 is .59: from .4 no run collapses, from .9 every run. TruthRL's q = .5 has none."""
    assert collapsed(q, abstention, reward) == share
    tipping = tipping_point(q, 20, Payoffs.of(open_reward(reward).of))
    assert (abstention > tipping) == (share == 1.0)


def test_movements_of_a_table_by_hand() -> None:
    """Known: 3 of 4 attempts right, abstention 0 → 0. Unknown: 0 of 2 attempts right, abstention ½ → 1."""
    start = answers({"k1": "CC", "k2": "CI", "u": "IN", "u2": "NI"}, arm="start")
    table = pl.concat([start, answers({"k1": "C", "k2": "C", "u": "N", "u2": "N"}, arm="end")])
    levels = {"k1": "known", "k2": "known", "u": "unknown", "u2": "unknown", "never asked": "none"}
    known, unknown = movements(table, "start", "end", levels)
    assert (known.level, known.right.value, known.before.value, known.after.value) == ("known", 0.75, 0.0, 0.0)
    assert (unknown.right.value, unknown.before.value, unknown.after.value) == (0.0, 0.5, 1.0)
    assert as_predicted(unknown, 20, SIMPLEFACT) is True
    assert as_predicted(known, 20, SIMPLEFACT) is None
    with pytest.raises(DataError, match="no question of a known kind"):
        movements(table, "start", "end", {"other": "x"})
