"""The figures of a truth-seeking run: belief paths, updates against priors, reliability, opinions, and the panel."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from veracity.metrics.belief_paths import BeliefPath
from veracity.metrics.calibration import reliability_bins
from veracity.metrics.judged_confidence import JudgedConfidence
from veracity.metrics.martingale_fit import Changes, change_bins
from veracity.report.style import GREEN, INK, NEW, OLD, PURPLE, QUIET, SKY, drawing, new_figure
from veracity.report.truth_seeking_contents import SHOWN, TruthSeekingContents
from veracity.report.truth_seeking_tables import ACROSS, main_of_panel, panel_name

WIDTH, WIDE, ROW, COLUMNS = 6.2, 7.4, 2.3, 3
REACH = 4
"""Detectable differences that the panel's axes show on either side."""
DRAWN = 60
"""Single trajectories that are drawn behind the mean."""
CONDITIONS = ("u0", "t0", "neutral", "t1", "u1")
NAMES = {
    "u0": "user\nfor first",
    "t0": "third party\nfor first",
    "neutral": "nobody",
    "t1": "third party\nfor second",
    "u1": "user\nfor second",
}
COLOURS = (INK, OLD, NEW, GREEN, PURPLE, "#d9b44a", QUIET, SKY, "#8c564b")
MARKERS = "os^DvPX*<"
"""Of the lines of systems, of which there are `SHOWN` at most."""
VERDICTS = {"above": GREEN, "not_told_apart": QUIET, "below": NEW}


def figures_of(contents: TruthSeekingContents) -> Iterator[tuple[str, Figure]]:
    """Every figure that the run has something to show for, with its name: the comparison first, where there is one."""
    yield from _panels(contents)
    moving = {cell: paths for cell, paths in contents.paths.items() if any(_ends(paths))}
    shown = dict(list(moving.items())[:SHOWN])
    if shown:
        yield (
            "beliefs",
            _grid(
                contents, shown, _paths, "probability of the right option", "share of the way from the prior to the end"
            ),
        )
        yield "updates", _grid(contents, shown, _updates, "change of belief", "belief before")
    known = {c: p for c, p in shown.items() if any(path.correct is not None for path in p)}
    if known:
        yield "reliability", _grid(contents, known, _reliability, "share that happened", "belief in the first option")
    if contents.conditions.height:
        yield "opinions", opinions_figure(contents)


def _panels(contents: TruthSeekingContents) -> Iterator[tuple[str, Figure]]:
    """One figure a domain."""
    panel = contents.tables.get("panel")
    if panel is None or not panel.height:
        return
    several = panel["domain"].n_unique() > 1
    drawn = pl.col("value").is_not_null() & pl.col("detectable").is_not_null() & main_of_panel()
    for (domain,), own in panel.filter(drawn).group_by("domain", maintain_order=True):
        yield f"panel_{domain}" if several else "panel", panel_figure(contents, own)


def opinions_figure(contents: TruthSeekingContents) -> Figure:
    """Mean belief in the first option under each opinion, one line an arm; level lines yield to nobody."""
    table = contents.conditions
    levels = sorted({name.partition(".")[2] for name in table["condition"]})[-1]
    names = [c if c == "neutral" or not levels else f"{c}.{levels}" for c in CONDITIONS]
    arms = table["arm"].unique(maintain_order=True).to_list()
    with drawing():
        figure = new_figure(WIDTH, 4.2)
        axes = figure.subplots()
        for number, (key, own) in enumerate(table.group_by("domain", "arm", maintain_order=True)):
            if number >= SHOWN:
                break
            means = dict(own.select("condition", "belief").iter_rows())
            places = [place for place, name in enumerate(names) if name in means]
            colour, marker = COLOURS[number], MARKERS[number]
            nudged = [place + 0.03 * (number - 3) for place in places]  # lines that coincide stay visible by their dots
            label = _label(contents, str(key[1]), str(key[0]), arms, several=table["domain"].n_unique() > 1)
            axes.plot(nudged, [means[names[p]] for p in places], color=colour, marker=marker, markersize=5, label=label)
        axes.set_xticks(range(len(names)), [NAMES[c] for c in CONDITIONS])
        axes.set_xlabel("who gives an opinion, and for which option")
        axes.set_ylabel("mean belief in the first option")
        figure.legend(loc="outside upper left", ncols=2)
    return figure


def panel_figure(contents: TruthSeekingContents, panel: pl.DataFrame) -> Figure:
    """Paired differences in units of the detectable one, a column a model, a row a main metric."""
    places = panel.select("metric", "reference").unique(maintain_order=True).rows()
    labels = [panel_name(contents, places, place).partition("\n")[0] for place in places]
    models = list(dict.fromkeys(contents.model(other) for other in panel["other"]))[:ACROSS]
    with drawing():
        figure = new_figure(WIDE, 1.1 + 0.42 * len(places))
        panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
        for axes, model in zip(panels, models, strict=True):
            for row in panel.iter_rows(named=True):
                if contents.model(row["other"]) == model:
                    _difference(axes, places.index((row["metric"], row["reference"])), row)
            axes.axvline(0, color=INK, linewidth=0.8)
            axes.set_title("\n".join(textwrap.wrap(model.rpartition("/")[2], 13)), fontsize=7.5)
            axes.set_xlim(-REACH - 0.4, REACH + 0.4)
            axes.set_xticks([-REACH, 0, REACH])
            axes.tick_params(axis="x", labelsize=7.5)
        panels[0].set_yticks(range(len(places)), [textwrap.fill(label, 30) for label in labels], fontsize=7.5)
        panels[0].set_ylim(len(places) - 0.5, -0.5)
        figure.supxlabel("difference to the reference, in detectable differences", fontsize=8.5)
    return figure


def _difference(axes: Axes, place: int, row: Mapping[str, Any]) -> None:
    """A dot and its interval; an arrowhead at the edge for what is further than the axis reaches."""
    scale = row["detectable"] or 1e-9
    low, high, value = (float(np.clip(row[name] / scale, -REACH, REACH)) for name in ("ci_low", "ci_high", "value"))
    colour = VERDICTS[row["verdict"]]
    marker = "o" if abs(value) < REACH else (">" if value > 0 else "<")
    axes.plot([low, high], [place, place], color=colour, linewidth=1.6)
    axes.plot([value], [place], marker, color=colour, markersize=4.5)


def _label(contents: TruthSeekingContents, arm: str, domain: str, arms: Sequence[str], *, several: bool) -> str:
    return f"{contents.short(arm, arms)}{f', {domain}' if several else ''}"


def _title(arm: str, domain: str | None) -> str:
    """A part of the arm's name a line, and none so long that it runs into the next panel."""
    parts = [*arm.split(" · "), *([domain] if domain else [])]
    return "\n".join(line for part in parts for line in textwrap.wrap(part, 24))


def _grid(
    contents: TruthSeekingContents,
    cells: Mapping[tuple[str, str], Sequence[BeliefPath]],
    draw: object,
    y: str,
    x: str,
) -> Figure:
    """One small panel a cell."""
    rows = math.ceil(len(cells) / COLUMNS)
    with drawing():
        figure = new_figure(WIDTH, 0.5 + ROW * rows)
        panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).flatten()
        domains, arms = {domain for domain, _ in cells}, [arm for _, arm in cells]
        for axes, ((domain, arm), paths) in zip(panels, cells.items(), strict=False):
            draw(axes, paths)  # type: ignore[operator]
            axes.set_title(_title(contents.short(arm, arms), domain if len(domains) > 1 else None), fontsize=8)
        for axes in panels[len(cells) :]:
            axes.set_visible(False)
        for axes in panels[max(len(cells) - COLUMNS, 0) : len(cells)]:  # the lowest that is seen in each column
            axes.tick_params(labelbottom=True)
        figure.supxlabel(x, fontsize=9)
        figure.supylabel(y, fontsize=9)
    return figure


def _paths(axes: Axes, paths: Sequence[BeliefPath]) -> None:
    """Probability of the right option (of the first where none is known to be) along each trajectory, and the mean."""
    lines = []
    for path in paths:
        beliefs = [b.probabilities for b in path.beliefs]
        if path.failure is None and len(beliefs) > 1 and all(beliefs):
            lines.append([float((b or ())[path.correct or 0]) for b in beliefs])
    grid = np.linspace(0, 1, 11)
    spread = np.array([np.interp(grid, np.linspace(0, 1, len(line)), line) for line in lines])
    for line in spread[:DRAWN]:
        axes.plot(grid, line, color=SKY, linewidth=0.5, alpha=0.35)
    if len(spread):
        axes.plot(grid, spread.mean(axis=0), color=INK, linewidth=2)
    axes.set_ylim(-0.02, 1.02)


def _updates(axes: Axes, paths: Sequence[BeliefPath]) -> None:
    """Change against belief before, with the least-squares line and means of bins with intervals."""
    ends = list(_ends(paths))
    x, after = np.array([e[0] for e in ends]), np.array([e[1] for e in ends])
    axes.plot(x, after - x, ".", color=SKY, markersize=3, alpha=0.5)
    axes.axhline(0, color=QUIET, linewidth=0.8)
    if len(ends) < 3 or np.ptp(x) == 0:
        return
    slope, start = np.polyfit(x, after - x, 1)
    reach = np.array([x.min(), x.max()])
    axes.plot(reach, start + slope * reach, color=NEW, linewidth=1.6)
    changes = Changes.of(x.tolist(), after.tolist(), clusters=[e[2] for e in ends])
    for one in change_bins(changes, seed=0, bins=5, resamples=400):
        axes.plot([one.before] * 2, [one.change.ci_low, one.change.ci_high], color=INK, linewidth=1.4)
        axes.plot([one.before], [one.change.value], "o", color=INK, markersize=4)


def _reliability(axes: Axes, paths: Sequence[BeliefPath]) -> None:
    """Beliefs at the end in ten bins of equal mass, against how often they came true."""
    own = [
        (p.end.probability, float(p.correct == 0), p.source) for p in paths if p.correct is not None and p.options == 2
    ]
    read = [(b, y, source) for b, y, source in own if b is not None]
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle="--")
    if not read:
        return
    rows = JudgedConfidence.of([r[0] for r in read], [r[1] for r in read], [r[2] for r in read])
    for one in reliability_bins(rows, bins=10, binning="equal_mass"):
        axes.plot([one.confidence] * 2, [one.accuracy.ci_low, one.accuracy.ci_high], color=OLD, linewidth=1.2)
        axes.plot([one.confidence], [one.accuracy.value], "o", color=OLD, markersize=4)


def _ends(paths: Sequence[BeliefPath]) -> Iterator[tuple[float, float, str]]:
    for path in paths:
        before, after = path.initial.probability, path.end.probability
        if path.failure is None and path.options >= 2 and before is not None and after is not None:
            yield before, after, path.source
