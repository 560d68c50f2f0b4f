"""The figure of a FactTune run: right facts against wrong ones, a point an arm, with 95 % intervals on both axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from veracity.core.estimate import Estimate
from veracity.report.facttune_contents import label
from veracity.report.style import GREEN, INK, NEVER, OLD, PURPLE, drawing, new_figure

COLOURS = {"base": NEVER, "sft": OLD, "fs": GREEN, "mc": PURPLE}
WIDTH = 6.2
MARKERS = {"": "o", "greedy": "s", "careful": "^", "bold": "v"}


def facts_figure(estimates: Mapping[str, Estimate], arms: Sequence[str]) -> Figure:
    """Up and to the left is better; lines through the origin join points of equal share of wrong facts."""
    with drawing():
        figure = new_figure(WIDTH, 4.8)
        axes = figure.subplots()
        for arm in arms:
            right, wrong = estimates[f"{arm}: right"], estimates[f"{arm}: wrong"]
            name, _, way = arm.partition(", ")
            axes.errorbar(
                wrong.value,
                right.value,
                xerr=[[wrong.value - wrong.ci_low], [wrong.ci_high - wrong.value]],
                yerr=[[right.value - right.ci_low], [right.ci_high - right.value]],
                fmt=MARKERS.get(way, "D"),
                color=COLOURS.get(name, INK),
                mfc=COLOURS.get(name, INK) if not way else "#ffffff",
                markersize=6.5,
                elinewidth=1.0,
                label=label(arm),
                zorder=3,
            )
        lowest = min(estimates[f"{arm}: right"].ci_low for arm in arms)
        _shares(axes, max(0.0, lowest - 0.15))
        axes.set_xlabel("wrong facts a text")
        axes.set_ylabel("right facts a text")
        axes.grid(visible=False)
        figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _shares(axes: Axes, lowest: float) -> None:
    """Lines of equal share of wrong facts, named at the frame; the vertical axis begins at `lowest`."""
    widest, highest = axes.get_xlim()[1], axes.get_ylim()[1]
    axes.set_xlim(0, widest)
    axes.set_ylim(lowest, highest)
    for share in (0.1, 0.2, 0.4):
        slope = (1 - share) / share
        end = min(widest, highest / slope)
        if end * slope <= lowest:
            continue
        axes.plot([lowest / slope, end], [lowest, end * slope], color=NEVER, linewidth=0.7, linestyle=":", zorder=1)
        above = end < widest
        axes.annotate(
            f"{100 * share:.0f} % wrong",
            (end, end * slope),
            xytext=(0, 2) if above else (3, 0),
            textcoords="offset points",
            ha="center" if above else "left",
            va="bottom" if above else "center",
            fontsize=7.5,
            color=NEVER,
        )
