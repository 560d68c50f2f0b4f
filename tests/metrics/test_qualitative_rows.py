"""Verdicts become rows and estimates: means, failures by name, length, agreement; values derived by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import DataError
from veracity.core.problem import Problem
from veracity.core.trajectory import Step, Trajectory
from veracity.judging.qualitative import QualitativeSettings, Scores, Verdict, VerdictQuery
from veracity.metrics.metric_rows import METRIC_ROWS, check_metric_rows
from veracity.metrics.qualitative import (
    VERDICTS,
    double_scored,
    krippendorff_alpha,
    length_controlled,
    length_slope,
    qualitative_rows,
    swap_effect,
    verdict_rows,
)
from veracity.metrics.row_estimates import row_estimates

SETTINGS = QualitativeSettings()


def verdicts(*overall: float | str) -> list[Verdict]:
    """Verdicts of these overall scores; a text is the status of one that failed."""
    found = []
    for place, score in enumerate(overall):
        query = VerdictQuery((), place)
        if isinstance(score, str):
            found.append(Verdict(query, None, score, reason="why"))  # type: ignore[arg-type]
        else:
            criteria = tuple((c.name, score / 2) for c in SETTINGS.rubric)
            found.append(Verdict(query, Scores(criteria, score, "So."), "ok"))
    return found


def table(words: int = 4, **by_item: tuple[float | str, ...]):
    rows = []
    for item, scores in by_item.items():
        problem = Problem(item, "d", "Why?")
        trajectory = Trajectory(problem, "direct", 0, problem.messages(), (Step("Because."),))
        text = "word " * words
        rows += verdict_rows(trajectory, text, verdicts(*scores), SETTINGS, arm="a", model="m", judge="j")
    return VERDICTS.frame(rows)


def test_the_mean_of_a_trajectory_and_its_standard_error() -> None:
    """.4 and .8: mean .6, sd .28284, se .2. A verdict that failed is neither 0 nor ½."""
    rows = METRIC_ROWS.frame(qualitative_rows(table(p=(0.4, 0.8, "parse_failed"), q=(0.5,))))
    check_metric_rows(rows)
    first = rows.row(0, named=True)
    assert (first["metric"], first["status"], first["trials"]) == ("qualitative.overall", "ok", 2)
    assert first["value"] == pytest.approx(0.6) and first["se"] == pytest.approx(0.2)
    assert rows.row(4, named=True)["se"] is None
    found = row_estimates(rows, seed=1)
    assert found["qualitative.overall"].estimate.value == pytest.approx(0.55)
    assert found["qualitative.originality"].estimate.value == pytest.approx(0.275)
    assert found["qualitative.overall"].estimate.direction == "higher"


def test_too_few_verdicts_are_a_status_and_no_number() -> None:
    rows = qualitative_rows(
        table(p=(0.4, "parse_failed"), q=("request_failed", "parse_failed", "parse_failed")), minimum=2
    )
    overall = [r for r in rows if r["metric"] == "qualitative.overall"]
    assert [r["status"] for r in overall] == ["insufficient", "parse_failed"]
    assert all("value" not in r for r in overall) and "1 request_failed" in overall[1]["reason"]
    check_metric_rows(METRIC_ROWS.frame(rows))


def test_who_judges_its_own_words_is_marked() -> None:
    problem = Problem("p", "d", "Why?")
    trajectory = Trajectory(problem, "direct", 0, problem.messages(), (Step("Because."),))
    rows = verdict_rows(trajectory, "x", verdicts(0.5), SETTINGS, arm="a", model="m", judge="m")
    assert rows[0]["self_judged"] and not table(p=(0.5,))["self_judged"][0]


def test_what_length_earns_and_what_is_left_without_it() -> None:
    """Scores of .2, .3 and .4 at 2, 4 and 8 words: each doubling earns .1, and at 4 words all would have .3."""
    whole = VERDICTS.frame(
        row
        for words, name, score in ((2, "p", 0.2), (4, "q", 0.3), (8, "r", 0.4))
        for row in table(words, **{name: (score,)}).to_dicts()
    )
    slope = length_slope(whole)
    assert slope is not None and slope.value == pytest.approx(0.1)
    assert length_controlled(whole)["overall"].to_list() == pytest.approx([0.3, 0.3, 0.3])
    assert length_slope(table(p=(0.1,), q=(0.9,))) is None


def test_the_swap_of_cases() -> None:
    assert swap_effect({"a": 0.4, "b": 0.2, "c": 1.0}, {"a": 0.5, "b": 0.5}) == pytest.approx(0.2)
    with pytest.raises(DataError, match="no trajectory in common"):
        swap_effect({"a": 0.4}, {"b": 0.4})


def test_a_tenth_is_scored_twice_and_always_the_same() -> None:
    names = [f"t{i}" for i in range(50)]
    chosen = double_scored(names)
    assert len(chosen) == 5 and double_scored(names[::-1]) == chosen and double_scored(names, seed=1) != chosen
    assert double_scored(["t"]) == ["t"] and double_scored([]) == []


def test_agreement_by_hand() -> None:
    """Pairs (1,2), (3,3), (5,4): D_o = (1+0+1)·2/(1·6) = 2/3; pooled 1,2,3,3,5,4 has Σ(x−3)² = 10, D_e = 120/30 = 4;
    α = 1 − (2/3)/4 = .8333. A thing with one rating counts for nothing.
    """
    assert krippendorff_alpha([(1, 2), (3, 3), (5, 4), (9, None)]) == pytest.approx(1 - (2 / 3) / 4)
    assert krippendorff_alpha([(1, 1), (2, 2)]) == 1
    assert krippendorff_alpha([(1, 1), (1, 1)]) is None and krippendorff_alpha([(1, None)]) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8), st.randoms())
def test_agreement_follows_no_order_and_no_scale(ratings: list[tuple[float, float]], random) -> None:
    alpha = krippendorff_alpha(ratings)
    shuffled = [(b, a) for a, b in ratings]
    random.shuffle(shuffled)
    assert (alpha is None) == (krippendorff_alpha(shuffled) is None)
    if alpha is not None and max(map(max, ratings)) - min(map(min, ratings)) > 1e-3:
        assert alpha <= 1 and math.isclose(alpha, krippendorff_alpha(shuffled) or 0, abs_tol=1e-9)
        scaled = krippendorff_alpha([(10 * a + 3, 10 * b + 3) for a, b in ratings])
        assert scaled is not None and math.isclose(alpha, scaled, abs_tol=1e-6)
