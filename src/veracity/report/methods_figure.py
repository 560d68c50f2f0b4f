"""The figure of all methods: facts of texts above, short answers below, a numbered point a method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from veracity.core.estimate import Estimate
from veracity.report.style import GREEN, INK, NEVER, NEW, OLD, QUIET, drawing, new_figure

FAMILIES = {
    "none": (NEVER, "asked otherwise"),
    "few_shot": (NEVER, "asked otherwise"),
    "sft": (OLD, "taught answers"),
    "dpo": (NEW, "taught preferences"),
    "kto": (NEW, "taught preferences"),
    "grpo": (GREEN, "rewarded"),
    "rloo": (GREEN, "rewarded"),
    "klcf": (GREEN, "rewarded"),
}
PANELS = (
    ("Texts", "wrong", "right", "wrong facts a text", "right facts a text"),
    ("Short answers", "not_attempted", "correct", "declined", "right"),
)
HEIGHT, WIDTH = 9.0, 6.0
"""Of a number in points: its line, and one digit."""
AROUND = [(radius, turn) for radius in (8, 15, 23, 32, 42, 53) for turn in range(12)]
"""Where a number may stand: so far from its point, in points, and in which twelfth of the circle."""


def methods_figure(estimates: Mapping[str, Estimate], methods: Sequence[Mapping[str, Any]]) -> Figure:
    """Above: up and to the left is better. Below: on the line that falls through a point, only wrong answers differ."""
    with drawing():
        figure = new_figure(7.0, 9.4)
        panels = figure.subplots(2, 1)
        places = []
        for axes, (title, across, up, x_label, y_label) in zip(panels, PANELS, strict=True):
            places.append(_draw(axes, estimates, methods, across, up))
            axes.set_title(title)
            axes.set_xlabel(x_label)
            axes.set_ylabel(y_label)
            axes.margins(0.12)  # room for numbers
            axes.grid(visible=False)
        _shares(panels[1])
        handles = [
            Line2D([], [], marker="o", linestyle="", color=FAMILIES[row["trainer"]][0], label=f"{n}  {row['method']}")
            for n, row in enumerate(methods)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7.8, handletextpad=0.1)
        figure.draw_without_rendering()  # numbers are placed in the final layout
        for axes, own in zip(panels, places, strict=True):
            _number(axes, own)
    return figure


def _draw(
    axes: Axes, estimates: Mapping[str, Estimate], methods: Sequence[Mapping[str, Any]], across: str, up: str
) -> list[tuple[int, float, float]]:
    """Every method's point with its intervals; gives back where they are."""
    places = []
    for n, row in enumerate(methods):
        x, y = estimates[f"{row['method']}: {across}"], estimates[f"{row['method']}: {up}"]
        colour = FAMILIES[row["trainer"]][0]
        axes.errorbar(
            x.value, y.value, _sides(y), _sides(x), fmt="none", ecolor=colour, elinewidth=0.6, alpha=0.35, zorder=2
        )
        axes.plot([x.value], [y.value], "o", color=colour, markersize=5, zorder=4)
        places.append((n, x.value, y.value))
    return places


def _number(axes: Axes, places: Sequence[tuple[int, float, float]]) -> None:
    """Every point's number near it, where it covers no other number and no point; a thin line says whose it is."""
    scale = axes.figure.dpi / 72
    points = {n: axes.transData.transform((x, y)) / scale for n, x, y in places}
    taken = [(x, y, WIDTH, WIDTH) for x, y in points.values()]
    for n, x, y in places:
        width = WIDTH * len(str(n))
        spots = [(r * math.cos(math.tau * t / 12), r * math.sin(math.tau * t / 12)) for r, t in AROUND]
        boxes = [(points[n][0] + dx, points[n][1] + dy, width, HEIGHT) for dx, dy in spots]
        free = next((k for k, box in enumerate(boxes) if not any(_cover(box, other) for other in taken)), 0)
        taken.append(boxes[free])
        axes.annotate(
            str(n),
            (x, y),
            xytext=spots[free],
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=7.5,
            color=INK,
            zorder=5,
            arrowprops={"arrowstyle": "-", "color": QUIET, "linewidth": 0.4, "shrinkA": 4, "shrinkB": 2},
        )


def _cover(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Whether two boxes (centre, width, height) overlap."""
    return abs(one[0] - other[0]) < (one[2] + other[2]) / 2 and abs(one[1] - other[1]) < (one[3] + other[3]) / 2


def _shares(axes: Axes) -> None:
    """Lines of equal share of wrong answers: right + declined is the same along each."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for wrong in (0.1, 0.3, 0.5):
        top, end = min(high, 1 - wrong - left), min(right, 1 - wrong - low)
        if end <= left or top <= low:
            continue
        axes.plot([1 - wrong - top, end], [top, 1 - wrong - end], color=NEVER, linewidth=0.7, linestyle=":", zorder=1)
        axes.annotate(
            f"{100 * wrong:.0f} % wrong",
            (end, 1 - wrong - end),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color=NEVER,
        )
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    axes.xaxis.set_major_formatter(_percent)
    axes.yaxis.set_major_formatter(_percent)


def _sides(estimate: Estimate) -> list[list[float]]:
    """How far the interval reaches below and above the value."""
    return [[max(0.0, estimate.value - estimate.ci_low)], [max(0.0, estimate.ci_high - estimate.value)]]


def _percent(value: float, _: float) -> str:
    return f"{100 * value:.0f} %"
