"""The report of a `truth-seeking-train` run: rewards on held-out problems, before and after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from veracity.core.errors import StoreError
from veracity.core.estimate import Estimate
from veracity.report.tables import Table
from veracity.report.trained_table import with_trained
from veracity.report.training_page import TrainingPage
from veracity.store.run import RunFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

MEASURES = ("reward", "reward against start", "readable")


def write_truth_train_report(run_folder: Path) -> Path:
    """Write `report.html`; the page's path. StoreError if there is no such folder, or a table in it is damaged."""
    folder, estimates = _read(run_folder)
    tables = set(folder.tables())
    page = TrainingPage(
        kind="Training on truth-seeking",
        name=folder.path.resolve().name,
        headline=headline(estimates),
        intro=[
            "Every model answered held-out problems, which share no source item with those that were trained on. A "
            "reward of Brier is −(1 − p)², p being the probability of what happened: −¼ for always saying one half."
        ],
        tables=[reward_table(estimates)],
        details=with_trained(
            [status_table(folder.read_table("test.answers"))] if "test.answers" in tables else [], folder.path
        ),
        manifest=folder.manifest() or {},
        failures=folder.read_table("failures") if "failures" in tables else None,
    )
    return page.write(folder.path)


def print_truth_train_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `write_truth_train_report`."""
    from rich.table import Table as Grid

    _, estimates = _read(run_folder)
    table = reward_table(estimates)
    grid = Grid(*table.header, box=None, header_style="bright_black", pad_edge=False, padding=(0, 2, 0, 0))
    for row in table.rows:
        grid.add_row(*row)
    console.print(headline(estimates), style="bold", markup=False)
    console.print(grid)


def headline(estimates: Mapping[str, Estimate]) -> str:
    """The largest change; empty without one."""
    changes = {n.partition(": ")[0]: e for n, e in estimates.items() if n.endswith(": reward against start")}
    if not changes:
        return ""
    best = max(changes, key=lambda name: changes[name].value)
    return f"{best} changes the mean reward on held-out problems by {changes[best]:+.3f}."


def reward_table(estimates: Mapping[str, Estimate]) -> Table:
    """Each model's reward, its change, and how many of its answers could be graded."""
    arms = dict.fromkeys(name.partition(": ")[0] for name in estimates)
    rows = [[arm, *[_cell(estimates.get(f"{arm}: {measure}")) for measure in MEASURES]] for arm in arms]
    note = "The change is paired by problem; an answer without a grade counts there as the worst that was given."
    return Table("Rewards on held-out problems", ["", *MEASURES], rows, note)


def status_table(answers: pl.DataFrame) -> Table:
    """What became of the answers."""
    counted = answers.group_by("arm", "status", maintain_order=True).len()
    return Table(
        "What became of the answers", ["", "status", "answers"], [[a, s, f"{n:,}"] for a, s, n in counted.rows()]
    )


def _cell(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate:.3f}"


def _read(run_folder: Path) -> tuple[RunFolder, Mapping[str, Estimate]]:
    if not Path(run_folder).is_dir():
        raise StoreError(f"{run_folder}: there is no such run folder; `veracity runs` lists those there are")
    folder = RunFolder(run_folder)
    return folder, folder.estimates()
