"""The figures of a run, drawn from its curves and losses: pure functions from frames to figures.

Verification stands above generation and shares its time axis, as in Davidson et al., 2026, arXiv 2605.27564. A solid
line is a trained value, a dashed one a control; bands are 95 % intervals clustered by subject; a dotted vertical line
is the start of a phase; a thin dash-dotted horizontal one is chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from veracity.metrics.probe_rows import Probe
from veracity.metrics.retention import Retention
from veracity.metrics.series import Series, recall, recognition
from veracity.report.style import (
    GREEN,
    INK,
    NEVER,
    NEW,
    OLD,
    PURPLE,
    QUIET,
    SKY,
    drawing,
    new_figure,
    share_axis,
)

PANEL = {
    "forced_choice": "Verification: the value beats a foil",
    "verification": "Verification: the value is judged right",
}
STATED = "Generation: the value is stated"
WIDTH = 6.2
"""Inches: wide enough for a page, narrow enough that the letters can still be read on a phone."""
TITLE_PAD = 21
"""Points between a panel and its title: the legend stands between them, where no curve can pass behind it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve of a panel."""

    series: Series
    label: str
    colour: str
    dashed: bool = False


def acquisition_figure(curves: pl.DataFrame, probe: Probe) -> Figure:
    """Facts being learned: verification above, generation below; the dotted line is where later phases start."""
    above = [
        Line(recognition("learn", probe), "learned value", OLD),
        Line(recognition("control", probe), "never-trained value", NEVER, dashed=True),
    ]
    if probe == "forced_choice":
        above.append(Line(Series("verification", "learn"), "text verdict", GREEN))
        above.append(Line(Series("verification", "learn", "control"), "text verdict: foil refused", GREEN, dashed=True))
    below = [
        Line(recall(), "learned value", OLD),
        Line(recall("control"), "never-trained value", NEVER, dashed=True),
        Line(Series("generation", "learn", "control"), "control question kept", SKY, dashed=True),
    ]
    with drawing():
        figure = new_figure(WIDTH, 5.8)
        panels = _two_panels(figure, probe)
        chosen = curves.filter(pl.col("phase") == "acquisition")
        for axes, lines in zip(panels, (above, below), strict=True):
            for line in lines:
                _draw(axes, chosen, line)
            _finish(axes, lines, chosen)
        _mark_starts(panels, curves, "later phases start here")
    return figure


def update_figure(curves: pl.DataFrame, probe: Probe) -> Figure:
    """The update: old, new and never-trained answers; where old and new are both high above, the states coexist."""
    names = {"learn": ("old answer", OLD), "update": ("new answer", NEW), "control": ("never trained", NEVER)}
    with drawing():
        figure = new_figure(WIDTH, 5.8)
        panels = _two_panels(figure, probe)
        start = _start(curves, "update")
        lead = (pl.col("phase") == "acquisition") & (pl.col("epoch") <= start)
        for axes, kind in zip(panels, ("v", "g"), strict=True):
            lines = [
                Line(_of(kind, t, probe), label, colour, dashed=t == "control") for t, (label, colour) in names.items()
            ]
            for line in lines:
                _draw(axes, curves.filter(lead), line, faint=True)
                _draw(axes, curves.filter(pl.col("phase") == "update"), line)
            _finish(axes, lines, curves.filter(pl.col("phase") == "update"))
        _boundary(panels, start, "update starts")
    return figure


def forgetting_figure(curves: pl.DataFrame, kept: list[Retention], probe: Probe) -> Figure:
    """Unrelated training: recognition above, recall below, one line a delay; beneath them what is left at the end."""
    delays = curves.filter(pl.col("phase") == "continual")["delay"].unique().sort().to_list()
    colours = dict(zip(delays, (OLD, GREEN, PURPLE, NEW, SKY) * len(delays), strict=False))
    with drawing():
        below = 0.75 + 0.5 * len(kept) if kept else 0.0
        figure = new_figure(WIDTH, 5.8 + below)
        parts = figure.subfigures(2 if kept else 1, 1, height_ratios=[5.8, below] if kept else [1], squeeze=False)
        panels = list(parts[0, 0].subplots(2, 1, sharex=True))
        lead = (pl.col("phase") == "acquisition") & (pl.col("epoch") <= _start(curves, "continual"))
        for axes, kind, title in zip(panels, ("v", "g"), (PANEL[probe], STATED), strict=True):
            axes.set_title(title, pad=TITLE_PAD)
            _draw(axes, curves.filter(lead), Line(_of(kind, "learn", probe), "", QUIET), faint=True)
            lines = [_delay_line(kind, d, delays, colours, probe) for d in delays]
            for delay, line in zip(delays, lines, strict=True):
                _draw(axes, curves.filter((pl.col("phase") == "continual") & (pl.col("delay") == delay)), line)
            _finish(axes, lines, curves.filter(pl.col("phase") == "continual"))
        _time_axis(panels)
        for delay in delays:
            _boundary(panels, _start(curves, "continual", delay), "unrelated text" if delay == delays[0] else "")
        if kept:
            _retention_panel(parts[1, 0].subplots(), kept, colours)
    return figure


def loss_figure(losses: pl.DataFrame) -> Figure:
    """Losses on the old and the new sentences over the three phases, mean over seeds with each seed faint behind."""
    kinds = [k for k in ("sentence", "answer") if (losses["kind"] == k).any()]
    phases = [p for p in ("acquisition", "update", "continual") if (losses["phase"] == p).any()]
    titles = {"sentence": "Loss on whole sentences", "answer": "Loss on the answer's tokens"}
    names = {"learn": ("old value", OLD), "update": ("new value", NEW), "control": ("never trained", NEVER)}
    table = losses if "delay" in losses.columns else losses.with_columns(delay=pl.lit(0, pl.Int64))
    with drawing():
        figure = new_figure(WIDTH, 0.6 + 2.3 * len(kinds))
        axes = figure.subplots(len(kinds), len(phases), sharey="row", squeeze=False)
        for row, kind in enumerate(kinds):
            for column, phase in enumerate(phases):
                here = axes[row][column]
                chosen = table.filter((pl.col("kind") == kind) & (pl.col("phase") == phase))
                for target, (label, colour) in names.items():
                    _draw_loss(here, chosen.filter(pl.col("target") == target), label, colour)
                here.set_title(phase if row == 0 else "")
                here.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                here.set_ylim(bottom=0)
            axes[row][0].set_ylabel(f"{titles[kind]}\nnats a token", fontsize=9)
        handles, labels = axes[0][0].get_legend_handles_labels()
        axes[0][-1].legend(handles, labels, loc="best")
        figure.supxlabel("epoch", fontsize=9.5)
    return figure


def _of(kind: str, target: str, probe: Probe) -> Series:
    return recognition(target, probe) if kind == "v" else recall(target)  # type: ignore[arg-type]


def _delay_line(kind: str, delay: int, delays: list[int], colours: dict[int, str], probe: Probe) -> Line:
    label = "learned value" if len(delays) == 1 else f"{delay} epochs after saturation" if delay else "from saturation"
    return Line(_of(kind, "learn", probe), label, colours[delay])


def _two_panels(figure: Figure, probe: Probe) -> list[Axes]:
    panels = list(figure.subplots(2, 1, sharex=True))
    panels[0].set_title(PANEL[probe], pad=TITLE_PAD)
    panels[1].set_title(STATED, pad=TITLE_PAD)
    _time_axis(panels)
    return panels


def _time_axis(panels: list[Axes]) -> None:
    panels[0].tick_params(labelbottom=False)
    panels[1].set_xlabel("epoch")
    panels[1].xaxis.set_major_locator(MaxNLocator(10, integer=True))
    for axes in panels:
        share_axis(axes, "share of facts")


def _points(curves: pl.DataFrame, series: Series) -> pl.DataFrame:
    """The series' points by epoch; foil kinds that a series does not tell apart are averaged by their rows."""
    chosen = curves.filter(series.mask())
    weighed = [(pl.col(c) * pl.col("n")).sum() / pl.col("n").sum() for c in ("value", "ci_low", "ci_high")]
    return chosen.group_by("epoch").agg(*weighed).sort("epoch")


def _draw(axes: Axes, curves: pl.DataFrame, line: Line, *, faint: bool = False) -> None:
    points = _points(curves, line.series)
    if points.height == 0:
        return
    x, y = points["epoch"].to_list(), points["value"].to_list()
    style, marker = ("--", None) if line.dashed else ("-", "o")
    axes.plot(
        x,
        y,
        style,
        color=line.colour,
        marker=marker,
        markersize=3.6,
        alpha=0.45 if faint else 1.0,
        linewidth=1.5 if line.dashed or faint else 2.0,
        label=None if faint else line.label,
    )
    low, high = points["ci_low"].to_list(), points["ci_high"].to_list()
    axes.fill_between(x, low, high, color=line.colour, alpha=0.06 if faint else 0.15, linewidth=0)


def _finish(axes: Axes, lines: list[Line], curves: pl.DataFrame) -> None:
    """Chance level and legend."""
    chance = lines[0].series.chance
    if chance:
        axes.axhline(chance, color=QUIET, linewidth=0.9, linestyle=(0, (6, 2, 1, 2)), zorder=1)
        axes.text(1.0, chance, " chance", transform=axes.get_yaxis_transform(), color=QUIET, fontsize=8.5, va="center")
    drawn = [line for line in lines if _points(curves, line.series).height]
    if len(drawn) > 1:
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(-0.01, 0.995),
            borderaxespad=0.0,
            ncols=3,
            handlelength=2.4,
            columnspacing=1.4,
        )


def _mark_starts(panels: list[Axes], curves: pl.DataFrame, label: str) -> None:
    later = curves.filter(pl.col("phase").is_in(["update", "continual"]) & (pl.col("since") == 0))
    if later.height:
        start = later["epoch"].min()
        _boundary(panels, float(start), label)  # type: ignore[arg-type]


def _start(curves: pl.DataFrame, phase: str, delay: int | None = None) -> float:
    """The epoch at which the phase starts; that of the smallest delay unless one is named."""
    chosen = curves.filter((pl.col("phase") == phase) & (pl.col("since") == 0))
    if delay is not None:
        chosen = chosen.filter(pl.col("delay") == delay)
    return float(chosen["epoch"].min() or 0)  # type: ignore[arg-type]


def _boundary(panels: list[Axes], epoch: float, label: str) -> None:
    for axes in panels:
        axes.axvline(epoch, color=INK, linewidth=1.0, linestyle=":", zorder=1)
    if label:
        late = epoch > sum(panels[0].get_xlim()) / 2
        panels[0].annotate(
            label,
            (epoch, 0.0),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if late else 4, 6),
            textcoords="offset points",
            fontsize=8.5,
            color=QUIET,
            ha="right" if late else "left",
        )


def _retention_panel(axes: Axes, kept: list[Retention], colours: dict[int, str]) -> None:
    """Dots with intervals: what share of the starting value is left at the end of the phase."""
    axes.set_title("What is left at the end of the phase")
    rows = [
        (name, k, e)
        for k in kept
        for name, e in (
            ("recognition", k.recognition),
            ("… from chance", k.recognition_corrected),
            ("recall", k.recall),
        )
    ]
    for place, (_, k, e) in enumerate(rows):
        axes.plot([e.ci_low, e.ci_high], [-place, -place], color=colours[k.delay], linewidth=2.0)
        axes.plot(e.value, -place, "o", color=colours[k.delay], markersize=6)
    several = len(kept) > 1
    names = [f"{name} (+{k.delay})" if several else name for name, k, _ in rows]
    axes.set_yticks([-i for i in range(len(rows))], names)
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.set_xlim(min(0.0, *(e.ci_low for *_, e in rows)) - 0.02, max(1.04, *(e.ci_high for *_, e in rows)) + 0.02)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100 %"])
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")


def _draw_loss(axes: Axes, losses: pl.DataFrame, label: str, colour: str) -> None:
    if losses.height == 0:
        return
    for _, one in losses.sort("epoch").group_by("seed", "delay", maintain_order=True):
        axes.plot(one["epoch"].to_list(), one["loss"].to_list(), color=colour, linewidth=0.8, alpha=0.35)
    for name, one in losses.group_by("delay", maintain_order=True):
        mean = one.group_by("epoch").agg(pl.col("loss").mean()).sort("epoch")
        shown = label if name[0] == losses["delay"].min() else None
        axes.plot(mean["epoch"].to_list(), mean["loss"].to_list(), color=colour, linewidth=2.0, label=shown)
