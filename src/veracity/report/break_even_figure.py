"""Measured abstention against the predicted tipping point: a map of where training pushes, and where questions went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from veracity.metrics.break_even import Movement, Payoffs, break_even, tipping_point
from veracity.report.style import INK, NEW, OLD, QUIET, drawing, new_figure

WIDTH = 6.2
TICKS = ([0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100 %"])
HALO = {"boxstyle": "round,pad=0.12", "facecolor": "#ffffff", "alpha": 0.75, "linewidth": 0}
STILL = 0.02
"""Change of abstention that an arrow would not show."""


def break_even_figure(movements: Sequence[Movement], n: int, payoffs: Payoffs) -> Figure:
    """One arrow a kind of question, from its abstention before training to that after it, over how often it is right.

    Above the curve abstaining pays and abstention is predicted to rise, below it to fall. Arrows go up in one colour
    and down in the other, whatever is predicted. Kinds of which nothing was attempted have no place on the map.
    """
    with drawing():
        figure = new_figure(WIDTH, 4.4)
        axes = figure.subplots()
        _map(axes, n, payoffs)
        for movement in movements:
            if movement.right.n:
                _arrow(axes, movement)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.04, 1.04)
        axes.set_xticks(*TICKS)
        axes.set_yticks(*TICKS)
        axes.set_xlabel("q: share of attempts that are right, before training")
        axes.set_ylabel("abstention before (circle) and after training (arrow)")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return figure


def _map(axes: Axes, n: int, payoffs: Payoffs) -> None:
    """The curve of tipping points, and the break-even from which it rises."""
    q = np.linspace(0, 1, 401)
    curve = [tipping_point(float(value), n, payoffs) for value in q]
    axes.fill_between(q, curve, 1.0, color=NEW, alpha=0.09, linewidth=0)
    axes.fill_between(q, 0.0, curve, color=OLD, alpha=0.07, linewidth=0)
    axes.plot(q, curve, color=INK, linewidth=1.5, label=f"tipping point, groups of {n}")
    even = break_even(n, payoffs)
    axes.plot([even], [0], "|", color=INK, markersize=11, markeredgewidth=1.6, label=f"break-even q = {even:.2f}")
    axes.text(0.015, 0.985, "abstaining pays", color=NEW, fontsize=8.5, va="top")
    axes.text(0.985, 0.55, "attempting pays", color=OLD, fontsize=8.5, va="center", ha="right")


def _arrow(axes: Axes, movement: Movement) -> None:
    """From before (open circle) to after (head), with the intervals of the start and the kind's name beside it."""
    q, before, after = movement.right, movement.before.value, movement.after.value
    colour = QUIET if abs(after - before) < STILL else NEW if after > before else OLD
    axes.plot([q.ci_low, q.ci_high], [before, before], color=colour, linewidth=0.9, alpha=0.6)
    axes.plot([q.value] * 2, [movement.after.ci_low, movement.after.ci_high], color=colour, linewidth=4, alpha=0.25)
    axes.plot([q.value], [before], "o", color=colour, markerfacecolor="white", markersize=5.5, zorder=4)
    if colour != QUIET:
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 3, "shrinkB": 0}
        axes.annotate("", (q.value, after), (q.value, before), arrowprops=arrow, zorder=5)
    right = q.value < 0.75
    axes.annotate(
        movement.level, (q.value, (before + after) / 2), (6 if right else -6, 0), textcoords="offset points",
        ha="left" if right else "right", va="center", fontsize=8.5, color=INK, bbox=HALO, zorder=6,
    )  # fmt: skip
