"""Verdicts become rows and estimates: means, failures by name, length; values derived by hand."""

from __future__ import annotations

import polars as pl
import pytest

from veracity.core.problem import Problem
from veracity.core.trajectory import Step, Trajectory
from veracity.judging.qualitative import QualitativeSettings, Scores, Verdict, VerdictQuery
from veracity.metrics.metric_rows import METRIC_ROWS, check_metric_rows
from veracity.metrics.qualitative import (
    VERDICTS,
    length_controlled,
    length_controlled_rows,
    length_slope,
    qualitative_rows,
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


def test_an_arm_that_is_longer_and_better_is_no_judge_that_likes_length() -> None:
    """Two arms of one length each: nothing is earned by length within either, so nothing is taken off."""
    short, long = table(words=2, p=(0.2,), q=(0.4,)), table(words=32, r=(0.8,), s=(0.6,))
    apart = pl.concat([short, long.with_columns(arm=pl.lit("b"))])
    assert length_slope(apart) is None and length_controlled(apart).equals(apart)
    one = pl.concat([short, long])
    assert length_slope(one).value == pytest.approx(0.1)  # .4 over four doublings


def test_scores_at_one_length_are_rows_of_their_own() -> None:
    """Within each arm doubling earns .1; arms of 2 and 4, and of 8 and 16 words meet at 2^2.5: .35 and .25."""
    parts = []
    for arm, scores in {"a": ((2, 0.2), (4, 0.3)), "b": ((8, 0.3), (16, 0.4))}.items():
        parts += [
            table(words=words, **{f"{arm}{words}": (score,)}).with_columns(arm=pl.lit(arm)) for words, score in scores
        ]
    rows = METRIC_ROWS.frame(length_controlled_rows(length_controlled(pl.concat(parts))))
    assert set(rows["metric"]) == {"qualitative.at_equal_length"}
    assert rows["value"].to_list() == pytest.approx([0.35, 0.35, 0.25, 0.25])
    check_metric_rows(rows)
