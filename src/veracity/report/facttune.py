"""The report of a FactTune run: one self-contained HTML file, its figure beside it, and the same in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from veracity.report.facttune_contents import FactTuneContents, read_facttune
from veracity.report.facttune_figures import facts_figure
from veracity.report.facttune_tables import arms_table, change_table, exposure_table, headline, pairs_table
from veracity.report.pictures import Picture, picture
from veracity.report.printing import print_checks, print_headline, print_nothing, print_table
from veracity.report.run_page import RunPage
from veracity.report.trained_table import with_trained

if TYPE_CHECKING:
    from rich.console import Console

TITLE = "Right and wrong facts"
CAPTION = (
    "Facts a text that are right and wrong, about people outside the pairs, judged by a scorer that gave no reward. Up "
    "and to the left is better; dotted lines have the same share of wrong facts. Filled: sampled as in training; open: "
    "greedy, or under a system prompt."
)
INTRO = (
    "A model wrote several texts about each of many people. An automatic estimate of truth scored each text; of two "
    "texts about a person, the one with the higher score is preferred. The model was first fine-tuned on all its texts "
    "(SFT) and then by direct preference optimization on the pairs.",
    "FactTune-FS scores a text by the share of its claims that a corpus supports. FactTune-MC needs no corpus: each "
    "claim becomes a question, and the more the model's own answers agree, the surer it is of the claim.",
)


def write_facttune_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/` into the run folder and give back the page's path.

    Works on unfinished runs too. Raises StoreError if the folder does not exist or a table in it is damaged.
    """
    contents = read_facttune(Path(run_folder))
    tables = (arms_table(contents), change_table(contents), exposure_table(contents))
    details = (arms_table(contents, "never met, "), pairs_table(contents))
    page = RunPage(
        kind="Fine-tuning for factuality",
        name=contents.name,
        headline=headline(contents),
        intro=INTRO,
        pictures=_pictures(contents, Path(run_folder) / "figures"),
        tables=[table for table in tables if table],
        checks=contents.checks,
        details=with_trained([table for table in details if table], Path(run_folder)),
        manifest=contents.manifest,
        failures=contents.tables.get("failures"),
    )
    return page.write(Path(run_folder))


def print_facttune_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `read_facttune` does."""
    contents = read_facttune(Path(run_folder))
    if not contents.estimates:
        print_nothing(contents.name, console)
        return
    print_headline(headline(contents), console)
    for table in (arms_table(contents), change_table(contents)):
        if table is not None:
            print_table(table, console)
    print_checks(contents.checks, console)


def _pictures(contents: FactTuneContents, folder: Path) -> list[Picture]:
    if not contents.arms:
        return []
    return [picture(facts_figure(contents.estimates, contents.arms), folder, "facts", TITLE, CAPTION)]
