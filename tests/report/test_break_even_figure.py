"""The map of tipping points: one arrow a kind of question that moved, the curve where the theory puts it."""

from __future__ import annotations

import numpy as np
import pytest

from veracity.metrics.break_even import Movement, Payoffs
from veracity.report.break_even_figure import break_even_figure
from veracity.stats.proportion import wilson

SIMPLEFACT = Payoffs(1, 0, 1, 0)


def test_the_curve_is_the_tipping_point_and_every_kind_has_its_place() -> None:
    moved = Movement("half-known", wilson(20, 100), wilson(70, 100), wilson(95, 100))
    still = Movement("known", wilson(99, 100), wilson(2, 100), wilson(2, 100))
    silent = Movement("never attempted", wilson(0, 0), wilson(10, 10), wilson(10, 10))
    axes = break_even_figure([moved, still, silent], 20, SIMPLEFACT).axes[0]
    q, curve = (np.asarray(values, dtype=float) for values in axes.lines[0].get_data())
    assert curve[np.isclose(q, 0.2)] == pytest.approx(0.59, abs=5e-3)
    assert [t.get_text() for t in axes.texts if t.get_text()] == [
        "abstaining pays", "attempting pays", "half-known", "known",
    ]  # fmt: skip
    assert sum(t.get_text() == "" for t in axes.texts) == 1  # an arrow for what moved, none for what did not
