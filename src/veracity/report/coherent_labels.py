"""The report of a `coherent-labels` run: how near labels come to the truth, and how each search went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.wording import percent, share
from veracity.report.coherent_labels_figure import labels_figure
from veracity.report.pictures import Picture, picture
from veracity.report.printing import print_headline, print_table
from veracity.report.run_page import RunPage
from veracity.report.stored import stored_run
from veracity.report.tables import Table
from veracity.store.run import RunFolder

if TYPE_CHECKING:
    from rich.console import Console

METHODS = {
    "zero_shot": "no examples",
    "random_examples": "random examples",
    "bootstrapped": "own labels as examples",
    "coherent": "coherent labels",
    "coherent, best utility": "coherent labels, best search",
    "gold_examples": "true examples",
}
ACCURACY, FLIPPED = "accuracy", "accuracy up to the flip"
LONGEST, SEEDS = "agreement with the longest answer up to the flip", "agreement between seeds up to the flip"
GAP = "share of the gold gap"
TITLE = "Labels against the truth, and utility along each search"
CAPTION = (
    "Left: accuracy up to the flip with 95 % intervals by source item (filled), agreement with a salient feature that "
    "is not the truth, the longest answer (open), and what chance gives (tick). Right: utility, a line a "
    "search; 0 is as predictable as can be."
)
INTRO = (
    "Each statement is a question with an answer, true or false. Coherent labels (internal coherence maximisation, Wen "
    "et al., 2025) are those that a model predicts best from one another; no truth goes into them. Truth is known here "
    "and used for these scores, and for the examples of the row true examples.",
    "Labels and their exact opposite are equally coherent, so a search cannot know which word is the true one. "
    "Accuracy is told as labels stand, and up to the flip: each labelling the way round that is nearer the truth. That "
    "is above one half by chance; the column chance says how far, if a coin said of each problem whether its labels "
    "are better or worse than the same ones dealt out anew among its statements. "
    "Intervals are over source items of problems, for the seeds of this run; seeds are shown one by one below.",
    "Coherence is not accuracy: whatever a model can infer from labels in a context, and is salient enough, is "
    "coherent. Searches that end in different labels are a sign of it that needs no truth; their utility is none. "
    "Compare with a known truth before labels are trained on. They are in the run's folder training/, with "
    "their accuracy beside them.",
)


@dataclass(frozen=True)
class LabelsContents:
    """A run, ready to be reported."""

    folder: RunFolder
    estimates: Mapping[str, Estimate]
    tables: Mapping[str, pl.DataFrame]

    @property
    def models(self) -> list[str]:
        """In the order of the labels table."""
        return list(self.tables["labels"]["model"].unique(maintain_order=True)) if "labels" in self.tables else []

    def of(self, model: str, method: str, measure: str) -> Estimate | None:
        """An estimate; None where there is none."""
        return self.estimates.get(f"{model}, {method}: {measure}")

    def methods(self, model: str) -> list[str]:
        """Those with an accuracy, in the order of reports."""
        return [method for method in METHODS if self.of(model, method, FLIPPED) or self.of(model, method, SEEDS)]


def read_labels(run_folder: Path) -> LabelsContents:
    """What the folder holds. StoreError if there is no such folder, or a table in it is damaged."""
    folder = stored_run(run_folder)
    names = set(folder.tables()) & {"labels", "searches", "utilities", "failures"}
    return LabelsContents(folder, folder.estimates(), {name: folder.read_table(name) for name in names})


def write_labels_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/`; the page's path. Raises StoreError as `read_labels` does."""
    contents = read_labels(run_folder)
    folder = contents.folder
    page = RunPage(
        kind="Labels by coherence",
        name=folder.path.resolve().name,
        headline=headline(contents),
        intro=[*INTRO, *_counted(contents)],
        pictures=_pictures(contents),
        tables=[labels_table(contents)] if contents.models else [],
        details=[seeds_table(contents), status_table(contents)] if contents.models else [],
        manifest=folder.manifest() or {},
        failures=contents.tables.get("failures"),
    )
    return page.write(folder.path)


def print_labels_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `read_labels` does."""
    contents = read_labels(run_folder)
    if not contents.estimates:
        console.print(f"{contents.folder.path.name} has no labels yet.", markup=False)
        return
    print_headline(headline(contents), console)
    print_table(labels_table(contents, short=True), console)
    console.print(f"labels to train on: {contents.folder.path / 'training'}", markup=False, highlight=False)


def _counted(contents: LabelsContents) -> Iterator[str]:
    """How many statements there were, and how many labels there are not."""
    labels = contents.tables.get("labels")
    if labels is not None and labels.height:
        yield (
            f"{labels['statement'].n_unique():,} statements of {labels['item'].n_unique():,} problems. Left out: "
            f"{labels['label'].null_count():,} of {labels.height:,} labels, which are missing or undecided."
        )


def headline(contents: LabelsContents) -> str:
    """One sentence a model: coherent labels beside no examples and true ones."""
    told = []
    for model in contents.models:
        own = contents.of(model, "coherent", FLIPPED)
        if own is None:
            told.append(f"{model}: no search was finished.")
            continue
        others = [("no examples", "zero_shot"), ("true examples", "gold_examples")]
        beside = [f"{share(e.value)} with {n}" for n, m in others if (e := contents.of(model, m, FLIPPED))]
        longer = contents.of(model, "coherent", LONGEST)
        length = f"; they follow the longest answer in {share(longer.value)}" if longer and _longer(own, longer) else ""
        seeds = contents.of(model, "coherent", SEEDS)
        alike = f"; searches agree with one another in {share(seeds.value)}" if seeds else ""
        shown = f" ({', '.join(beside)})" if beside else ""
        told.append(f"{model}: coherent labels agree with the truth on {percent(own)}{shown}{length}{alike}.")
    return f"{' '.join(told)} Shares are up to the flip, where chance is above one half: see below." if told else ""


def labels_table(contents: LabelsContents, *, short: bool = False) -> Table:
    """A row a model and method."""
    header = ["", ACCURACY, "up to the flip", "chance", "longest answer"]
    header += [] if short else ["seeds agree", "gold gap closed"]
    rows = []
    for model in contents.models:
        for method in contents.methods(model):
            found = [contents.of(model, method, measure) for measure in (ACCURACY, FLIPPED, LONGEST, SEEDS, GAP)]
            accuracy, flipped, longest, seeds, gap = found
            chance = "–" if flipped is None or flipped.null is None else share(flipped.null)
            row = [f"{model}, {METHODS[method]}", _cell(accuracy), _cell(flipped), chance, _cell(longest)]
            rows.append(row if short else [*row, _cell(seeds), _cell(gap)])
    note = (
        "chance: of accuracy up to the flip. longest answer: agreement with having the longest answer of its problem, "
        "up to the flip. gold gap closed: of the way from no examples to true ones, where that is 20 points or more."
    )
    return Table("How near labels come to the truth", header, rows, note)


def seeds_table(contents: LabelsContents) -> Table:
    """A row a search: its utility, and how its labels agree with the truth and with length."""
    own = contents.tables["labels"].filter(pl.col("method") == "coherent")
    same = [
        (pl.col("label") == pl.col(name)).mean().alias(f"same {name}")  # unknown ones are left out
        for name in ("truth", "longer")
    ]
    by_search = own.group_by("model", "seed", maintain_order=True).agg(
        *same, labels=pl.col("label").count(), true=pl.col("label").mean()
    )
    joined = by_search.join(contents.tables["searches"], on=["model", "seed"], how="left", maintain_order="left")
    rows = [
        [f"{r['model']}, seed {r['seed']}", _number(r["utility"]), *(str(r[n] or 0) for n in ("labelled", "labels")),
         str(r["accepted"] or 0),
         *("–" if r[n] is None else share(r[n]) for n in ("true", "same truth", "same longer"))]
        for r in joined.iter_rows(named=True)
    ]  # fmt: skip
    header = ["", "utility", "labelled by search", "labelled in all", "steps taken", "called true", "as the truth",
              "as the longest"]  # fmt: skip
    note = (
        "Agreement of 0 % is as good as 100 %: the same labels, with the words exchanged. Greater utility is more "
        "coherent. One word for nearly all is coherent, too, and says nothing."
    )
    return Table("Every search", header, rows, note)


def status_table(contents: LabelsContents) -> Table:
    """What became of the labels."""
    counted = contents.tables["labels"].group_by("model", "method", "status", maintain_order=True).len()
    rows = [
        [f"{model}, {METHODS[method]}", str(status).replace("_", " "), f"{n:,}"]
        for model, method, status, n in counted.rows()
    ]
    note = "completed: labelled from what a search found. unlabelled: left out by a search. undecided: even odds."
    return Table("What became of the labels", ["", "status", "labels"], rows, note)


def _pictures(contents: LabelsContents) -> list[Picture]:
    if not contents.estimates or "utilities" not in contents.tables:
        return []
    shown = {
        (model, METHODS[method]): (contents.of(model, method, FLIPPED), contents.of(model, method, LONGEST))
        for model in contents.models
        for method in contents.methods(model)
        if method != "coherent, best utility"
    }
    return [
        picture(
            labels_figure(shown, contents.tables["utilities"]),
            contents.folder.path / "figures",
            "labels",
            TITLE,
            CAPTION,
        )
    ]


def _longer(own: Estimate, longer: Estimate) -> bool:
    """Whether labels are nearer to length than to the truth, and that is more than chance."""
    return longer.value > own.value and longer.null is not None and longer.ci_low > longer.null


def _cell(estimate: Estimate | None) -> str:
    return "–" if estimate is None else percent(estimate)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}".replace("-", "−")
