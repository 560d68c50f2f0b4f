"""The figures of a factuality run: pure functions from tables to figures, in the house style.

Outcomes by arm, the risk–coverage curve with every abstaining arm as a point on it, the reliability diagram, and the
precision of long answers over exposure. Bands and bars are 95 % intervals clustered by source item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from veracity.core.estimate import Estimate
from veracity.metrics.calibration import reliability_bins
from veracity.metrics.judged_confidence import JudgedConfidence
from veracity.metrics.selective import risk_coverage
from veracity.metrics.wording import fraction
from veracity.report.style import GREEN, INK, NEVER, NEW, OLD, PURPLE, QUIET, SKY, drawing, new_figure, share_axis

WIDTH = 6.2
SPLIT, NEAR = 0.7, 0.03
"""Coverage from which a label stands left of its point; shares below which two points lie on one another."""
APART = 0.1
"""Between the intervals of two curves over one level of exposure, whose levels are 1 apart."""
COLOURS = (OLD, NEW, GREEN, PURPLE, SKY, INK)
OUTCOMES = {"correct": ("right", GREEN), "not_attempted": ("declined", NEVER), "incorrect": ("wrong", NEW)}
TICKS = ([0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100 %"])


def outcomes_figure(estimates: Mapping[str, Estimate], arms: Sequence[str]) -> Figure:
    """One bar an arm: the shares of right, declined and wrong answers."""
    with drawing():
        figure = new_figure(WIDTH, 0.9 + 0.45 * len(arms))
        axes = figure.subplots()
        left = dict.fromkeys(arms, 0.0)
        for outcome, (label, colour) in OUTCOMES.items():
            for place, arm in enumerate(arms):
                share = estimates[f"answers, {arm}: {outcome}"].value
                axes.barh(place, share, left=left[arm], color=colour, height=0.68, label=label if place == 0 else None)
                if share >= 0.07:
                    middle = left[arm] + share / 2
                    axes.text(
                        middle, place, f"{100 * share:.0f} %", ha="center", va="center", color="#ffffff", fontsize=8.5
                    )
                left[arm] += share
        axes.set_yticks(range(len(arms)), list(arms))
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xticks(*TICKS)
        axes.grid(visible=False)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return figure


def risk_coverage_figure(rows: Mapping[str, JudgedConfidence], points: Mapping[str, tuple[float, float]]) -> Figure:
    """Share of errors among the most confident answers, a curve a method; `points`: (coverage, risk) of each arm."""
    with drawing():
        figure = new_figure(WIDTH, 3.6)
        axes = figure.subplots()
        for colour, (method, one) in zip(COLOURS * len(rows), rows.items(), strict=False):
            curve = risk_coverage(one)
            axes.plot(curve.coverage, curve.risk, color=colour, label=method.replace("_", " "), drawstyle="default")
        for arms, (coverage, risk) in _apart(points):
            axes.plot([coverage], [risk], "o", color=INK, markersize=5, zorder=5)
            side = -1 if coverage > SPLIT else 1
            below = -24 if side < 0 else -12  # a curve rises to the right: left of it there is less room
            axes.annotate(
                arms,
                (coverage, risk),
                (6 * side, below),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
            )
        overall = next(iter(rows.values()))
        axes.axhline(1 - float(overall.correct.mean()), color=QUIET, linewidth=0.9, linestyle="-.", zorder=1)
        axes.set_xlim(0, 1.02)
        axes.set_xticks(*TICKS)
        axes.set_xlabel("coverage: share of questions that are answered")
        share_axis(axes, "risk: share of wrong answers")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return figure


def reliability_figure(rows: Mapping[str, JudgedConfidence]) -> Figure:
    """Share of right answers in each of ten bins of confidence, one panel a method; the diagonal is perfect."""
    with drawing():
        columns = min(3, len(rows))
        lines = -(-len(rows) // columns)
        figure = new_figure(WIDTH, 0.5 + lines * min(3.6, 5.6 / columns))
        panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, colour, (method, one) in zip(panels, COLOURS * len(rows), rows.items(), strict=False):
            _reliability(axes, one, colour)
            axes.set_title(method.replace("_", " "))
        for axes in panels[len(rows) :]:
            axes.set_visible(False)
        figure.supxlabel("confidence", fontsize=9.5)
        figure.supylabel("share of right answers", fontsize=9.5)
    return figure


def exposure_figure(curves: Mapping[str, Mapping[float, Estimate]]) -> Figure:
    """Shares over exposure, a line a kind of answer; levels are evenly spaced, as most are powers of two."""
    with drawing():
        figure = new_figure(WIDTH, 3.4)
        axes = figure.subplots()
        levels = sorted({level for curve in curves.values() for level in curve})
        for number, (colour, (label, curve)) in enumerate(zip(COLOURS, curves.items(), strict=False)):
            beside = APART * (number - (len(curves) - 1) / 2)  # so that intervals do not lie on one another
            places = [levels.index(level) + beside for level in curve]
            values = [e.value for e in curve.values()]
            low = [e.value - e.ci_low for e in curve.values()]
            high = [e.ci_high - e.value for e in curve.values()]
            axes.errorbar(
                places, values, yerr=[low, high], color=colour, label=label, marker="o", markersize=4, capsize=2
            )
        axes.set_xticks(range(len(levels)), [fraction(level) for level in levels])
        axes.set_xlabel("exposure: how often the subject's facts were in the training text")
        share_axis(axes, "share that is right")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    return figure


def _apart(points: Mapping[str, tuple[float, float]]) -> list[tuple[str, tuple[float, float]]]:
    """Points under their names; those that lie on one another share a point."""
    found: list[tuple[str, tuple[float, float]]] = []
    for name, (x, y) in points.items():
        near = next((i for i, (_, (a, b)) in enumerate(found) if abs(x - a) < NEAR and abs(y - b) < NEAR), None)
        if near is None:
            found.append((name, (x, y)))
        else:
            found[near] = (f"{found[near][0]}, {name}", found[near][1])
    return found


def _reliability(axes: Axes, rows: JudgedConfidence, colour: str) -> None:
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.9, linestyle="-.", zorder=1)
    for one in reliability_bins(rows):
        share = one.accuracy
        size = 3 + 9 * (share.n / len(rows)) ** 0.5
        axes.plot([one.confidence] * 2, [share.ci_low, share.ci_high], color=colour, linewidth=1.1, alpha=0.7)
        axes.plot([one.confidence], [share.value], "o", color=colour, markersize=size)
    axes.set_xlim(-0.04, 1.04)
    axes.set_xticks(*TICKS)
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks(*TICKS)
