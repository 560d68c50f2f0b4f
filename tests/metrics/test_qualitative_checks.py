"""How far the qualitative judge can be trusted: each check's number by hand, and what is none."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veracity.core.problem import Problem
from veracity.core.trajectory import Step, Trajectory
from veracity.judging.qualitative import QualitativeSettings, Scores, Verdict, VerdictQuery
from veracity.metrics.qualitative import VERDICTS, verdict_rows
from veracity.metrics.qualitative_checks import (
    CHECKS,
    double_scored,
    krippendorff_alpha,
    qualitative_checks,
    swap_test,
    verdict_noise,
)

FEW = {"seed": 0, "resamples": 100}
HOW = QualitativeSettings()


def table(judge: str = "j", domain: str = "d", **by_item: tuple[float | str, ...]):
    """Verdicts on one trajectory an item; a text is the status of one that failed. Criteria have half the score."""
    rows = []
    for item, scores in by_item.items():
        problem = Problem(item, domain, "Why?")
        trajectory = Trajectory(problem, "direct", 0, problem.messages(), (Step("Because."),))
        said = [verdict(score, place) for place, score in enumerate(scores)]
        rows += verdict_rows(trajectory, "Because.", said, HOW, arm="a", model="m", judge=judge)
    return VERDICTS.frame(rows)


def verdict(score: float | str, place: int) -> Verdict:
    query = VerdictQuery((), place)
    if isinstance(score, str):
        return Verdict(query, None, score, reason="why")  # type: ignore[arg-type]
    return Verdict(query, Scores(tuple((c.name, score / 2) for c in HOW.rubric), score, "So."), "ok")


def test_the_swap_of_cases() -> None:
    """Differences .1, −.3, 0 on trajectories with both orders: mean −.0667, size .1333, two of three changed."""
    found = swap_test(table(p=(0.4,), q=(0.8,), r=(0.5,), s=(0.1,)),
                      table(p=(0.5,), q=(0.4, 0.6), r=(0.5,), s=("parse_failed",)), **FEW)  # fmt: skip
    assert found.effect.value == pytest.approx(-0.2 / 3) and found.effect.n == 3 and found.effect.null == 0
    assert found.effect.ci_low < found.effect.value < found.effect.ci_high
    assert found.size.value == pytest.approx(0.4 / 3) and found.changed.value == pytest.approx(2 / 3)


def test_the_noise_of_a_verdict() -> None:
    """Deviations of .4 and .8: .08 over 1; of .1, .2, .3: .02 over 2. √(.1/3) = .18257; one verdict tells nothing."""
    noise = verdict_noise(table(p=(0.4, 0.8), q=(0.1, 0.2, 0.3, "parse_failed"), r=(0.9,)), **FEW)
    assert noise.value == pytest.approx(math.sqrt(0.1 / 3)) and noise.n == 2
    assert verdict_noise(table(p=(0.4,)), **FEW).n == 0


def test_sources_of_two_domains_are_not_one_by_their_name() -> None:
    """Two domains that both call an item p: two sources, for each check."""
    both = VERDICTS.frame([row for domain in "de" for row in table(domain=domain, p=(0.4, 0.8)).iter_rows(named=True)])
    assert {check.check: check.estimate.clusters for check in qualitative_checks(both, both, both, **FEW)} == {
        "readable": 2, "noise": 2, "swap": 2, "double_scoring": 2,
    }  # fmt: skip


def test_agreement_by_hand() -> None:
    """Pairs (1,2), (3,3), (5,4): D_o = (1+0+1)·2/(1·6) = 2/3; pooled 1,2,3,3,5,4 has Σ(x−3)² = 10, D_e = 120/30 = 4;
    α = 1 − (2/3)/4 = .8333. A thing with one rating counts for nothing.
    """
    found = krippendorff_alpha([(1, 2), (3, 3), (5, 4), (9, None)], "abcd", **FEW)
    assert found.value == pytest.approx(1 - (2 / 3) / 4) and (found.n, found.clusters) == (3, 3)
    assert krippendorff_alpha([(1, 1), (2, 2)], "ab", **FEW).value == 1
    assert krippendorff_alpha([(1, 1), (1, 1)], "ab", **FEW).n == 0
    assert krippendorff_alpha([(1, None)], "a", **FEW).n == 0


def test_three_raters_with_gaps_by_hand() -> None:
    """(1,2,3), (2,2,–): D_o = (12/2 + 0)/5 = 1.2; Σ(x−2)² = 2 over 1,2,3,2,2, D_e = 2·5·2/20 = 1; α = −.2."""
    assert krippendorff_alpha([(1, 2, 3), (2, 2, None)], "ab", **FEW).value == pytest.approx(-0.2)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8), st.randoms())
def test_agreement_follows_no_order_and_no_scale(ratings: list[tuple[float, float]], random) -> None:
    def alpha(pairs: list[tuple[float, float]]) -> float:
        return krippendorff_alpha(pairs, [str(i) for i in range(len(pairs))], seed=0, resamples=9).value

    value = alpha(ratings)
    if max(map(max, ratings)) - min(map(min, ratings)) > 1e-3:
        shuffled = [(b, a) for a, b in ratings]
        random.shuffle(shuffled)
        assert value <= 1 + 1e-9 and math.isclose(value, alpha(shuffled), abs_tol=1e-9)
        assert math.isclose(value, alpha([(10 * a + 3, 10 * b + 3) for a, b in ratings]), abs_tol=1e-6)


def test_raters_that_agree_up_to_a_shift_and_who_could_not_be_read() -> None:
    """The second is .1 above the first. Of 40 things with scores 0 … .39 ± 0: α = 1 − .01·2·40/80/D_e."""
    first = {f"p{n}": (n / 100,) for n in range(40)}
    second = {name: (score + 0.1,) for name, (score,) in first.items()}
    rows = CHECKS.frame(
        check.row()
        for check in qualitative_checks(table(**first), None, table("k", **second | {"p0": ("parse_failed",)}), **FEW)
    )
    told = {(row["check"], row["told"], row["of"]): row for row in rows.iter_rows(named=True)}
    shift = told["double_scoring", "second rater less judge", "overall"]
    assert shift["value"] == pytest.approx(0.1) and shift["n"] == 39
    assert told["double_scoring", "second rater less judge", "curiosity"]["value"] == pytest.approx(0.05)
    pairs = [(n / 100, n / 100 + 0.1) for n in range(1, 40)]
    pooled = [x for pair in pairs for x in pair]
    mean = sum(pooled) / 78
    expected = 2 * 78 * sum((x - mean) ** 2 for x in pooled) / (78 * 77)
    alpha = told["double_scoring", "Krippendorff’s α", "overall"]
    assert alpha["value"] == pytest.approx(1 - 0.01 / expected) and alpha["ci_low"] < alpha["value"] < alpha["ci_high"]
    lost = told["readable", "verdicts that could be read", "second rater"]
    assert (lost["value"], lost["n"], lost["reason"]) == (39 / 40, 40, "1 parse_failed")


def test_what_is_no_number_says_why() -> None:
    same = table(p=(0.5,), q=(0.5,))
    found = qualitative_checks(same, table(r=(0.5,)), table("k", p=(0.5,), q=(0.5,)), **FEW)
    reasons = {(c.check, c.told, c.of): c.reason for c in found if not c.estimate.n}
    assert reasons["swap", "absolute difference", "overall"] == "no trajectory has a verdict in both orders"
    assert reasons["double_scoring", "Krippendorff’s α", "overall"] == "all scores are equal"


def test_a_tenth_is_scored_twice_and_always_the_same() -> None:
    names = [f"t{i}" for i in range(50)]
    chosen = double_scored(names)
    assert len(chosen) == 5 and double_scored(names[::-1]) == chosen and double_scored(names, seed=1) != chosen
    assert double_scored(["t"]) == ["t"] and double_scored([]) == [] and double_scored(names, share=0) == []
