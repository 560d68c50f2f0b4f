"""The report of a truth-seeking run: one self-contained page with its figures, and the same in short for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from veracity.judging.qualitative import same_family
from veracity.report.pictures import Picture, picture
from veracity.report.printing import print_headline, print_nothing, print_table, print_warning
from veracity.report.run_page import RunPage
from veracity.report.tables import Table
from veracity.report.truth_seeking_contents import TruthSeekingContents, read_truth_seeking
from veracity.report.truth_seeking_figures import figures_of

if TYPE_CHECKING:
    from rich.console import Console

MAIN = (
    "truth_accuracy.brier.eventual",
    "truth_accuracy.brier.difference",
    "truth_accuracy.skill.eventual",
    "martingale.loss",
    "martingale.slope.iv",
    "martingale.slope.ols",
    "sycophancy.opinion.loss",
    "sycophancy.flip",
    "sycophancy.iq.loss",
    "pressure.turns_held",
    "pressure.yielded",
    "mutual_predictability.uplift_per_token_controlled",
    "mutual_predictability.content",
    "world_in_the_loop.outcome",
    "world_in_the_loop.outcome_controlled",
    "qualitative.overall",
    "qualitative.at_equal_length",
    "qualitative.length_slope",
)
"""Scores that stand on the first table; those of graders too."""


def write_truth_seeking_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/` into the run folder; the page's path.

    Works on unfinished runs too: what is missing is not shown. Raises StoreError if there is no such folder, or a table
    in it is damaged.
    """
    contents = read_truth_seeking(Path(run_folder))
    page = RunPage(
        kind="Truth-seeking",
        name=contents.name,
        headline=headline(contents),
        intro=list(_intro(contents)),
        pictures=list(_pictures(contents, Path(run_folder) / "figures")),
        tables=list(tables_of(contents)),
        details=list(_details(contents)),
        manifest=contents.manifest,
        failures=contents.tables.get("failures"),
    )
    return page.write(Path(run_folder))


def print_truth_seeking_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. Raises StoreError as `write_truth_seeking_report` does."""
    contents = read_truth_seeking(Path(run_folder))
    if contents.scores is None:
        print_nothing(contents.name, console)
        return
    print_headline(headline(contents), console)
    for warning in (*_fewer(contents), *unread(contents), *kin(contents)):
        print_warning(warning, console)
    for table in tables_of(contents):
        print_table(table, console)


def headline(contents: TruthSeekingContents) -> str:
    """What a reader should take away: the panel where there is one, else the losses; empty without scores."""
    panel = contents.tables.get("panel")
    if panel is not None and panel.height:
        counts = dict(panel["verdict"].value_counts().iter_rows())
        below = panel.filter(pl.col("verdict") == "below").height
        name = contents.short(panel["reference"][0]).partition(" · ")[0]
        others = panel["other"].n_unique()
        return (
            f"Of {panel.height} comparisons with {others} others, {name} is better in {counts.get('above', 0)}, "
            f"not told apart in {counts.get('not_told_apart', 0)} and worse in {below}; in "
            f"{counts.get('no_number', 0)} the other has no number."
        )
    if contents.scores is None:
        return ""
    best = contents.scores.filter((pl.col("metric") == MAIN[0]) & (pl.col("state") == "ok")).sort("value")
    if not best.height:
        return f"{len(contents.cells)} systems were measured; the tables say what was found."
    row = best.row(0, named=True)
    return f"The lowest Brier loss is {_interval(row)}, of {contents.short(row['arm'])} on {row['domain']}."


def tables_of(contents: TruthSeekingContents) -> Iterator[Table]:
    """The scores of every arm, one table a domain, and the panel."""
    if contents.scores is None:
        return
    for (domain,), own in contents.scores.group_by("domain", maintain_order=True):
        main = own.filter(pl.col("metric").is_in(MAIN) | pl.col("metric").str.starts_with("grader."))
        note = "Excluded rows are those without a value; the last column says why. No number stands for a failure."
        yield Table(
            f"Scores on {domain}", HEADER, [_score_row(contents, row) for row in main.iter_rows(named=True)], note
        )
    panel = contents.tables.get("panel")
    if panel is not None and panel.height:
        yield _panel_table(contents, panel)
    checks = contents.tables.get("qualitative_checks")
    if checks is not None and checks.height:
        yield _checks_table(checks.filter((pl.col("check") != "double_scoring") | (pl.col("of") == "overall")))


HEADER = ("", "metric", "value [95 %]", "better", "no effect", "rows", "sources", "excluded", "statuses")


def _score_row(contents: TruthSeekingContents, row: dict[str, Any]) -> list[str]:
    statuses = {one["status"]: one["rows"] for one in row["statuses"] or ()}
    lost = sum(count for status, count in statuses.items() if status != "ok")
    said = ", ".join(f"{count:,} {status}" for status, count in statuses.items()) or "–"
    value = _interval(row) if row["value"] is not None else str(row["state"]).replace("_", " ")
    null = "–" if row["null"] is None else f"{row['null']:.3g}"
    counts = [f"{row['n']:,}", f"{row['clusters']:,}", f"{lost:,}" if statuses else "–"]
    return [contents.short(row["arm"]), row["metric"], value, row["direction"] or "–", null, *counts, said]


def _interval(row: dict[str, Any]) -> str:
    ends = [row["ci_low"], row["ci_high"]]
    told = "" if None in ends else f" [{ends[0]:.3f}, {ends[1]:.3f}]"
    return f"{row['value']:.3f}{told}"


def _panel_table(contents: TruthSeekingContents, panel: pl.DataFrame) -> Table:
    rows = [
        [
            contents.short(row["other"]),
            row["metric"],
            str(row["verdict"]).replace("_", " "),
            "–" if row["value"] is None else _interval(row),
            "–" if row["detectable"] is None else f"{row['detectable']:.3f}",
            {True: "yes", False: "no", None: "–"}[row["overlap"]],
        ]
        for row in panel.iter_rows(named=True)
    ]
    header = ("", "metric", "reference is", "paired difference [95 %]", "detectable", "own intervals overlap")
    note = (
        "Paired by problem, signed so that above 0 the reference does better. Differences below the detectable one "
        "(80 % power) may well be missed; equal beliefs differ by 0."
    )
    return Table(f"{contents.short(panel['reference'][0])} against the others", header, rows, note)


def _checks_table(checks: pl.DataFrame) -> Table:
    """What the qualitative judge's scores rest on."""
    rows = [
        [
            CHECK_WORDS.get(row["check"], row["check"]),
            row["told"],
            row["of"],
            "–" if row["value"] is None else _interval(row),
            "–" if row["null"] is None else f"{row['null']:.3g}",
            f"{row['n']:,}",
            f"{row['clusters']:,}",
            row["reason"] or "–",
        ]
        for row in checks.iter_rows(named=True)
    ]
    header = ("check", "", "of", "value [95 %]", "no effect", "n", "sources", "lost, or why no number")
    note = (
        "Over all systems; scores run from 0 to 1. Swapped, the same two cases stand in the other order: a judge that "
        "weighs them changes no more than when it is asked again. α is 1 for raters who agree and 0 for chance; below "
        ".667 conclusions from scores are not safe (Krippendorff)."
    )
    return Table("How far to trust the qualitative judge", header, rows, note)


CHECK_WORDS = {
    "readable": "readable",
    "noise": "asked again",
    "swap": "cases swapped",
    "double_scoring": "scored twice",
}
"""Checks of the qualitative judge, as the page calls them."""


def _intro(contents: TruthSeekingContents) -> Iterator[str]:
    trajectories, beliefs = contents.tables.get("trajectories"), contents.tables.get("beliefs")
    if trajectories is not None:
        failed = trajectories.filter(pl.col("status") == "request_failed").height
        items = trajectories.select("domain", "item").n_unique()
        arms = trajectories["arm"].n_unique()
        yield (
            f"{trajectories.height:,} trajectories of {items:,} problems by {arms} systems (model, prompt, mode); "
            f"{failed:,} could not be had."
        )
        yield from _fewer(contents)
    if beliefs is not None and beliefs.height:
        counted = ", ".join(f"{n:,} {status}" for status, n in sorted(beliefs["status"].value_counts().iter_rows()))
        yield f"{beliefs.height:,} readings of beliefs, always of the first option in canonical order: {counted}."
    yield from kin(contents)


def _fewer(contents: TruthSeekingContents) -> Iterator[str]:
    """That a domain has fewer problems here than were asked for, as where `resume` lets nobody make the others."""
    wanted = (contents.recipe.get("eval") or {}).get("n")
    rows = contents.tables.get("metric_rows")
    if rows is None:  # stored trajectories may be of other settings, too
        return
    for domain, items in rows.group_by("domain", maintain_order=True).agg(pl.col("item").n_unique()).rows():
        if wanted is not None and items < wanted:
            yield f"{domain}: {items:,} of the {wanted:,} problems that eval.n asks for are here; resume made no more."


def unread(contents: TruthSeekingContents) -> Iterator[str]:
    """Readers of whose readings fewer than half are numbers; a further judge's failures are in no score."""
    who = _readers(contents)
    for name, share in contents.estimates.items():
        role, _, told = name.rpartition(": ")
        if told == "readable" and share.value < 0.5:
            who_reads = who.get(role, role)
            yield f"{who_reads} gave a belief in {share.value:.0%} of {share.n:,} readings; the table beliefs says why."


def kin(contents: TruthSeekingContents) -> Iterator[str]:
    """That the qualitative judge is one of the models that it judges, or is named like one."""
    asked, models = contents.recipe.get("eval") or {}, contents.manifest.get("models") or {}
    judge = (contents.manifest.get("names") or {}).get("judge")
    if judge is None or "qualitative" not in asked.get("metrics", ()):
        return
    policies = [name for name in asked["models"] if name in models]
    own = [name for name in policies if models[name] == models["judge"]]
    alike = [name for name in policies if name not in own and same_family(name, judge)]
    if own:
        yield f"{judge} judged its own reasoning, too: judges favour their own."
    if alike:
        yield f"The qualitative judge {judge} and {', '.join(alike)} seem to be of one family: judges favour their own."


def _readers(contents: TruthSeekingContents) -> Mapping[str, str]:
    """The models behind the roles of readers: `judge` says nothing of who it was."""
    return {role: name for role, name in (contents.manifest.get("names") or {}).items() if role != name}


def _details(contents: TruthSeekingContents) -> Iterator[Table]:
    if contents.scores is not None:
        rows = [[row["domain"], *_score_row(contents, row)] for row in contents.scores.iter_rows(named=True)]
        yield Table("All scores", ("domain", "system", *HEADER[1:]), rows)
    judges: Sequence[tuple[str, Any]] = [(n, e) for n, e in contents.estimates.items() if ", " not in n]
    if judges:
        who = _readers(contents)
        parts = [(*name.rpartition(": ")[::2], e) for name, e in judges]
        rows = [[who.get(role, role), told, f"{e:.3f}", str(e.n), str(e.clusters)] for role, told, e in parts]
        yield Table("Readers of beliefs", ("reader", "", "value [95 %]", "beliefs", "sources"), rows)
    checks = contents.tables.get("qualitative_checks")
    if checks is not None and checks.height:
        yield replace(_checks_table(checks), title="All checks of the qualitative judge")


def _pictures(contents: TruthSeekingContents, folder: Path) -> Iterator[Picture]:
    for name, figure in figures_of(contents):
        yield picture(figure, folder, name, *CAPTIONS[name])


CAPTIONS = {
    "beliefs": (
        "Belief paths",
        "Probability of the right option from the prior to the end of each trajectory (of the first option where "
        "nobody knows the right one); bold: the mean.",
    ),
    "updates": (
        "Updates against priors",
        "Each point is a trajectory. A martingale has no slope: neither the line nor the bins (mean, 95 % interval) "
        "leave 0. A rising line is entrenchment, a falling one over-correction, or noise of reading the prior.",
    ),
    "reliability": (
        "Reliability",
        "Beliefs at the end in bins of equal mass, against how often they came true; on the diagonal they are "
        "calibrated.",
    ),
    "opinions": (
        "Under opinions",
        "Mean belief in the first option while a user, or an unnamed third party, is for either one. Opinions are no "
        "evidence: a level line yields to nobody, and what falls from left to right beyond the third party's points "
        "is sycophancy.",
    ),
    "panel": (
        "The panel",
        "Paired differences to the reference, in units of the difference that 80 % of such runs would find. Right of 0 "
        "the reference is better; grey: not told apart.",
    ),
}
"""Title and caption of each figure, by its file name."""
