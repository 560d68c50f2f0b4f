"""The report in a terminal: the same headline, the table of the main numbers, and the six checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from veracity.metrics.checks import few_seeds
from veracity.report.contents import read_contents
from veracity.report.headline import headline
from veracity.report.printing import print_checks, print_headline
from veracity.report.tables import main_table, moments

if TYPE_CHECKING:
    from rich.console import Console


def print_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `read_contents` does."""
    from rich.table import Table
    from rich.text import Text

    contents = read_contents(Path(run_folder))
    if contents.probes is None:
        console.print(f"{contents.name} has no probes yet, so there is nothing to conclude from it.", markup=False)
        return
    scored, probe = contents.scored, contents.recognised_by
    print_headline(headline(scored, probe), console)
    main = main_table(scored, probe, moments(scored, probe))
    table = Table(box=None, header_style="bright_black", pad_edge=False, padding=(0, 2, 0, 0))
    for head in main.header:
        table.add_column(head.replace(", ", "\n"), justify="right" if head else "left", no_wrap=True)
    for row in main.rows:
        table.add_row(*[Text(cell.split(" [")[0]) for cell in row])
    console.print(table)
    console.print(f"{main.note} The intervals of this table are in the report.", style="bright_black")
    print_checks(contents.checks, console)
    if contents.checks and (caution := few_seeds(scored)):
        console.print(caution, style="bright_black")
