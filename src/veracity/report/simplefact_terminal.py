"""A `simplefact` run in a terminal: the headline, what training did, and the checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from veracity.report.factuality_terminal import MARKS
from veracity.report.simplefact import asked, headline
from veracity.report.simplefact_contents import read_simplefact
from veracity.report.simplefact_tables import break_even_table, change_table

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.report.tables import Table


def print_simplefact_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `read_simplefact` does."""
    from rich.padding import Padding
    from rich.table import Table as Grid
    from rich.text import Text

    contents = read_simplefact(Path(run_folder))
    if contents.proof is None:
        console.print(f"{contents.name} has no numbers yet, so there is nothing to conclude from it.", markup=False)
        return
    console.print(Padding(Text(headline(contents), style="bold"), (1, 0)))
    console.print(asked(contents), markup=False, style="bright_black")
    for table in (change_table(contents, "drawn"), change_table(contents, "greedy"), break_even_table(contents)):
        _print_table(table, console)
    listed = Grid.grid(padding=(0, 2, 0, 0))
    listed.add_column(no_wrap=True)
    for check in contents.checks:
        word, colour = MARKS[check.passed]
        listed.add_row(Text(word, style=f"bold {colour}"), Text.assemble((check.name, "bold"), "\n", check.sentence))
    console.print(Padding(listed, (1, 0)))


def _print_table(table: Table, console: Console) -> None:
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, header_style="bright_black", pad_edge=False, padding=(0, 2, 0, 0))
    for head in table.header:
        grid.add_column(head, justify="left" if head == table.header[0] else "right")
    for row in table.rows:
        grid.add_row(*[Text(cell) for cell in row])
    console.print(Text(f"\n{table.title}", style="bold"))
    console.print(grid)
