"""`Finding`: what an analysis found, as plain data: tables, plots and texts, and the place where they belong.

Whoever computes makes findings and whoever writes pages draws them; neither needs to know the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Scale = Literal["trajectory", "run", "setup", "across"]
"""`trajectory`: one path of reasoning. `run`: one run folder. `setup`: all that was measured by one metric on one
domain in one mode under one system prompt. `across`: several setups."""

Cell = str | int | float | bool | None
ALL = "ALL"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding belongs; `ALL` where it is about several."""

    algorithm: str = ALL
    """The metric, with its configuration or judge where several were used."""
    domain: str = ALL
    mode: str = ALL
    prompt: str = ALL
    """Id of the system prompt."""
    model: str = ALL
    """The policy, a run or a trajectory, where it is about one."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Folder names, in the order algorithm, domain, mode, prompt, model."""
        return tuple(folder_name(p) for p in (self.algorithm, self.domain, self.mode, self.prompt, self.model))


def folder_name(text: str) -> str:
    """`text` as the name of a folder: other characters than letters, digits and `._=@~+-` become `_`."""
    return re.sub(r"[^\w.=@~+-]", "_", text).lstrip(".")[:120] or "_"


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Rows of plain values; the first columns name the row."""

    name: str
    """File name without ending, unique in its finding."""
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def records(self) -> list[dict[str, Cell]]:
        """One mapping a row."""
        return [dict(zip(self.header, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Point:
    """A value with its interval, or a place in the plane."""

    y: float
    x: float = 0.0
    low: float | None = None
    """Ends of the interval of `y`; None where there is none."""
    high: float | None = None
    label: str = ""
    group: str = ""
    """Points of one group share a colour."""
    solid: bool = True
    """Filled; hollow where it is left out of a fit, or not significant."""


@dataclass(frozen=True, slots=True)
class IntervalPlot:
    """Labelled values with intervals, one a line, from above."""

    name: str
    title: str
    caption: str
    points: Sequence[Point]
    label: str
    """Of the axis of values."""
    null: float | None = None
    """Where chance, or no effect, is."""


@dataclass(frozen=True, slots=True)
class ScatterPlot:
    """Points in the plane."""

    name: str
    title: str
    caption: str
    points: Sequence[Point]
    x_label: str
    y_label: str
    line: tuple[float, float] | None = None
    """Intercept and slope of a fitted line."""
    levels: Sequence[tuple[float, str]] = ()
    """Horizontal lines with their names."""
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class LinePlot:
    """Curves; each is a name, its x and its y."""

    name: str
    title: str
    caption: str
    lines: Sequence[tuple[str, Sequence[float], Sequence[float]]]
    x_label: str
    y_label: str


Plot = IntervalPlot | ScatterPlot | LinePlot


@dataclass(frozen=True, slots=True)
class Finding:
    """What one analyzer found at one place."""

    analyzer: str
    scale: Scale
    place: Place
    title: str
    tables: Sequence[ResultTable] = ()
    plots: Sequence[Plot] = ()
    notes: Sequence[str] = ()
    """What a reader must know: what was left out, what is not causal."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files by name, as text (JSON, JSON lines, HTML)."""
    answer: str = ""
    """What was found, in one sentence; empty where there is not enough to say one."""
    decided: bool = False
    """Whether it tells something apart from chance."""
    summary: Mapping[str, Cell] = field(default_factory=dict)
    """Its row in a table of all findings of the analyzer, which have the same columns."""

    @property
    def folder(self) -> tuple[str, ...]:
        """Folders below the root of an analysis: analyzer, algorithm, domain, mode, prompt, model."""
        return (self.analyzer, *self.place.parts)


@dataclass(frozen=True, slots=True)
class Overview:
    """All that one analyzer found, and what of it to look at first."""

    analyzer: str
    question: str
    """What it asks, in one sentence."""
    answers: Sequence[str]
    """Of the most important finding; where that tells nothing apart from chance, of the first that does, too."""
    table: ResultTable | None
    """A row for each of the most important findings."""
    shown: Sequence[Finding]
    """To be shown in full, with figures, the most important first."""
    others: Sequence[Finding]
    """To be kept in the tree of files."""

    @property
    def findings(self) -> list[Finding]:
        """All of them."""
        return [*self.shown, *self.others]
