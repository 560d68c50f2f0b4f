"""The report in a terminal: the same headline, the table of the main numbers, and the six checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from veracity.metrics.checks import few_seeds
from veracity.report.contents import read_contents
from veracity.report.headline import headline
from veracity.report.printing import print_checks, print_headline, print_table, without_intervals
from veracity.report.tables import main_table, moments

if TYPE_CHECKING:
    from rich.console import Console


def print_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `read_contents` does."""
    contents = read_contents(Path(run_folder))
    if contents.probes is None:
        console.print(f"{contents.name} has no probes yet, so there is nothing to conclude from it.", markup=False)
        return
    scored, probe = contents.scored, contents.recognised_by
    print_headline(headline(scored, probe), console)
    main = main_table(scored, probe, moments(scored, probe))
    print_table(without_intervals(main), console)
    console.print(f"{main.note} The intervals of this table are in the report.", style="bright_black")
    print_checks(contents.checks, console)
    if contents.checks and (caution := few_seeds(scored)):
        console.print(caution, style="bright_black")
