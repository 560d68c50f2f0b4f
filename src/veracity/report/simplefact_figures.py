"""The figures of a `simplefact` run: pure functions from estimates to figures, in the house style.

Right against wrong answers with the frontier of prompts; the five classes over training; what became of questions of
each source. Bars and crosses are 95 % intervals, clustered by entity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from veracity.core.estimate import Estimate
from veracity.metrics.decomposition import CLASSES, FiveWay
from veracity.metrics.frontier import pareto_set
from veracity.metrics.simplefact import WAYS, Proof
from veracity.report.style import GREEN, INK, NEVER, NEW, OLD, PURPLE, QUIET, SKY, drawing, new_figure, share_axis

WIDTH = 6.2
SYSTEMS = {"start": INK, "fact": SKY, "caution": NEW, "both": GREEN, "sequential": PURPLE}
CLASS_COLOURS = dict(zip(CLASSES, (GREEN, SKY, "#d9b44a", NEVER, NEW), strict=True))
OUTCOMES = {"correct": ("right", GREEN), "not_attempted": ("declined", NEVER), "incorrect": ("wrong", NEW)}
TICKS = ([0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100 %"])


def frontier_figure(estimates: Mapping[str, Estimate], proof: Proof) -> Figure:
    """Right over wrong answers: the prompts of the model as it came, joined where on the frontier, and the systems."""
    with drawing():
        figure = new_figure(WIDTH, 6.4)
        panels = figure.subplots(len(WAYS), 1, sharex=True)
        for axes, (way, name) in zip(panels, WAYS.items(), strict=True):
            _frontier(axes, estimates, proof, name, [a for a in proof.arms(way) if a.startswith("base/")])
            axes.set_title(f"{name.capitalize()} answers", pad=24 if way == "greedy" else 8)
            axes.set_ylabel("right, of all questions")
            axes.xaxis.set_major_formatter(PercentFormatter(1, 0, " %"))
            axes.yaxis.set_major_formatter(PercentFormatter(1, 0, " %"))
        for axes in panels:
            axes.set_xlim(left=-0.02)
            axes.set_ylim(bottom=0)
        panels[-1].set_xlabel("wrong, of all questions")
        panels[0].legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=6, borderaxespad=0.2, columnspacing=1.1)
    return figure


def _frontier(axes: Axes, estimates: Mapping[str, Estimate], proof: Proof, way: str, prompts: Sequence[str]) -> None:
    places = {arm: _place(estimates, way, arm) for arm in prompts}
    points = [(x.value, y.value) for x, y in places.values()]
    best = sorted(points[i] for i in pareto_set(points))
    axes.plot(*zip((0.0, 0.0), *best, strict=True), color=OLD, linewidth=1.1, linestyle="--", zorder=1)
    for number, (x, y) in enumerate(places.values()):
        _cross(axes, x, y, OLD, "s", "prompts alone" if number == 0 else None)
    _name_prompts(axes, {arm.partition("/")[2]: (x.value, y.value) for arm, (x, y) in places.items()})
    for system in ("start", *proof.trained):
        x, y = _place(estimates, way, proof.own(system))
        _cross(axes, x, y, SYSTEMS.get(system, QUIET), "o", system)


def _place(estimates: Mapping[str, Estimate], way: str, arm: str) -> tuple[Estimate, Estimate]:
    return estimates[f"{way}, {arm}, all: incorrect"], estimates[f"{way}, {arm}, all: correct"]


def _cross(axes: Axes, x: Estimate, y: Estimate, colour: str, marker: str, label: str | None) -> None:
    axes.plot([x.ci_low, x.ci_high], [y.value, y.value], color=colour, linewidth=1.0, alpha=0.7, zorder=2)
    axes.plot([x.value, x.value], [y.ci_low, y.ci_high], color=colour, linewidth=1.0, alpha=0.7, zorder=2)
    axes.plot([x.value], [y.value], marker, color=colour, markersize=6, label=label, zorder=3, linestyle="none")


def _name_prompts(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Names beside the points; those that lie on one another share a place."""
    named: list[tuple[list[str], tuple[float, float]]] = []
    for name, (x, y) in points.items():
        near = next((names for names, (a, b) in named if abs(a - x) < 0.03 and abs(b - y) < 0.03), None)
        if near is None:
            named.append(([name], (x, y)))
        else:
            near.append(name)
    for names, place in named:
        text = "prompt: " + ", ".join(names)
        left = place[0] > 0.3
        axes.annotate(
            text, place, (-7 if left else 7, -26), textcoords="offset points", color=OLD, fontsize=8.5,
            ha="right" if left else "left",
        )  # fmt: skip


def classes_figure(classes: Mapping[str, FiveWay], systems: Sequence[str], prompt: str, last: int) -> Figure:
    """One panel a setting of the reward: the shares of the five classes from the start to the end of training."""
    with drawing():
        rows = -(-len(systems) // 2)
        figure = new_figure(WIDTH, 0.7 + 2.3 * rows)
        panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, system in zip(panels, systems, strict=False):
            course = course_of(classes, system, prompt, last)
            for name, colour in CLASS_COLOURS.items():
                shares = [ways.shares[name] for ways in course.values()]
                axes.plot(list(course), [e.value for e in shares], "o-", color=colour, label=name, markersize=3.5)
                ends = [e.ci_low for e in shares], [e.ci_high for e in shares]
                axes.fill_between(list(course), *ends, color=colour, alpha=0.13, linewidth=0)
            axes.set_title(system)
            share_axis(axes, "")
        for axes in panels[len(systems) :]:
            axes.set_visible(False)
        figure.supxlabel("steps of training", fontsize=9.5)
        figure.supylabel("share of questions", fontsize=9.5)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=3)
    return figure


def course_of(classes: Mapping[str, FiveWay], system: str, prompt: str, last: int) -> dict[int, FiveWay]:
    """Step → classes of a system, from the start on."""
    found = {0: classes[f"start/{prompt}"]}
    for arm, ways in classes.items():
        name, _, step = arm.removesuffix(f"/{prompt}").partition("@")
        if name == system:
            found[int(step) if step else last] = ways
    return dict(sorted(found.items()))


def outcomes_figure(estimates: Mapping[str, Estimate], proof: Proof) -> Figure:
    """One panel a source: what became of its questions, greedy, at the start and under each setting."""
    systems = ["start", *proof.trained]
    order = pl.col("kind").replace_strict({"known": 0, "between": 1, "unknown": 2}, return_dtype=pl.Int64)
    sources = proof.problems.sort(order, maintain_order=True)["source"].unique(maintain_order=True).to_list()
    with drawing():
        rows = -(-len(sources) // 2)
        figure = new_figure(WIDTH, 0.7 + rows * (0.5 + 0.26 * len(systems)))
        panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, source in zip(panels, sources, strict=False):
            for place, system in enumerate(systems):
                left = 0.0
                for outcome, (label, colour) in OUTCOMES.items():
                    share = estimates[f"greedy, {proof.own(system)}, from {source}: {outcome}"].value
                    axes.barh(place, share, left=left, color=colour, height=0.68, label=label if place == 0 else None)
                    left += share
            axes.set_title(str(source))
            axes.set_yticks(range(len(systems)), systems)
            axes.set_xlim(0, 1)
            axes.set_xticks(*TICKS)
            axes.grid(visible=False)
        panels[0].invert_yaxis()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=3)
    return figure


def training_figure(steps: pl.DataFrame) -> Figure:
    """Abstention and the share of groups that teach nothing, step by step, mean over seeds."""
    panels = {"abstained": "declined, of training answers", "equal_groups": "groups that teach nothing"}
    with drawing():
        figure = new_figure(WIDTH, 4.4)
        for axes, (column, label) in zip(figure.subplots(2, 1, sharex=True), panels.items(), strict=True):
            for system in steps["system"].unique(maintain_order=True).to_list():
                own = steps.filter(pl.col("system") == system).group_by("step").agg(pl.col(column).mean()).sort("step")
                axes.plot(own["step"], own[column], color=SYSTEMS.get(system, QUIET), label=system, linewidth=1.5)
            share_axis(axes, label)
        axes.set_xlabel("step")
        axes.xaxis.get_major_locator().set_params(integer=True)
        figure.axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2)
    return figure
