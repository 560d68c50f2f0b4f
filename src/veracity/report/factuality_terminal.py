"""A factuality run in a terminal: the headline, short answers, win rates, the judges, and the checks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from veracity.metrics.judge_card import failing
from veracity.metrics.wording import percent
from veracity.report.factuality_contents import read_factuality
from veracity.report.factuality_headline import headline
from veracity.report.factuality_tables import card_table, confidence_table, short_table, win_table

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.report.tables import Table

REASON = 240
"""Characters of a failure's reason that are shown."""
MARKS = {True: ("✓ pass", "green"), False: ("✗ fail", "red"), None: ("– not measured", "bright_black")}


def print_factuality_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `read_factuality` does."""
    from rich.padding import Padding
    from rich.table import Table as Grid
    from rich.text import Text

    contents = read_factuality(Path(run_folder))
    if not contents.estimates:
        console.print(f"{contents.name} has no numbers yet, so there is nothing to conclude from it.", markup=False)
        return
    console.print(Padding(Text(headline(contents), style="bold"), (1, 0)))
    for table in (short_table(contents), confidence_table(contents), card_table(contents)):
        if table is not None:
            _print_table(_without_intervals(table), console)
    if (wins := win_table(contents)) is not None:
        _print_table(wins, console)
    console.print("All intervals and the scores of long answers are in the report.", style="bright_black")
    listed = Grid.grid(padding=(0, 2, 0, 0))
    listed.add_column(no_wrap=True)
    for check in contents.checks:
        word, colour = MARKS[check.passed]
        listed.add_row(Text(word, style=f"bold {colour}"), Text.assemble((check.name, "bold"), "\n", check.sentence))
    if contents.checks:
        console.print(Padding(listed, (1, 0)))
    failed = failing(contents.failures)
    for judge, share in failed.items():
        console.print(f"the {judge} failed on {percent(share)} of {share.n:,} rows", style="bold red", markup=False)
    lost = contents.tables.get("failures")
    if failed and lost is not None and lost.height:
        why = shorten(lost["reason"][0], REASON, placeholder=" …")
        console.print(f"the first of {lost.height:,} failures: {why}", style="red", markup=False, highlight=False)


def _without_intervals(table: Table) -> Table:
    """Values alone: there are so many columns that intervals would not fit."""
    return replace(table, rows=[[cell.split(" [")[0] for cell in row] for row in table.rows])


def _print_table(table: Table, console: Console) -> None:
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, header_style="bright_black", pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    for head in table.header:
        grid.add_column(head, justify="left" if head == table.header[0] else "right", no_wrap=True)
    for row in table.rows:
        grid.add_row(*[Text(cell) for cell in row])
    console.print(Text(table.title, style="bold"))
    console.print(grid)
