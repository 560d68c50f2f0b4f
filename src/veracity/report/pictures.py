"""A figure in a page: drawn once, kept beside the page as PNG and SVG."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from veracity.report.style import inline_svg, save


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure in the page."""

    name: str
    svg: Markup
    title: str
    caption: str


def picture(figure: Figure, folder: Path, name: str, title: str, caption: str) -> Picture:
    """The figure for a page, with its title and caption as the text that stands for it; its files go to `folder`."""
    return Picture(name, Markup(inline_svg(save(figure, folder, name), f"{title}. {caption}", name)), title, caption)
