"""The page of a `truthful-training` run: one self-contained HTML file, its figure, and the same in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from veracity.report.methods_contents import MethodsContents, read_methods
from veracity.report.methods_figure import methods_figure
from veracity.report.methods_tables import (
    about_table,
    change_table,
    drawn_table,
    headline,
    methods_table,
    short_table,
)
from veracity.report.pictures import Picture, picture
from veracity.report.printing import print_headline, print_nothing, print_table
from veracity.report.run_page import RunPage
from veracity.report.trained_table import with_trained

if TYPE_CHECKING:
    from rich.console import Console

TITLE = "All methods"
CAPTION = (
    "Above: facts a text, right ones against wrong ones; up and to the left is better. Below: short answers that are "
    "right against those that are declined; along a dotted line the share of wrong answers is the same, and up and to "
    "the right there are fewer. Grey: asked otherwise; blue: taught answers; orange: taught preferences; green: "
    "rewarded. Lines are 95 % intervals over entities."
)
INTRO = (
    "Every method learned from the same prompts, most of them from the same samples of the base model, scored by "
    "retrieval and rules. All were asked the same questions and for the same texts in the end, about entities that no "
    "training saw, and judged by look-up in the world, which gave no reward.",
    "One training a method: intervals say what other people and questions would change, not what another seed would. "
    "Settings of trainers are shared, not tuned for each method, so small differences are no ranking.",
)


def write_methods_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/` into the run folder and give back the page's path.

    Works on unfinished runs too. Raises StoreError if the folder does not exist or a table in it is damaged.
    """
    contents = read_methods(Path(run_folder))
    details = (change_table(contents), drawn_table(contents), about_table(contents))
    table = methods_table(contents)
    page = RunPage(
        kind="Training for truth",
        name=contents.name,
        headline=headline(contents),
        intro=INTRO,
        pictures=_pictures(contents, Path(run_folder) / "figures"),
        tables=[table] if table else [],
        details=with_trained([one for one in details if one], Path(run_folder)),
        manifest=contents.manifest,
        failures=contents.failures,
    )
    return page.write(Path(run_folder))


def print_methods_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `read_methods` does."""
    contents = read_methods(Path(run_folder))
    table = short_table(contents)
    if table is None:
        print_nothing(contents.name, console)
        return
    print_headline(headline(contents), console)
    print_table(table, console)


def _pictures(contents: MethodsContents, folder: Path) -> list[Picture]:
    if not contents.estimates:
        return []
    return [picture(methods_figure(contents.estimates, contents.methods), folder, "methods", TITLE, CAPTION)]
