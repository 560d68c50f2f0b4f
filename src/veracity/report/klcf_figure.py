"""The figure of a KLCF run: recall against precision, a point an arm, and beside it how long its answers are."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from veracity.core.estimate import Estimate
from veracity.report.klcf_contents import KlcfContents, label
from veracity.report.style import GREEN, INK, NEVER, NEW, OLD, PURPLE, QUIET, SKY, drawing, new_figure

WIDTH = 7.4
COLOURS = {"base": NEVER, "sft": INK, "klcf": GREEN, "klcf-zero": GREEN, "precision only": OLD, "recall only": NEW}
OTHERS = (PURPLE, SKY, QUIET)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def trade_figure(contents: KlcfContents) -> Figure:
    """Up and to the right is better; arrows go from the start to what was trained from it."""
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
    for arm in contents.arms:
        recall, precision = (_percent(contents.estimates[f"{arm}: {m}"]) for m in ("recall", "precision"))
        colour, marker = looks[arm]
        axes.errorbar(
            recall[0], precision[0], xerr=recall[1], yerr=precision[1], fmt=marker, color=colour, markersize=6.5,
            elinewidth=0.9, label=label(arm), zorder=3, mfc=colour if arm in contents.trained else "#ffffff",
        )  # fmt: skip
        if arm in contents.trained:
            arrow = {"arrowstyle": "-", "color": colour, "linewidth": 1.0, "alpha": 0.55, "linestyle": ":"}
            axes.annotate("", (recall[0], precision[0]), (x, y), arrowprops=arrow, zorder=2)
    axes.set_xlabel("recall: what the base model knows that is said, %")
    axes.set_ylabel("precision: claims that are right, %")
    axes.grid(visible=False)


def _lengths(axes: Axes, contents: KlcfContents, looks: dict[str, tuple[str, str]]) -> None:
    names = contents.arms[::-1]
    for place, arm in enumerate(names):
        words = contents.estimates[f"{arm}: words"]
        colour, marker = looks[arm]
        spread = [[words.value - words.ci_low], [words.ci_high - words.value]]
        axes.errorbar(words.value, place, xerr=spread, fmt=marker, color=colour, markersize=6.5, elinewidth=1.2,
                      mfc=colour if arm in contents.trained else "#ffffff")  # fmt: skip
    axes.axvline(contents.estimates[f"{contents.start}: words"].value, color=NEVER, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(names)), [label(arm) for arm in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("words an answer")
    axes.grid(visible=False)


def _percent(estimate: Estimate) -> tuple[float, list[list[float]]]:
    value = 100 * estimate.value
    return value, [[value - 100 * estimate.ci_low], [100 * estimate.ci_high - value]]
