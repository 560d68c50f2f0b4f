"""How figures look: Okabe and Ito's colours, which colour-blind readers can tell apart, and quiet axes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, QUIET, GRID = "#1c1e22", "#6b7078", "#dcdee2"
OLD, NEW, NEVER = "#0072b2", "#d55e00", "#7a7f87"
GREEN, PURPLE, SKY = "#009e73", "#b5578e", "#3b9bd4"
"""Okabe and Ito (2008), "Color universal design"; purple and sky blue darkened to be read as thin lines on white."""

PAGE_COLOURS = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    GRID: "var(--rule)",
    OLD: "var(--old)",
    NEW: "var(--new)",
    NEVER: "var(--never)",
    GREEN: "var(--green)",
    PURPLE: "var(--purple)",
    SKY: "var(--sky)",
}
"""Inside the page each colour is one of the page's own, so that figures follow light and dark."""

SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.fonttype": "path",
}


DPI = 200
"""Dots per inch of PNG files, and of the measuring of text: hinted at fewer, letters are narrower and labels cut."""


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the house style; matplotlib's settings are as they were afterwards."""
    with mpl.rc_context(SETTINGS):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, size in inches, that draws itself without a screen and belongs to nobody else."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def share_axis(axes: Axes, label: str) -> None:
    """The vertical axis of a share: 0 to 100 %, with room for lines on the edge."""
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100 %"])
    axes.set_ylabel(label)


def save(figure: Figure, folder: Path, name: str) -> str:
    """Write `name`.png (200 dpi) and `name`.svg; give back the SVG as text. The same figure gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    png = BytesIO()
    with mpl.rc_context(SETTINGS | {"svg.hashsalt": name}):
        figure.draw_without_rendering()  # settles the layout once, instead of once a file
        figure.set_layout_engine("none")
        figure.savefig(png, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
        svg = StringIO()
        figure.savefig(svg, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    text = _steady(svg.getvalue())
    (folder / f"{name}.png").write_bytes(png.getvalue())
    (folder / f"{name}.svg").write_text(text, encoding="utf-8")
    return text


def _steady(svg: str) -> str:
    """The same text for the same figure, though the layout solver may change the last digit of any length.

    Clip paths get numbers for ids (theirs are hashes of lengths), and lengths of a point and more three decimals;
    the nudge keeps round halves, where most of the ties are, off the edge between two roundings.
    """
    for number, clip in enumerate(dict.fromkeys(re.findall(r'<clipPath id="(p[0-9a-f]+)"', svg))):
        svg = svg.replace(clip, f"clip-{number}")
    return re.sub(r"(?<![\d.])[1-9]\d*\.\d{4,}", lambda m: f"{float(m[0]) + 4e-6:.3f}", svg)


def inline_svg(svg: str, title: str, name: str) -> str:
    """The SVG for a page: no header, no background, the page's colours, a text alternative; its ids are made unique."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="patch_1">.*?</g>', "", body, count=1, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", body)
    for colour, variable in PAGE_COLOURS.items():
        body = body.replace(colour, variable)
    body = body.replace("#ffffff", "var(--paper)")
    head = re.match(r"<svg[^>]*>", body)
    box = re.search(r'viewBox="[^"]*"', head.group(0)) if head else None
    opened = f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {box.group(0) if box else ""} role="img"'
    return f"{opened} aria-label={_quoted(title)}>{body[head.end() if head else 0 :]}"


def _quoted(text: str) -> str:
    return '"' + text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;") + '"'
