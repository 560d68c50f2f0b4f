"""Figures draw what the frames hold: lines by target and control, bands, chance, and the starts of phases."""

import polars as pl
import pytest
from matplotlib.colors import to_hex
from simulated_learner import Learner, tables

from veracity.metrics.curves import curves
from veracity.metrics.retention import retention
from veracity.metrics.series import scored_rows
from veracity.report.figures import acquisition_figure, forgetting_figure, loss_figure, update_figure
from veracity.report.style import NEVER, NEW, OLD


@pytest.fixture(scope="module")
def learned():
    probes, losses = tables(Learner(facts=20))
    scored = scored_rows(probes)
    return scored, curves(scored), losses


def lines(axes):
    """Label to line, of those with a label of their own."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_verification_stands_above_generation(learned):
    above, below = acquisition_figure(learned[1], "forced_choice").axes
    assert "Verification" in above.get_title(loc="left") and "Generation" in below.get_title(loc="left")
    drawn = lines(above)["learned value"]
    expected = learned[1].filter(
        (pl.col("phase") == "acquisition") & (pl.col("probe") == "forced_choice") & (pl.col("target") == "learn")
    )
    assert drawn.get_ydata().tolist() == expected["value"].to_list()
    assert drawn.get_linestyle() == "-" and lines(above)["never-trained value"].get_linestyle() == "--"
    assert len(above.collections) == 2 and len(below.collections) == 3


def test_chance_and_phase_boundary_are_marked(learned):
    above, below = acquisition_figure(learned[1], "forced_choice").axes
    assert [0.5, 0.5] in [list(line.get_ydata()) for line in above.lines]
    for axes in (above, below):
        dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
        assert [list(line.get_xdata()) for line in dotted] == [[4, 4]]


def test_the_update_overlays_old_new_and_never_trained(learned):
    above, _ = update_figure(learned[1], "forced_choice").axes
    drawn = lines(above)
    assert {k: to_hex(v.get_color()) for k, v in drawn.items()} == {
        "old answer": OLD, "new answer": NEW, "never trained": NEVER
    }  # fmt: skip
    assert drawn["new answer"].get_xdata().tolist() == list(range(4, 13))


def test_forgetting_has_a_line_a_delay_and_what_is_left(learned):
    kept = [retention(learned[0], probe="forced_choice", delay=d) for d in (0, 3)]
    above, _, left = forgetting_figure(learned[1], kept, "forced_choice").axes
    assert set(lines(above)) == {"from saturation", "3 epochs after saturation"}
    assert [t.get_text() for t in left.get_yticklabels()][:3] == [
        "recognition (+0)",
        "… from chance (+0)",
        "recall (+0)",
    ]
    dots = [line.get_xdata()[0] for line in left.lines if line.get_marker() == "o"]
    assert dots[2] == pytest.approx(kept[0].recall.value) and len(dots) == 6
    assert len(forgetting_figure(learned[1], [], "forced_choice").axes) == 2


def test_losses_have_a_panel_a_phase_and_kind(learned):
    figure = loss_figure(learned[2])
    assert len(figure.axes) == 6 and figure.axes[0].get_title(loc="left") == "acquisition"
    assert len(loss_figure(learned[2].filter(pl.col("kind") == "sentence").drop("delay")).axes) == 3


def test_drawing_leaves_matplotlib_as_it_was(learned):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    update_figure(learned[1], "forced_choice")
    assert dict(mpl.rcParams) == before
