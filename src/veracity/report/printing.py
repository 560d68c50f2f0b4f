"""Headline, tables and checks of a run in a terminal, in the same words as on its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from veracity.metrics.checks import Check
from veracity.report.tables import Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

NAME, GAP = 20, 2
"""Characters that names of rows have at least, and those between columns."""
MARKS = {True: ("✓ pass", "green"), False: ("✗ fail", "red"), None: ("– not measured", "bright_black")}


def print_headline(text: str, console: Console) -> None:
    """The run in a few sentences, set apart."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text, style="bold"), (1, 0, 0, 0)))


def print_nothing(name: str, console: Console) -> None:
    """That a run is not far enough to say anything."""
    console.print(f"{name} has no numbers yet, so there is nothing to conclude from it.", markup=False)


def print_warning(text: str, console: Console) -> None:
    """What makes the headline doubtful."""
    console.print(f"Warning: {text}", markup=False, style="yellow")


def print_table(table: Table, console: Console) -> None:
    """A table with its intervals; below their values where there is no room beside them, and else without."""
    from rich.text import Text

    shown = table
    for shown in (table, _with_lines(table), without_intervals(table)):
        if _narrowest(shown) <= console.width:
            break
    console.print(Text(f"\n{table.title}", style="bold"))
    console.print(_grid(shown))
    if shown == without_intervals(table) != table:
        console.print("The intervals of this table are in the report.", style="bright_black")


def without_intervals(table: Table) -> Table:
    """Values alone, for a table of so many columns that intervals would not fit."""
    return replace(table, rows=[[cell.split(" [")[0] for cell in row] for row in table.rows])


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


def _with_lines(table: Table) -> Table:
    """Intervals on lines of their own."""
    return replace(table, rows=[[cell.replace(" [", "\n[") for cell in row] for row in table.rows])


def _narrowest(table: Table) -> int:
    """Characters that the table takes if names and heads are broken between words, and numbers are not."""
    widths = [NAME]
    for head, *cells in zip(table.header[1:], *[row[1:] for row in table.rows], strict=True):
        widths.append(max(map(len, [*head.partition("\n")[0].split(), *"\n".join(cells).split("\n")]), default=0))
    return sum(widths) + GAP * len(widths)


def _grid(table: Table) -> Grid:
    """Names of rows and columns without their small print; columns to the right of the first are numbers."""
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, header_style="bright_black", pad_edge=False, padding=(0, GAP, 0, 0))
    for place, head in enumerate(table.header):
        grid.add_column(head.partition("\n")[0], justify="right" if place else "left", vertical="top")
    for row in table.rows:
        grid.add_row(Text(row[0].partition("\n")[0]), *[Text(cell) for cell in row[1:]])
    return grid
