"""A factuality run in a terminal: the headline, short answers, win rates, the judges, and the checks."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from veracity.metrics.judge_card import failing
from veracity.metrics.wording import percent
from veracity.report.factuality_contents import read_factuality
from veracity.report.factuality_headline import headline
from veracity.report.factuality_tables import card_table, confidence_table, short_table, win_table
from veracity.report.printing import print_checks, print_headline, print_nothing, print_table, without_intervals

if TYPE_CHECKING:
    from rich.console import Console


REASON = 240
"""Characters of a failure's reason that are shown."""


def print_factuality_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `read_factuality` does."""
    contents = read_factuality(Path(run_folder))
    if not contents.estimates:
        print_nothing(contents.name, console)
        return
    print_headline(headline(contents), console)
    for table in (short_table(contents), confidence_table(contents), card_table(contents)):
        if table is not None:
            print_table(without_intervals(table), console)
    if (wins := win_table(contents)) is not None:
        print_table(wins, console)
    console.print("All intervals and the scores of long answers are in the report.", style="bright_black")
    print_checks(contents.checks, console)
    failed = failing(contents.failures)
    for judge, share in failed.items():
        console.print(f"the {judge} failed on {percent(share)} of {share.n:,} rows", style="bold red", markup=False)
    lost = contents.tables.get("failures")
    if failed and lost is not None and lost.height:
        why = shorten(lost["reason"][0], REASON, placeholder=" …")
        console.print(f"the first of {lost.height:,} failures: {why}", style="red", markup=False, highlight=False)
