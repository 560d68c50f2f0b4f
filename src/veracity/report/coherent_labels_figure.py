"""The figure of a labelling: accuracy of each method with its interval, and the utility along each search."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from veracity.core.estimate import Estimate
from veracity.report.style import GREEN, INK, NEW, OLD, PURPLE, QUIET, SKY, drawing, new_figure

COLOURS = (OLD, NEW, GREEN, PURPLE, SKY, INK)
Shown = Mapping[tuple[str, str], tuple[Estimate | None, Estimate | None]]
"""(model, method) → agreement with the truth and with the longest answer."""


def labels_figure(shown: Shown, utilities: pl.DataFrame) -> Figure:
    """A row of two panels for each model."""
    models = list(dict.fromkeys(model for model, _ in shown))
    with drawing():
        figure = new_figure(7.4, 2.5 * max(1, len(models)))
        grid = figure.subplots(max(1, len(models)), 2, width_ratios=(1.3, 1), squeeze=False)
        for (left, right), model, colour in zip(grid, models, COLOURS * len(models), strict=False):
            left.set_title(model)
            _accuracies(left, {method: pair for (own, method), pair in shown.items() if own == model}, colour)
            _utilities(right, utilities.filter(pl.col("model") == model), colour)
        grid[-1][0].set_xlabel("agreement up to the flip, %")
        grid[-1][1].set_xlabel("step of the search")
    return figure


def _accuracies(axes: Axes, found: Mapping[str, tuple[Estimate | None, Estimate | None]], colour: str) -> None:
    for place, (truth, longest) in enumerate(found.values()):
        for estimate, lift, filled in ((truth, 0.12, colour), (longest, -0.16, "#ffffff")):
            if estimate is None:
                continue
            axes.plot([100 * estimate.ci_low, 100 * estimate.ci_high], [lift - place] * 2, color=colour, linewidth=1.3)
            axes.plot([100 * estimate.value], [lift - place], "o", color=colour, mfc=filled, markersize=5.5, zorder=3)
            if estimate.null is not None:
                axes.plot([100 * estimate.null], [lift - place], "|", color=INK, markersize=9, zorder=4)
    axes.set_yticks([-place for place in range(len(found))], list(found))
    axes.set_ylim(-len(found) + 0.5, 0.5)
    axes.set_xlim(38, 102)
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")


def _utilities(axes: Axes, utilities: pl.DataFrame, colour: str) -> None:
    for (_,), own in utilities.group_by("seed", maintain_order=True):
        axes.plot(own["step"].to_list(), own["utility"].to_list(), color=colour, linewidth=1.1, alpha=0.8)
    axes.set_ylabel("utility", color=QUIET)
