"""One model against another, paired by item: hand-derived differences, directions, and scores that are not there."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from veracity.metrics.metric_rows import METRIC_ROWS
from veracity.metrics.model_panel import Comparison, detectable, distance_from_martingale, panel_of_rows


def rows(arm: str, values: list[float | None], direction: str = "lower", metric: str = "loss") -> list[dict[str, Any]]:
    return [
        {"item": f"i{n}", "cluster": f"c{n}", "domain": "d", "arm": arm, "trajectory": f"{arm}{n}", "replicate": 0}
        | {"metric": metric, "config": "x", "direction": direction, "value": value}
        | {"status": "no_belief" if value is None else "ok", "reason": "lost" if value is None else None}
        for n, value in enumerate(values)
    ]


def compared(mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> Comparison:
    (found,) = panel_of_rows(METRIC_ROWS.frame([*mine, *theirs]), [("a", "b")], seed=1, resamples=200)
    return found


def test_pairing_tells_apart_what_own_intervals_do_not() -> None:
    """Losses .1, .5, .9, … of a are each .05 below those of b: difference +.05 exactly, while both spread by .8."""
    spread = [0.1, 0.5, 0.9] * 6
    found = compared(rows("a", list(spread)), rows("b", [v + 0.05 for v in spread]))
    assert found.verdict == "above" and found.overlap is True
    assert found.difference is not None and found.difference.value == pytest.approx(0.05)
    assert found.detectable == pytest.approx(0, abs=1e-9)


def test_the_direction_decides_who_is_better() -> None:
    low, high = [0.1, 0.2, 0.3] * 5, [0.4, 0.6, 0.8] * 5
    assert compared(rows("a", list(low)), rows("b", list(high))).verdict == "above"
    assert compared(rows("a", list(low), "higher"), rows("b", list(high), "higher")).verdict == "below"
    assert compared(rows("a", list(low)), rows("b", list(low))).verdict == "not_told_apart"
    assert not panel_of_rows(
        METRIC_ROWS.frame([*rows("a", [0.1], "neither"), *rows("b", [0.2], "neither")]), [("a", "b")], seed=1
    )


def test_no_shared_value_is_no_number() -> None:
    found = compared(rows("a", [0.1, None]), rows("b", [None, 0.2]))
    assert (found.verdict, found.difference, found.row()["value"]) == ("no_number", None, None)
    still = distance_from_martingale(("d", "a", "b"), [], [], moved=False, seed=1)
    assert still.verdict == "no_number"


def test_the_detectable_difference_is_2_8_standard_errors() -> None:
    """z(.975) + z(.8) = 1.960 + 0.842."""
    found = compared(rows("a", [0.0, 0.4] * 20), rows("b", [0.3, 0.3] * 20))
    assert found.difference is not None
    assert detectable(found.difference) == pytest.approx(2.8016 * found.difference.se, rel=1e-4)
    assert pl.DataFrame([found.row()]).height == 1
