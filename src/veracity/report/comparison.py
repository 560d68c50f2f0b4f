"""The report of a comparison: one self-contained HTML file, its figures and the items of disagreement beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from veracity import __version__
from veracity.metrics.comparison import Comparison, Pair
from veracity.report.comparison_figures import (
    differences_figure,
    flow_figure,
    reliability_figure,
    risk_coverage_figure,
)
from veracity.report.comparison_tables import answers_tables, claims_tables, differences_table, flow_table, verdict
from veracity.report.pictures import Picture, picture
from veracity.report.templating import page_templates
from veracity.store.atomic import atomic_file, atomic_write_text

if TYPE_CHECKING:
    from rich.console import Console

TEMPLATE = "comparison.v1.html.j2"
CAPTIONS = {
    "differences": (
        "What changed",
        "Change of each metric on shared items with its 95 % interval; filled where the difference remains after "
        "Holm’s correction. ↓: less is better.",
    ),
    "risk_coverage": (
        "Risk against coverage",
        "Errors among the answers that are kept when only the most confident are, against how many are kept. The dot "
        "is what the system chose to answer. A system that declines more adds something only where its dot lies below "
        "the other’s curve: that far, the other could have come by declining too.",
    ),
    "reliability": (
        "Reliability",
        "Share of right answers at each level of stated confidence; on the diagonal, confidence means what it says. "
        "Dots grow with the answers in their bin; lines are 95 % intervals.",
    ),
    "flow": (
        "Where the questions went",
        "Each question by what all its samples do. Bands that change class stand out from those that stay.",
    ),
}
"""Title and caption of each figure."""


def write_comparison(comparison: Comparison, folder: Path | str) -> Path:
    """Write `comparison.html`, `figures/` and `disagreements/*.parquet` into a folder and give back the page's path."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    pairs = [_shown(pair, comparison, number, place) for number, pair in enumerate(comparison.pairs, start=1)]
    systems = [comparison.pairs[0].first, *[pair.second for pair in comparison.pairs]]
    together = (("risk_coverage", risk_coverage_figure(systems)), ("reliability", reliability_figure(systems)))
    page = page_templates().get_template(TEMPLATE).render(
        systems=systems,
        pairs=pairs,
        pictures=list(_pictures(together, place / "figures", "")),
        objections=comparison.objections,
        version=__version__,
    )  # fmt: skip
    path = place / "comparison.html"
    atomic_write_text(path, page)
    return path


def print_comparison(comparison: Comparison, console: Console) -> None:
    """The same in a terminal: objections, and for each pair the sentence and the table."""
    from rich.padding import Padding
    from rich.table import Table as Grid
    from rich.text import Text

    for objection in comparison.objections:
        console.print(f"forced: {objection}", style="yellow", markup=False)
    for pair in comparison.pairs:
        console.print(Padding(Text(verdict(pair), style="bold"), (1, 0)))
        table = differences_table(pair, comparison)
        grid = Grid(box=None, header_style="bright_black", pad_edge=False, padding=(0, 2, 0, 0))
        for place, head in enumerate(table.header):
            grid.add_column(Text(head), justify="right" if place else "left", no_wrap=place != 1 and place != 2)
        for row, difference in zip(table.rows, pair.differences, strict=True):
            grid.add_row(*[Text(cell) for cell in row], style="bold" if difference.significant else None)
        console.print(grid)
        console.print(table.note, style="bright_black", markup=False)
        if pair.unshared:
            console.print(f"{pair.unshared} items are not in both and were left out.", style="bright_black")


def _shown(pair: Pair, comparison: Comparison, number: int, place: Path) -> dict[str, Any]:
    """Everything that the page says about a pair; its items of disagreement go to files."""
    names = pair.first.name, pair.second.name
    figures = [("differences", differences_figure(pair))]
    if pair.flow is not None:
        figures.append(("flow", flow_figure(pair.flow, *names)))
    items = []
    if pair.disagreements is not None:
        items += answers_tables(pair.disagreements, *names)
    if pair.claim_disagreements is not None:
        items += claims_tables(pair.claim_disagreements, *names)
    for what, frame in (("answers", pair.disagreements), ("claims", pair.claim_disagreements)):
        if frame is not None:
            (place / "disagreements").mkdir(exist_ok=True)
            with atomic_file(place / "disagreements" / f"{what}_{number}.parquet") as temporary:
                frame.write_parquet(temporary)
    return {
        "verdict": verdict(pair),
        "names": names,
        "shared": pair.shared,
        "unshared": pair.unshared,
        "table": differences_table(pair, comparison),
        "flow": flow_table(pair.flow, *names) if pair.flow is not None else None,
        "pictures": list(_pictures(figures, place / "figures", f"_{number}")),
        "items": items,
    }


def _pictures(figures: Any, folder: Path, suffix: str) -> Iterator[Picture]:
    figure: Figure | None
    for name, figure in figures:
        if figure is not None:
            yield picture(figure, folder, f"{name}{suffix}", *CAPTIONS[name])
