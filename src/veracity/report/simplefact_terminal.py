"""A `simplefact` run in a terminal: the headline, what training did, and the checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from veracity.report.printing import print_checks, print_headline, print_nothing, print_table
from veracity.report.simplefact import asked, headline
from veracity.report.simplefact_contents import read_simplefact
from veracity.report.simplefact_tables import break_even_table, change_table

if TYPE_CHECKING:
    from rich.console import Console


def print_simplefact_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `read_simplefact` does."""
    contents = read_simplefact(Path(run_folder))
    if contents.proof is None:
        print_nothing(contents.name, console)
        return
    print_headline(headline(contents), console)
    console.print(asked(contents), markup=False, style="bright_black")
    for table in (change_table(contents, "drawn"), change_table(contents, "greedy"), break_even_table(contents)):
        print_table(table, console)
    print_checks(contents.checks, console)
