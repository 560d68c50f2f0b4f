"""The figure of a KLCF run: recall against precision, a point an arm, and beside it how long its answers are."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from veracity.report.klcf_contents import KlcfContents, label
from veracity.report.style import GREEN, INK, NEVER, NEW, OLD, PURPLE, QUIET, SKY, drawing, new_figure

WIDTH = 7.4
COLOURS = {"base": NEVER, "sft": INK, "klcf": GREEN, "klcf-zero": GREEN, "precision only": OLD, "recall only": NEW}
OTHERS = (PURPLE, SKY, QUIET)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def trade_figure(contents: KlcfContents) -> Figure:
    """Up and to the right is better; every bar is the interval of the paired difference to the start."""
    with drawing():
        figure = new_figure(WIDTH, 3.6 + 0.12 * len(contents.arms))
        left, right = figure.subplots(1, 2, width_ratios=(1.75, 1))
        looks = _looks(contents.arms)
        _plane(left, contents, looks)
        _lengths(right, contents, looks)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _looks(arms: list[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of every arm; arms without a colour of their own take turns."""
    others = [arm for arm in arms if arm not in COLOURS]
    return {
        arm: (COLOURS[arm], "o")
        if arm in COLOURS
        else (OTHERS[others.index(arm) % len(OTHERS)], MARKERS[1 + others.index(arm) % (len(MARKERS) - 1)])
        for arm in arms
    }


def _plane(axes: Axes, contents: KlcfContents, looks: dict[str, tuple[str, str]]) -> None:
    x, y = (100 * contents.estimates[f"{contents.start}: {m}"].value for m in ("recall", "precision"))
    axes.axhline(y, color=NEVER, linewidth=0.8, linestyle=":")
    axes.axvline(x, color=NEVER, linewidth=0.8, linestyle=":")
    for arm in contents.arms:
        colour, marker = looks[arm]
        filled = colour if arm in contents.trained else "#ffffff"
        if arm == contents.start:
            axes.plot([x], [y], marker, color=colour, markersize=6.5, mfc=filled, label=label(arm), zorder=4)
            continue
        recall, precision = (_moved(contents, arm, m, 100) for m in ("recall", "precision"))
        axes.errorbar(
            recall[0], precision[0], xerr=recall[1], yerr=precision[1], fmt=marker, color=colour, markersize=6.5,
            elinewidth=1.1, mfc=filled, label=label(arm), zorder=3,
        )  # fmt: skip
    axes.set_xlabel("recall: what the base model knows that is said, %")
    axes.set_ylabel("precision: claims that are right, %")
    axes.grid(visible=False)


def _lengths(axes: Axes, contents: KlcfContents, looks: dict[str, tuple[str, str]]) -> None:
    names = contents.arms[::-1]
    begin = contents.estimates[f"{contents.start}: words"].value
    for place, arm in enumerate(names):
        colour, marker = looks[arm]
        value, spread = (begin, [[0.0], [0.0]]) if arm == contents.start else _moved(contents, arm, "words", 1)
        filled = colour if arm in contents.trained else "#ffffff"
        axes.errorbar(value, place, xerr=spread, fmt=marker, color=colour, markersize=6.5, elinewidth=1.2, mfc=filled)
    axes.axvline(begin, color=NEVER, linewidth=0.8, linestyle=":", zorder=1)
    axes.set_yticks(range(len(names)), [label(arm) for arm in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("words an answer")
    axes.grid(visible=False)


def _moved(contents: KlcfContents, arm: str, measure: str, unit: float) -> tuple[float, list[list[float]]]:
    """The start's value and the paired difference to it, and how far the difference's interval reaches both ways."""
    change = contents.change(arm, measure)
    value = unit * (contents.estimates[f"{contents.start}: {measure}"].value + change.value)
    return value, [[unit * (change.value - change.ci_low)], [unit * (change.ci_high - change.value)]]
