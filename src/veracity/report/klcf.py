"""The report of a KLCF run: one self-contained HTML file, its figure beside it, and the same in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from veracity.report.klcf_contents import KlcfContents, read_klcf
from veracity.report.klcf_figure import trade_figure
from veracity.report.klcf_tables import (
    arms_table,
    change_table,
    headline,
    latency_table,
    parts_table,
    verifier_table,
    warnings,
)
from veracity.report.pictures import Picture, picture
from veracity.report.printing import print_checks, print_headline, print_nothing, print_table, print_warning
from veracity.report.run_page import RunPage
from veracity.report.trained_table import with_trained

if TYPE_CHECKING:
    from rich.console import Console

TITLE = "What is known and said, and what of it is right"
CAPTION = (
    "Prompts outside the training, judged by a scorer that gave no reward. Up and to the right of the dotted lines is "
    "better than the start. Bars: 95 % intervals of the difference to the start, paired by prompt, people resampled."
)
INTRO = (
    "The base model wrote several texts on each prompt. A corpus verified their claims once; the supported ones are "
    "the prompt's checklist: what the model knows. From the same claims, two true ones for each false one, comes a "
    "truthfulness model.",
    "Then the model was reinforced (GRPO), without any retrieval, to state the list (recall), not to contradict it "
    "(precision), and to make claims that the truthfulness model believes. Ablations are rewarded for some of this.",
)


def write_klcf_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/` into the run folder and give back the page's path.

    Works on unfinished runs too. Raises StoreError if the folder does not exist or a table in it is damaged.
    """
    contents = read_klcf(Path(run_folder))
    tables = (arms_table(contents), change_table(contents), verifier_table(contents), parts_table(contents))
    details = (latency_table(contents), arms_table(contents, "never met, "))
    page = RunPage(
        kind="Reinforcing what a model knows",
        name=contents.name,
        headline=headline(contents),
        intro=INTRO,
        warnings=[f"Warning: {one}" for one in warnings(contents)],
        pictures=_pictures(contents, Path(run_folder) / "figures"),
        tables=[table for table in tables if table],
        checks=contents.checks,
        details=with_trained([table for table in details if table], Path(run_folder)),
        manifest=contents.manifest,
        failures=contents.tables.get("failures"),
    )
    return page.write(Path(run_folder))


def print_klcf_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `read_klcf` does."""
    contents = read_klcf(Path(run_folder))
    if not contents.estimates:
        print_nothing(contents.name, console)
        return
    print_headline(headline(contents), console)
    for table in (arms_table(contents), change_table(contents), verifier_table(contents), latency_table(contents)):
        if table is not None:
            print_table(table, console)
    for warning in warnings(contents):
        print_warning(warning, console)
    print_checks(contents.checks, console)


def _pictures(contents: KlcfContents, folder: Path) -> list[Picture]:
    if not contents.arms:
        return []
    return [picture(trade_figure(contents), folder, "recall-and-precision", TITLE, CAPTION)]
