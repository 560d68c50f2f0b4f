"""Headline, tables and checks of a run in a terminal, in the same words as on its page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from veracity.metrics.checks import Check
from veracity.report.tables import Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

MARKS = {True: ("✓ pass", "green"), False: ("✗ fail", "red"), None: ("– not measured", "bright_black")}


def print_headline(text: str, console: Console) -> None:
    """The run in a few sentences, set apart."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text, style="bold"), (1, 0)))


def print_nothing(name: str, console: Console) -> None:
    """That a run is not far enough to say anything."""
    console.print(f"{name} has no numbers yet, so there is nothing to conclude from it.", markup=False)


def print_warning(text: str, console: Console) -> None:
    """What makes the headline doubtful."""
    console.print(f"Warning: {text}", markup=False, style="yellow")


def print_table(table: Table, console: Console) -> None:
    """A table with its intervals, which go below their values where there is no room beside them."""
    from rich.text import Text

    grid = _grid(table, " [")
    if console.measure(grid, options=console.options.update(width=10_000)).maximum > console.width:
        grid = _grid(table, "\n[")
    console.print(Text(f"\n{table.title}", style="bold"))
    console.print(grid)


def print_checks(checks: Sequence[Check], console: Console) -> None:
    """Each check with its mark and what was found; nothing where there are none."""
    from rich.padding import Padding
    from rich.table import Table as Grid
    from rich.text import Text

    listed = Grid.grid(padding=(0, 2, 0, 0))
    listed.add_column(no_wrap=True)
    for check in checks:
        word, colour = MARKS[check.passed]
        listed.add_row(Text(word, style=f"bold {colour}"), Text.assemble((check.name, "bold"), "\n", check.sentence))
    if checks:
        console.print(Padding(listed, (1, 0)))


def _grid(table: Table, before_interval: str) -> Grid:
    """Names of rows and columns without their small print; columns to the right of the first are numbers."""
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, header_style="bright_black", pad_edge=False, padding=(0, 2, 0, 0))
    for place, head in enumerate(table.header):
        grid.add_column(head.partition("\n")[0], justify="right" if place else "left", vertical="top")
    for row in table.rows:
        name, *cells = row
        grid.add_row(Text(name.partition("\n")[0]), *[Text(cell.replace(" [", before_interval)) for cell in cells])
    return grid
