"""The figure of all methods: facts of texts on the left, short answers on the right, a numbered point a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from veracity.core.estimate import Estimate
from veracity.report.style import GREEN, INK, NEVER, NEW, OLD, drawing, new_figure

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
NEAR = 0.022
"""Points closer than this, in parts of the panel, get their numbers apart."""


def methods_figure(estimates: Mapping[str, Estimate], methods: Sequence[Mapping[str, Any]]) -> Figure:
    """Left: up and to the left is better. Right: on the line that falls through a point, only wrong answers differ."""
    with drawing():
        figure = new_figure(9.6, 5.6)
        panels = figure.subplots(1, 2)
        for axes, (title, across, up, x_label, y_label) in zip(panels, PANELS, strict=True):
            _draw(axes, estimates, methods, across, up)
            axes.set_title(title)
            axes.set_xlabel(x_label)
            axes.set_ylabel(y_label)
            axes.grid(visible=False)
        _shares(panels[1])
        handles = [
            Line2D([], [], marker="o", linestyle="", color=FAMILIES[row["trainer"]][0], label=f"{n}  {row['method']}")
            for n, row in enumerate(methods)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=7.8, handletextpad=0.1)
    return figure


def _draw(
    axes: Axes, estimates: Mapping[str, Estimate], methods: Sequence[Mapping[str, Any]], across: str, up: str
) -> None:
    """Every method's point with its intervals, and its number."""
    places = []
    for n, row in enumerate(methods):
        x, y = estimates[f"{row['method']}: {across}"], estimates[f"{row['method']}: {up}"]
        colour = FAMILIES[row["trainer"]][0]
        axes.errorbar(
            x.value,
            y.value,
            xerr=[[max(0.0, x.value - x.ci_low)], [max(0.0, x.ci_high - x.value)]],
            yerr=[[max(0.0, y.value - y.ci_low)], [max(0.0, y.ci_high - y.value)]],
            fmt="o",
            color=colour,
            markersize=5,
            elinewidth=0.5,
            alpha=0.85,
            zorder=3,
        )
        places.append((n, x.value, y.value))
    _number(axes, places)


def _number(axes: Axes, places: Sequence[tuple[int, float, float]]) -> None:
    """A number beside each point; those of points that lie on one another stand in one line, apart by commas."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    heaps: list[list[tuple[int, float, float]]] = []
    for n, x, y in places:
        for heap in heaps:
            if abs(x - heap[0][1]) < NEAR * (right - left) and abs(y - heap[0][2]) < NEAR * (high - low):
                heap.append((n, x, y))
                break
        else:
            heaps.append([(n, x, y)])
    for heap in heaps:
        text = ", ".join(str(n) for n, _, _ in heap)
        place = heap[0][1:]
        axes.annotate(text, place, xytext=(4, 4), textcoords="offset points", fontsize=7.5, color=INK, zorder=4)


def _shares(axes: Axes) -> None:
    """Lines of equal share of wrong answers: right + declined is the same along each."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for wrong in (0.1, 0.2, 0.3, 0.4, 0.5):
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


def _percent(value: float, _: float) -> str:
    return f"{100 * value:.0f} %"
