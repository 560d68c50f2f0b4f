"""Curves, gaps, lags and retention on tables small enough to count by hand, and on a learner with a known memory."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_learner import Learner, tables

from veracity.metrics.curves import CURVE_SCHEMA, curve_of, curves
from veracity.metrics.gap import gaps, widest
from veracity.metrics.lag import acquisition_lag
from veracity.metrics.probe_rows import probe_table
from veracity.metrics.retention import retention
from veracity.metrics.series import clock, recall, recognition, scored_rows


def answers(table, phase="acquisition", seed=0, start=0, delay=0):
    """`table[epoch]` = (V of each fact, G of each fact)."""
    rows = []
    for epoch, (recognised, stated) in enumerate(table):
        for probe, values in (("forced_choice", recognised), ("generation", stated)):
            kind = "foil" if probe == "forced_choice" else ""
            for fact, right in enumerate(values):
                row = {"seed": seed, "phase": phase, "delay": delay, "epoch": start + epoch, "fact": f"f{fact}"}
                row |= {"subject": f"s{fact}", "probe": probe, "target": "learn", "foil_kind": kind}
                status = {"status": "parse_failed", "correct": None} if right is None else {"correct": bool(right)}
                rows.append(row | {"template": "q_v1"} | status)
    return probe_table(rows)


def test_curve_by_hand():
    """Epoch 1: V 3/4, G 1/4 with one reply unparsed: support .75, and it counts as wrong."""
    table = curves(scored_rows(answers([([1, 0, 1, 0], [0] * 4), ([1, 1, 1, 0], [1, 0, None, 0])])))
    assert dict(table.schema) == CURVE_SCHEMA
    v = table.filter((pl.col("probe") == "forced_choice") & (pl.col("since") == 1)).row(0, named=True)
    g = table.filter((pl.col("probe") == "generation") & (pl.col("since") == 1)).row(0, named=True)
    assert (v["value"], v["support"], v["chance"], v["n"]) == (0.75, 1.0, 0.5, 4)
    assert (g["value"], g["support"], g["chance"]) == (0.25, 0.75, 0.0)
    assert 0 <= g["ci_low"] < 0.25 < g["ci_high"] <= 1


def test_phases_that_start_at_different_epochs_line_up():
    """Seed 0 saturates at 3, seed 1 at 5: `since` runs 0, 1 in both, and the axis starts at the median, 4."""
    rows = pl.concat(
        [answers([([1], [1]), ([0], [0])], "update", 0, 3), answers([([1], [1]), ([1], [0])], "update", 1, 5)]
    )
    table = curves(scored_rows(rows)).filter(pl.col("probe") == "forced_choice")
    assert table["epoch"].to_list() == [4, 5] and table["value"].to_list() == [1.0, 0.5]


def test_only_epochs_that_all_seeds_share_count():
    rows = pl.concat([answers([([1], [1])] * 3, seed=0), answers([([1], [1])] * 2, seed=1)])
    assert clock(scored_rows(rows), "acquisition") == [0, 1] and clock(scored_rows(rows), "update") == []


def test_failed_requests_leave_the_curve():
    rows = answers([([1, 1], [1, 1])]).with_columns(
        status=pl.when(pl.col("fact") == "f0").then(pl.lit("request_failed")).otherwise("status"),
        correct=pl.when(pl.col("fact") != "f0").then("correct"),
    )
    assert curves(scored_rows(rows))["n"].to_list() == [1, 1]


def test_one_seeds_curve_has_the_papers_error():
    curve = curve_of(scored_rows(answers([([1, 0, 1, 1], [0] * 4)])), recognition(), "acquisition", seed=0)
    assert curve.values == (0.75,) and curve.sems[0] == pytest.approx(math.sqrt(0.1875) / 2)
    assert curve_of(scored_rows(answers([([1], [0])])), recall("update"), "acquisition", seed=0) is None


def test_gap_by_hand():
    """V − G: .5, .75, 0; from chance (2V − 1) − G: 0, .75, 0: the widest is at epoch 1."""
    rows = scored_rows(answers([([1, 0, 1, 0], [0] * 4), ([1] * 4, [1, 0, 0, 0]), ([1] * 4, [1] * 4)]))
    found = gaps(rows, "acquisition", probe="forced_choice")
    assert [g.raw.value for g in found] == pytest.approx([0.5, 0.75, 0.0])
    assert [g.corrected.value for g in found] == pytest.approx([0.0, 0.75, 0.0])
    assert widest(found).since == 1 and widest([]) is None
    assert gaps(rows, "acquisition", probe="verification") == []


def test_lag_by_hand():
    """V reaches .9 of 1 at epoch 1, G at epoch 3: a lag of 2 whichever facts are drawn, as all facts move together."""
    rows = scored_rows(answers([([1, 0, 1, 0], [0] * 4), ([1] * 4, [0] * 4), ([1] * 4, [0] * 4), ([1] * 4, [1] * 4)]))
    lag = acquisition_lag(rows, probe="forced_choice")
    assert (lag.recognised_at, lag.recalled_at, lag.lag.value, lag.per_seed) == (1, 3, 2, (2.0,))
    assert lag.lag.ci_high == 3 or lag.lag.ci_high == 2
    never = scored_rows(answers([([1, 0, 1, 0], [0] * 4), ([1] * 4, [0] * 4)]))
    assert math.isnan(acquisition_lag(never, probe="forced_choice").lag.value)
    assert acquisition_lag(never, probe="verification") is None


def test_retention_by_hand():
    """V 1 → .75: 75 % raw, 50 % from chance; G 1 → .25: 25 %; apart by 50 and 25 points."""
    rows = scored_rows(answers([([1] * 4, [1] * 4), ([1, 1, 1, 0], [1, 0, 0, 0])], "continual", start=5))
    kept = retention(rows, probe="forced_choice")
    assert kept.recognition.value == pytest.approx(0.75) and kept.recognition_corrected.value == pytest.approx(0.5)
    assert kept.recall.value == pytest.approx(0.25)
    assert kept.difference.value == pytest.approx(0.5) and kept.difference_corrected.value == pytest.approx(0.25)
    assert kept.since == 1 and retention(rows, "update", probe="forced_choice") is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=2, max_size=4), st.randoms())
def test_order_of_rows_changes_nothing(values, random):
    rows = answers([(v, list(reversed(v))) for v in values])
    shuffled = rows[random.sample(range(rows.height), rows.height)]
    a, b = scored_rows(rows), scored_rows(shuffled)
    assert curves(a).equals(curves(b))
    assert gaps(a, "acquisition", probe="forced_choice") == gaps(b, "acquisition", probe="forced_choice")


def test_intervals_hold_their_values():
    table = curves(scored_rows(tables(Learner(seeds=2, facts=12))[0]))
    inside = (table["ci_low"] <= table["value"]) & (table["value"] <= table["ci_high"])
    assert inside.all() and table["value"].is_between(0, 1).all() and table.height > 100
