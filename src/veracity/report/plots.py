"""Draws the plots of findings in the house style: values with intervals, points in the plane, curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from veracity.core.finding import IntervalPlot, LinePlot, Point, ScatterPlot
from veracity.report.style import GREEN, INK, NEVER, NEW, OLD, PURPLE, QUIET, SKY, drawing, new_figure

WIDTH = 6.2
"""Inches, as in the other pages."""
COLOURS = (OLD, NEW, GREEN, PURPLE, SKY, NEVER)
MARKS = ("o", "s", "^", "D", "v", "P")
"""A mark and a colour each group, so that no group is told by its colour alone."""
MOST_GROUPS = 12
LABELLED = 20
"""Most points that get their names."""


@singledispatch
def draw(plot: object) -> Figure | None:
    """The figure of a plot; None where it has no finite value to show."""
    raise TypeError(f"no figure is known for {type(plot).__name__}")


@draw.register
def _(plot: IntervalPlot) -> Figure | None:
    points = [p for p in plot.points if math.isfinite(p.y)]
    if not points:
        return None
    with drawing():
        figure = new_figure(WIDTH, 0.9 + 0.3 * len(points))
        axes = figure.subplots()
        looks = _looks(points)
        for place, point in enumerate(points):
            colour, mark = looks[point.group]
            if point.low is not None and point.high is not None:
                axes.plot([point.low, point.high], [-place, -place], color=colour, linewidth=1.6)
            _mark(axes, [point.y], [-place], colour, mark, point.solid, 6)
        if plot.null is not None:
            axes.axvline(plot.null, color=INK, linewidth=1.0, zorder=1)
        axes.set_yticks([-i for i in range(len(points))], [_short(p.label, 52) for p in points])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-len(points) + 0.4, 0.6)
        axes.set_xlabel(plot.label)
        axes.grid(True, axis="x")
        axes.grid(False, axis="y")
        _legend(figure, axes, looks)
    return figure


@draw.register
def _(plot: ScatterPlot) -> Figure | None:
    points = [p for p in plot.points if math.isfinite(p.x) and math.isfinite(p.y)]
    if not points:
        return None
    with drawing():
        figure = new_figure(WIDTH, 3.8)
        axes = figure.subplots()
        looks = _looks(points)
        named = len(points) <= LABELLED
        for (group, solid), alike in _alike(points).items():
            colour, mark = looks[group]
            _mark(axes, [p.x for p in alike], [p.y for p in alike], colour, mark, solid, 6 if named else 3.2)
        for point in points:
            if point.low is not None and point.high is not None:
                colour, _ = looks[point.group]
                axes.plot([point.x, point.x], [point.low, point.high], color=colour, linewidth=1.4, zorder=2)
            if named and point.label:
                axes.annotate(point.label, (point.x, point.y), (5, 4), textcoords="offset points", fontsize=7.5)
        if plot.log_x:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        _fitted(axes, plot, [p.x for p in points])
        for height, name in plot.levels:
            if math.isfinite(height):
                axes.axhline(height, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
                axes.annotate(name, (1, height), (-2, 3), xycoords=("axes fraction", "data"), ha="right",
                              textcoords="offset points", fontsize=7.5, color=QUIET)  # fmt: skip
        axes.margins(x=0.08, y=0.1)
        axes.set_xlabel(_short(plot.x_label, 80))
        axes.set_ylabel(_short(plot.y_label, 46))
        _legend(figure, axes, looks)
    return figure


@draw.register
def _(plot: LinePlot) -> Figure | None:
    if not any(len(xs) for _, xs, _ in plot.lines):
        return None
    with drawing():
        figure = new_figure(WIDTH, 3.0)
        axes = figure.subplots()
        for place, (name, xs, ys) in enumerate(plot.lines):
            axes.plot(xs, ys, color=COLOURS[place % len(COLOURS)], label=name, linewidth=1.6)
        axes.axhline(0, color=INK, linewidth=0.9, zorder=1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(plot.x_label)
        axes.set_ylabel(plot.y_label)
        if 1 < len(plot.lines) <= MOST_GROUPS:
            axes.legend()
    return figure


def _fitted(axes: Axes, plot: ScatterPlot, xs: Sequence[float]) -> None:
    if plot.line is None:
        return
    intercept, slope = plot.line
    ends = [min(xs), max(xs)]
    axes.plot(ends, [intercept + slope * x for x in ends], color=INK, linewidth=1.2, zorder=4)


def _alike(points: Sequence[Point]) -> dict[tuple[str, bool], list[Point]]:
    """The points that look the same, so that each look is drawn at once."""
    found: dict[tuple[str, bool], list[Point]] = {}
    for point in points:
        found.setdefault((point.group, point.solid), []).append(point)
    return found


def _mark(axes: Axes, x: Sequence[float], y: Sequence[float], colour: str, mark: str, solid: bool, size: float) -> None:
    axes.plot(
        x, y, mark, color=colour, markersize=size, markerfacecolor=colour if solid else "#ffffff",
        markeredgewidth=1.2, zorder=3, alpha=1.0 if size > 4 else 0.75,
    )  # fmt: skip


def _looks(points: Sequence[Point]) -> dict[str, tuple[str, str]]:
    """Colour and mark of each group."""
    names = list(dict.fromkeys(point.group for point in points))
    return {
        name: (COLOURS[i % len(COLOURS)], MARKS[(i + i // len(COLOURS)) % len(MARKS)]) for i, name in enumerate(names)
    }


def _legend(figure: Figure, axes: Axes, looks: dict[str, tuple[str, str]]) -> None:
    if not 1 < len(looks) <= MOST_GROUPS:
        return
    handles = [
        axes.plot([], [], mark, color=colour, label=_short(name or "others", 30))[0]
        for name, (colour, mark) in looks.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
