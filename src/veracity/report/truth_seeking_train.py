"""The report of a `truth-seeking-train` run: what was learnt from, and what held-out problems say of each model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.metric_names import metric_words
from veracity.metrics.wording import decimal, decimals, percent, share
from veracity.report.pictures import Picture, picture
from veracity.report.printing import print_headline, print_table, print_warning
from veracity.report.run_page import RunPage
from veracity.report.stored import stored_run
from veracity.report.tables import Table
from veracity.report.trained_table import with_trained
from veracity.report.truth_seeking_train_figure import change_figure
from veracity.store.run import RunFolder

if TYPE_CHECKING:
    from rich.console import Console

ARMS: Mapping[str, str] = {
    "start": "what all others come from",
    "sft": "the start, fine-tuned on the samples that were chosen",
    "few_shot": "the start, with chosen samples before every conversation, and no weight changed",
    "grpo": "the start, reinforced by the reward of its own answers",
}
"""What each model is, in words."""
FEW = 0.5
"""Share of readable answers below which a reader is warned."""
TITLE = "What training changed"
CAPTION = (
    "On the same held-out problems: each model less the start, with 95 % intervals; source items are resampled. Green: "
    "better by more than chance; orange: worse; grey: it cannot be told."
)


@dataclass(frozen=True)
class TrainContents:
    """What a run has so far."""

    folder: RunFolder
    estimates: Mapping[str, Estimate]
    tables: Mapping[str, pl.DataFrame]
    manifest: Mapping[str, Any]

    @property
    def metric(self) -> str:
        """The metric by which samples were chosen; empty where the run graded answers itself."""
        source = (self.manifest.get("recipe") or {}).get("source") or {}
        return str(source.get("metric", ""))

    def changes(self, measure: str) -> dict[str, Estimate]:
        """Model → its change against the start."""
        end = f": {measure} against start"
        return {name.removesuffix(end): one for name, one in self.estimates.items() if name.endswith(end)}


def write_truth_train_report(run_folder: Path) -> Path:
    """Write `report.html`; the page's path. StoreError if there is no such folder, or a table in it is damaged."""
    contents = _read(run_folder)
    path = contents.folder.path
    answers = contents.tables.get("test.answers")
    page = RunPage(
        kind="Training on truth-seeking",
        name=path.resolve().name,
        headline=headline(contents),
        intro=list(intro(contents)),
        warnings=[f"Warning: {one}" for one in warnings(contents)],
        pictures=_pictures(contents),
        tables=tables_of(contents),
        details=with_trained([] if answers is None else [status_table(answers)], path),
        manifest=contents.manifest,
        failures=contents.tables.get("failures"),
    )
    return page.write(path)


def print_truth_train_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `write_truth_train_report`."""
    contents = _read(run_folder)
    print_headline(headline(contents), console)
    for table in tables_of(contents):
        print_table(table, console)
    for warning in warnings(contents):
        print_warning(warning, console)


def headline(contents: TrainContents) -> str:
    """The best change of the reward, and of the metric that samples were chosen by; empty without either."""
    told = []
    for measure, name in (("reward", "the mean reward"), ("measured", metric_words(contents.metric))):
        if changes := contents.changes(measure):
            told.append(_best(name, changes))
    return " ".join(told)


def _best(name: str, changes: Mapping[str, Estimate]) -> str:
    down = next(iter(changes.values())).direction == "lower"
    best = max(changes, key=lambda arm: changes[arm].value * (-1 if down else 1))
    found, way = changes[best], ", lower being better" if down else ""
    said = f"{best} changes {name} on held-out problems by {_cell(found, plus=True)}{way}."
    better = found.ci_high < 0 if down else found.ci_low > 0
    return said if better else f"No model does better than the start by more than chance: at best, {said}"


def intro(contents: TrainContents) -> Iterator[str]:
    """What was done, and how to read a reward."""
    recipe = contents.manifest.get("recipe") or {}
    grader = str(recipe.get("grader", "python_brier"))
    if contents.metric:
        yield (
            f"Trajectories of the run {recipe['source']['run']} were ranked by {_metric(contents)}; the models below "
            "learnt from the best of them."
        )
    else:
        yield f"The start answered training problems{_asked(contents)}, and a grader rewarded each answer."
    brier = "a reward is −(1 − p)², p being the probability given to what happened: −0.25 for always saying one half"
    yield (
        f"Then every model answered {_tested(contents)}held-out problems, which share no source item with those. "
        f"The grader is {grader}"
        f"{f'; {brier}' if grader.startswith('python_brier') else ''}. One training each: intervals are over problems, "
        "not over trainings."
    )
    if arms := [f"{arm}: {ARMS[arm]}" for arm in _arms(contents) if arm in ARMS]:
        yield f"{'; '.join(arms)}."


def _asked(contents: TrainContents) -> str:
    samples = contents.tables.get("train.samples")
    if samples is None or not samples.height:
        return " several times"
    lost = samples["score"].null_count()
    return (
        f" ({samples['item'].n_unique():,} of them, {samples.height:,} answers, of which {lost:,} could not be graded "
        "and taught nothing)"
    )


def _tested(contents: TrainContents) -> str:
    answers = contents.tables.get("test.answers")
    return "" if answers is None else f"{answers['item'].n_unique():,} "


def warnings(contents: TrainContents) -> Iterator[str]:
    """That too little of some models can be read for their reward to mean anything."""
    found = {arm: contents.estimates.get(f"{arm}: readable") for arm in _arms(contents)}
    few = {arm: one.value for arm, one in found.items() if one is not None and one.value < FEW}
    if few:
        told = ", ".join(f"{arm} {share(value)}" for arm, value in few.items())
        yield (
            f"Fewer than half of the answers could be graded ({told}). Such a model's change says whether answers lost "
            f"or gained their form, not how well it forecasts.{_remedy(few)}"
        )


def tables_of(contents: TrainContents) -> list[Table]:
    """Rewards; the metric that samples were chosen by; what was learnt from. Those that there are."""
    found = [reward_table(contents)]
    if contents.changes("measured"):
        found.append(measured_table(contents))
    if (samples := contents.tables.get("train.samples")) is not None and samples.height:
        found.append(samples_table(samples))
    return found


def reward_table(contents: TrainContents) -> Table:
    """Each model, its change, how many of its answers could be graded, and their reward."""
    rows = []
    for arm in _arms(contents):
        change, readable, reward = (
            contents.estimates.get(f"{arm}: {name}") for name in ("reward against start", "readable", "reward")
        )
        rows.append([arm, _cell(change, plus=True), "–" if readable is None else percent(readable), _cell(reward)])
    header = ["", "change of the reward", "answers that could be graded", "reward of these"]
    note = (
        "The change is paired by problem; an answer without a grade counts there as the worst that was given, and is "
        "left out of the last column. So the two can differ where answers lose or gain their form."
    )
    return Table("Rewards on held-out problems", header, rows, note)


def measured_table(contents: TrainContents) -> Table:
    """Each model by the metric that samples were chosen by."""
    rows = [
        [arm, *[_cell(contents.estimates.get(f"{arm}: {m}")) for m in ("measured against start", "measured")]]
        for arm in _arms(contents)
    ]
    direction, words = next(iter(contents.changes("measured").values())).direction, metric_words(contents.metric)
    note = (
        f"{contents.metric}. {direction.capitalize()} is better. Changes are of problems of which both models "
        "have a value; a model without any has none."
    )
    return Table(f"{words[:1].upper()}{words[1:]} on held-out problems", ["", "change", "value"], rows, note)


def samples_table(samples: pl.DataFrame) -> Table:
    """How many samples each method took, and how much better they are than all."""
    taken = {
        "all samples": pl.lit(value=True),
        "sft learns from": pl.col("sft") == "training",
        "held back": pl.col("sft") == "validation",
        "few_shot shows": pl.col("example"),
    }
    rows = []
    for name, which in taken.items():
        own = samples.filter(which)
        scores = own["score"].drop_nulls().to_list()
        if own.height:
            shown = decimal(fmean(scores)) if scores else "–"
            rows.append([name, f"{own.height:,}", f"{own['item'].n_unique():,}", shown])
    direction = samples["direction"][0]
    note = f"Scores: of those that have one; {direction} is better. tables/train.samples.parquet holds every sample."
    return Table("What was learnt from", ["", "samples", "problems", "mean score"], rows, note)


def status_table(answers: pl.DataFrame) -> Table:
    """What became of the answers."""
    counted = answers.group_by("arm", "status", maintain_order=True).len()
    rows = [[str(arm), str(status).replace("_", " "), f"{n:,}"] for arm, status, n in counted.rows()]
    return Table("What became of the answers", ["", "status", "answers"], rows)


def _remedy(few: Mapping[str, float]) -> str:
    if "start" in few:
        return " Teach the start the form for longer (teacher), or give answers more tokens."
    if list(few) != ["few_shot"]:
        return ""
    return " A cold start with teacher.shots shows the form after examples, too, where the context has room for them."


def _metric(contents: TrainContents) -> str:
    words = metric_words(contents.metric)
    return words if words == contents.metric else f"{words} ({contents.metric})"


def _pictures(contents: TrainContents) -> list[Picture]:
    panels = {"reward": contents.changes("reward"), metric_words(contents.metric): contents.changes("measured")}
    if not (shown := {name: changes for name, changes in panels.items() if changes}):
        return []
    return [picture(change_figure(shown), contents.folder.path / "figures", "change", TITLE, CAPTION)]


def _arms(contents: TrainContents) -> list[str]:
    return list(dict.fromkeys(name.partition(": ")[0] for name in contents.estimates))


def _cell(estimate: Estimate | None, *, plus: bool = False) -> str:
    return "–" if estimate is None else decimals(estimate.value, estimate.ci_low, estimate.ci_high, plus=plus)


def _read(run_folder: Path) -> TrainContents:
    folder = stored_run(run_folder)
    wanted = {"test.answers", "train.samples", "failures"} & set(folder.tables())
    tables = {name: folder.read_table(name) for name in wanted}
    return TrainContents(folder, folder.estimates(), tables, folder.manifest() or {})
