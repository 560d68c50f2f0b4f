"""Writes findings: a tree of folders with tables, figures and pages, and one page that shows what matters.

`<analyzer>/<algorithm>/<domain>/<mode>/<prompt>/<model>/` holds of a finding `index.html`, `finding.json` (title,
notes, tables), `tables/*.csv` and its further files; of those that are shown in full, `figures/*.png` and `*.svg`, too.
`analysis.html`, `analysis.css` and the list of all files stand at the root. All links are relative, so the folder can
be moved or packed. Pages name metrics in words; files and folders keep their identifiers.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from veracity import __version__
from veracity.core.errors import DataError
from veracity.core.finding import ALL, Cell, Finding, Overview, ResultTable
from veracity.metrics.metric_names import variant_words
from veracity.report.analysis_files import list_files, remove_earlier
from veracity.report.page import Picture
from veracity.report.plots import draw
from veracity.report.style import inline_svg, save
from veracity.report.tables import Table
from veracity.report.templating import page_templates
from veracity.store.atomic import atomic_write_text, storage_errors

TEMPLATE = "analysis.v1.html.j2"
FINDING_TEMPLATE = "analysis_finding.v1.html.j2"
SHOWN_ROWS = 15
"""Rows of a table on the page."""
LISTED_ROWS = 300
"""Rows of a table on the finding's own page; all are in its CSV."""
INLINE = 2
"""Figures of an analyzer that stand in the page itself; the others are loaded from the tree when they are opened."""
METRIC_COLUMNS = ("metric", "algorithm", "first", "second")
"""Columns of result tables that hold metrics."""
SCALES = {"trajectory": "one trajectory", "run": "one run", "setup": "one setup", "across": "across setups"}
Progress = Callable[[str], None]
"""Told what is being done."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure in the tree."""

    path: str
    """Below the finding's folder, as a link."""
    svg: str
    title: str
    caption: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding on the page."""

    title: str
    where: str
    answer: str
    folder: str
    """As a link from the page."""
    tables: Sequence[Table]
    drawn: Sequence[Drawn]
    notes: Sequence[str]
    files: Sequence[str]


@dataclass(frozen=True, slots=True)
class Section:
    """What the page says of one analyzer."""

    anchor: str
    name: str
    question: str
    answers: Sequence[str]
    table: Table | None
    pictures: Sequence[Picture]
    shown: Sequence[Shown]
    others: Sequence[Shown]


def write_analysis(
    parts: Sequence[Overview],
    folder: Path | str,
    *,
    title: str = "Analysis",
    every_figure: bool = False,
    progress: Progress = lambda _: None,
) -> Path:
    """Write the tree and `analysis.html` into `folder`, in place of an earlier analysis there; the page's path.

    Of what was in the folder only files that an earlier analysis wrote, by its own list, are taken away.

    Args:
        parts: What each analyzer found, in the order of reading.
        folder: Root of the tree; made if it does not exist.
        title: Heading of the page.
        every_figure: Draw the findings that are not shown in full, too.
        progress: Told which analyzer is being written.

    Raises:
        DataError: two findings have the same place.
        StoreError: the folder cannot be written.
    """
    root = Path(folder)
    seen: set[tuple[str, ...]] = set()
    for finding in (one for part in parts for one in part.findings):
        if finding.folder in seen:
            raise DataError("two findings belong there; give each its own place", path="/".join(finding.folder))
        seen.add(finding.folder)
    sections = []
    templates = page_templates()
    with storage_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        remove_earlier(root)
        list_files(root, ("analysis.css", "analysis.html"))
        for part in parts:
            progress(f"drawing and writing {part.analyzer.replace('_', ' ')}")
            sections.append(_section(part, root, templates, every_figure))
        _write(root / "analysis.css", templates.get_template("page.css").render())
        page = templates.get_template(TEMPLATE).render(title=title, sections=sections, version=__version__)
        atomic_write_text(root / "analysis.html", page)
    return root / "analysis.html"


def table_of(table: ResultTable, *, rows: int | None = None) -> Table:
    """A result table in words, ready for a page; its first `rows` rows."""
    kept = table.rows if rows is None else table.rows[:rows]
    more = len(table.rows) - len(kept)
    note = f"{table.note} {more} more rows are in the file." if more else table.note
    told = [
        [variant_words(str(c)) if h in METRIC_COLUMNS else words(c) for h, c in zip(table.header, row, strict=True)]
        for row in kept
    ]
    return Table(table.title, table.header, told, note.strip())


def words(value: Cell) -> str:
    """A cell as text: numbers with three significant digits and a real minus sign, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        told = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
        return told.replace("-", "−") if "e" not in told else told
    return str(value)


def _section(part: Overview, root: Path, templates: Environment, every_figure: bool) -> Section:
    shown = [_written(finding, root, templates, figures=True) for finding in part.shown]
    others = [_written(finding, root, templates, figures=every_figure) for finding in part.others]
    first = [(one, one.drawn[0]) for one in shown if one.drawn][:INLINE]
    pictures = [_inline(one, drawn, f"{part.analyzer}-{place}") for place, (one, drawn) in enumerate(first)]
    table = table_of(part.table) if part.table is not None else None
    anchor = part.analyzer.replace("_", "-")
    return Section(
        anchor, _name(part.analyzer), part.question, part.answers, table, pictures, shown, others
    )  # fmt: skip


def _name(analyzer: str) -> str:
    words = analyzer.replace("_", " ")
    return words[:1].upper() + words[1:]


def _inline(one: Shown, drawn: Drawn, name: str) -> Picture:
    """A figure for the page itself, which follows light and dark."""
    title = f"{drawn.title}: {one.title}"
    return Picture(name, Markup(inline_svg(drawn.svg, f"{title}. {drawn.caption}", name)), title, drawn.caption)


def _written(finding: Finding, root: Path, templates: Environment, *, figures: bool) -> Shown:
    """Everything of a finding, in its folder."""
    folder = root.joinpath(*finding.folder)
    folder.mkdir(parents=True, exist_ok=True)
    list_files(root, ("/".join((*finding.folder, name)) for name in _files(finding, figures)))
    _write(folder / "finding.json", json.dumps(_record(finding), indent=1, ensure_ascii=False) + "\n")
    for table in finding.tables:
        (folder / "tables").mkdir(exist_ok=True)
        _write(folder / "tables" / f"{table.name}.csv", _csv(table))
    for name, text in finding.files.items():
        _write(folder / name, text)
    drawn = list(_drawn(finding, folder)) if figures else []
    shown = Shown(
        finding.title, _where(finding), finding.answer, "/".join(finding.folder),
        [table_of(table, rows=SHOWN_ROWS) for table in finding.tables], drawn, finding.notes, list(finding.files),
    )  # fmt: skip
    _write(folder / "index.html", _page(finding, shown, templates))
    return shown


def _files(finding: Finding, figures: bool) -> list[str]:
    """Names of all that is written of a finding, below its folder."""
    drawn = [f"figures/{plot.name}.{kind}" for plot in finding.plots for kind in ("png", "svg")] if figures else []
    tables = [f"tables/{table.name}.csv" for table in finding.tables]
    return ["finding.json", "index.html", *tables, *finding.files, *drawn]


def _where(finding: Finding) -> str:
    """The small print of a title: scale, place, and the metric's identifier where the title has it in words."""
    algorithm, *place = _named(finding)
    told = [SCALES[finding.scale], *(part for part in place if part not in (ALL, "none"))]
    if algorithm != ALL and algorithm not in finding.title:
        told.append(algorithm.replace("~", " ~ "))
    return " · ".join(told)


def _page(finding: Finding, shown: Shown, templates: Environment) -> str:
    tables = [(f"tables/{table.name}.csv", table_of(table, rows=LISTED_ROWS)) for table in finding.tables]
    up = "../" * len(finding.folder)
    about = {"up": up, "anchor": finding.analyzer.replace("_", "-"), "analyzer": _name(finding.analyzer)}
    return templates.get_template(FINDING_TEMPLATE).render(finding=shown, tables=tables, **about)


def _write(path: Path, text: str) -> None:
    """Without the care that data gets: all of the tree can be made again, and only its page is written last."""
    path.write_text(text, encoding="utf-8", newline="")


def _drawn(finding: Finding, folder: Path) -> Iterable[Drawn]:
    for plot in finding.plots:
        figure = draw(plot)
        if figure is not None:
            svg = save(figure, folder / "figures", plot.name)
            yield Drawn(f"figures/{plot.name}.svg", svg, plot.title, plot.caption)


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
    return about | {"answer": finding.answer, "notes": list(finding.notes), "tables": tables}


def _csv(table: ResultTable) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows(table.rows)
    return text.getvalue()
