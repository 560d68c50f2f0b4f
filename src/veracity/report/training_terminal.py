"""Headline, tables and checks of an experiment that trains, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from veracity.metrics.checks import Check
from veracity.report.factuality_terminal import MARKS
from veracity.report.tables import Table

if TYPE_CHECKING:
    from rich.console import Console


def print_headline(text: str, console: Console) -> None:
    """The run in a few sentences, set apart."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text, style="bold"), (1, 0)))


def print_table(table: Table, console: Console) -> None:
    """A table with its intervals."""
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, header_style="bright_black", pad_edge=False, padding=(0, 2, 0, 0))
    for head in table.header:
        grid.add_column(head, justify="left" if head == table.header[0] else "right")
    for row in table.rows:
        grid.add_row(*[Text(cell) for cell in row])
    console.print(Text(table.title, style="bold"))
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
