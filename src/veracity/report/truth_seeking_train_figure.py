"""The figure of a `truth-seeking-train` run: each model's change against the start, a panel a measure."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from veracity.core.estimate import Estimate
from veracity.report.style import GREEN, NEVER, NEW, QUIET, drawing, new_figure

WIDTH = 7.4


def change_figure(panels: Mapping[str, Mapping[str, Estimate]]) -> Figure:
    """Measure → model → change. Green: better by more than chance; orange: worse; grey: it cannot be told."""
    rows = max(len(changes) for changes in panels.values())
    with drawing():
        figure = new_figure(WIDTH, 1.0 + 0.42 * rows)
        places = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (measure, changes) in zip(places, panels.items(), strict=True):
            _panel(axes, measure, changes)
    return figure


def _panel(axes: Axes, measure: str, changes: Mapping[str, Estimate]) -> None:
    names = list(changes)[::-1]
    for place, name in enumerate(names):
        one = changes[name]
        spread = [[one.value - one.ci_low], [one.ci_high - one.value]]
        axes.errorbar(one.value, place, xerr=spread, fmt="o", color=_colour(one), markersize=6, elinewidth=1.4)
    axes.axvline(0, color=NEVER, linewidth=0.8, linestyle=":", zorder=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    direction = next(iter(changes.values())).direction
    axes.set_xlabel(f"change of {measure} ({direction} is better)")
    axes.grid(visible=False)


def _colour(one: Estimate) -> str:
    if one.ci_low <= 0 <= one.ci_high:
        return QUIET
    return GREEN if (one.value > 0) == (one.direction == "higher") else NEW
