"""Writes findings: a tree of folders with tables, figures and files, and one page that shows and links them.

`<analyzer>/<algorithm>/<domain>/<mode>/<prompt>/<model>/` holds of a finding `finding.json` (title, notes, tables),
`tables/*.csv`, `figures/*.png` and `*.svg`, and its further files; `analysis.html` stands at the root.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from markupsafe import Markup

from veracity import __version__
from veracity.core.errors import DataError
from veracity.core.finding import ALL, Cell, Finding, ResultTable
from veracity.report.page import Picture
from veracity.report.plots import draw
from veracity.report.style import inline_svg, save
from veracity.report.tables import Table
from veracity.report.templating import page_templates
from veracity.store.atomic import atomic_write_text, storage_errors

TEMPLATE = "analysis.v1.html.j2"
SHOWN_ROWS = 25
"""Rows of a table on the page; all are in its CSV."""
SCALES = {"trajectory": "one trajectory", "run": "one run", "setup": "one setup", "across": "across setups"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding on the page."""

    title: str
    where: str
    folder: str
    tables: Sequence[Table]
    pictures: Sequence[Picture]
    notes: Sequence[str]
    files: Sequence[str]


def write_analysis(findings: Sequence[Finding], folder: Path | str, *, title: str = "Analysis") -> Path:
    """Write the tree and `analysis.html` into `folder`; the page's path.

    Raises:
        DataError: two findings have the same place.
        StoreError: the folder cannot be written.
    """
    root = Path(folder)
    places = [finding.folder for finding in findings]
    if twice := [place for place in places if places.count(place) > 1]:
        raise DataError("two findings belong there; give each its own place", path="/".join(twice[0]))
    with storage_errors(root):
        shown = [(finding.analyzer, _written(finding, number, root)) for number, finding in enumerate(findings)]
    by_analyzer: dict[str, list[Shown]] = {}
    for name, one in shown:
        by_analyzer.setdefault(name.replace("_", " "), []).append(one)
    page = page_templates().get_template(TEMPLATE).render(title=title, analyzers=by_analyzer, version=__version__)
    atomic_write_text(root / "analysis.html", page)
    return root / "analysis.html"


def table_of(table: ResultTable, *, rows: int | None = None) -> Table:
    """A result table in words, ready for a page; its first `rows` rows."""
    kept = table.rows if rows is None else table.rows[:rows]
    more = len(table.rows) - len(kept)
    note = f"{table.note} {more} more rows are in the file." if more else table.note
    return Table(table.title, table.header, [[words(c) for c in row] for row in kept], note.strip())


def words(value: Cell) -> str:
    """A cell as text: numbers with four significant digits, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def pictures(finding: Finding, folder: Path, prefix: str) -> list[Picture]:
    """The finding's plots, drawn into `folder` and ready for a page; `prefix` keeps their ids apart."""
    found = []
    for plot in finding.plots:
        figure = draw(plot)
        if figure is not None:
            svg = inline_svg(save(figure, folder, plot.name), f"{plot.title}. {plot.caption}", f"{prefix}-{plot.name}")
            found.append(Picture(f"{prefix}-{plot.name}", Markup(svg), plot.title, plot.caption))
    return found


def _written(finding: Finding, number: int, root: Path) -> Shown:
    folder = root.joinpath(*finding.folder)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_text(folder / "finding.json", json.dumps(_record(finding), indent=1, ensure_ascii=False) + "\n")
    for table in finding.tables:
        (folder / "tables").mkdir(exist_ok=True)
        atomic_write_text(folder / "tables" / f"{table.name}.csv", _csv(table))
    for name, text in finding.files.items():
        atomic_write_text(folder / name, text)
    return Shown(
        finding.title,
        " · ".join([SCALES[finding.scale], *(part for part in _named(finding) if part != ALL)]),
        "/".join(finding.folder),
        [table_of(table, rows=SHOWN_ROWS) for table in finding.tables],
        pictures(finding, folder / "figures", f"f{number}"),
        finding.notes,
        list(finding.files),
    )


def _named(finding: Finding) -> tuple[str, ...]:
    place = finding.place
    return place.algorithm, place.domain, place.mode, place.prompt, place.model


def _record(finding: Finding) -> dict[str, Any]:
    """The finding as plain data, without its plots and files."""
    place = dict(zip(("algorithm", "domain", "mode", "prompt", "model"), _named(finding), strict=True))
    tables = {
        table.name: {"title": table.title, "rows": table.records(), "note": table.note} for table in finding.tables
    }
    about = {"analyzer": finding.analyzer, "scale": finding.scale, "place": place, "title": finding.title}
    return about | {"notes": list(finding.notes), "tables": tables}


def _csv(table: ResultTable) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows(table.rows)
    return text.getvalue()
