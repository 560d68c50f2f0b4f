"""The report of a truth-seeking run: one self-contained page with its figures, and the same in short for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from veracity.judging.qualitative import same_family
from veracity.metrics.wording import decimal, decimals
from veracity.report.pictures import Picture, picture
from veracity.report.printing import print_headline, print_nothing, print_table, print_warning
from veracity.report.run_page import RunPage
from veracity.report.tables import Table
from veracity.report.truth_seeking_contents import SHOWN, TruthSeekingContents, read_truth_seeking
from veracity.report.truth_seeking_figures import figures_of
from veracity.report.truth_seeking_tables import (
    SIGNS_MEAN,
    all_comparisons,
    all_scores,
    checks_table,
    panel_tables,
    score_tables,
)

if TYPE_CHECKING:
    from rich.console import Console

LOSS, SLOPES = "truth_accuracy.brier.eventual", ("martingale.slope.iv", "martingale.slope.ols")
LISTED = 3
"""Systems that a sentence names."""


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
        warnings=[*_fewer(contents), *unread(contents), *kin(contents)],
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
    if (panel := contents.tables.get("panel")) is not None and panel.height:
        console.print(f"{SIGNS_MEAN}.", style="bright_black", markup=False)


def headline(contents: TruthSeekingContents) -> str:
    """What a reader should take away, with how sure it is; empty without scores."""
    if contents.scores is None:
        return ""
    scores = contents.scores.filter((pl.col("state") == "ok") & pl.col("value").is_not_null())
    found = [
        _of_panel(contents) or _of_losses(contents, scores),
        _of_slopes(contents, scores),
        _of_opinions(contents, scores),
    ]
    told = " ".join(sentence for sentence in found if sentence)
    return told or f"{len(contents.cells)} systems were measured; the tables say what was found."


def _of_panel(contents: TruthSeekingContents) -> str:
    panel = contents.tables.get("panel")
    if panel is None or not panel.height:
        return ""
    counts = dict(panel["verdict"].value_counts().iter_rows())
    name = contents.model(panel["reference"][0])
    others = len({contents.model(other) for other in panel["other"]})
    none = counts.get("no_number", 0)
    return (
        f"Against {others} other{'s' * (others != 1)}, in {panel.height} paired comparisons, {name} is better in "
        f"{counts.get('above', 0)}, worse in {counts.get('below', 0)} and not told apart in "
        f"{counts.get('not_told_apart', 0)}{f'; in {none} the other has no number' if none else ''}."
    )


def _of_losses(contents: TruthSeekingContents, scores: pl.DataFrame) -> str:
    rows = scores.filter(pl.col("metric") == LOSS).sort("value")
    if not rows.height:
        return ""
    best = rows.row(0, named=True)
    own = rows.filter(pl.col("domain") == best["domain"])
    system = _system(contents, best, own["arm"].to_list())
    told = decimals(best["value"], best["ci_low"], best["ci_high"])
    first = f"The lowest Brier loss is {told}, of {system}; always saying one half has 0.25"
    near = own.filter(pl.col("ci_low") <= best["ci_high"]).height - 1
    others = f"; the intervals of {near} of {own.height - 1} other systems overlap with its own"
    return f"{first}{others if own.height > 1 else ''}."


def _of_slopes(contents: TruthSeekingContents, scores: pl.DataFrame) -> str:
    """Whose changes of belief can be told from the belief before, by the first kind of slope that there is."""
    for metric in SLOPES:
        if (scores["metric"] == metric).any():
            return _beyond(contents, scores, metric, "Changes of belief follow from the belief before", "slope")
    return ""


def _of_opinions(contents: TruthSeekingContents, scores: pl.DataFrame) -> str:
    mode = (contents.recipe.get("sycophancy") or {}).get("mode", "both")
    metric = f"sycophancy.opinion.{mode}"
    if not (scores["metric"] == metric).any():
        return ""
    return _beyond(contents, scores, metric, "A user's opinion shifts beliefs", "by")


def _beyond(contents: TruthSeekingContents, scores: pl.DataFrame, metric: str, what: str, by: str) -> str:
    """In how many systems the interval of `metric` leaves 0, those furthest from it by name."""
    rows = scores.filter(pl.col("metric") == metric)
    away = rows.filter((pl.col("ci_low") > 0) | (pl.col("ci_high") < 0)).sort(pl.col("value").abs(), descending=True)
    arms = rows["arm"].unique().to_list()
    first = away.head(LISTED).iter_rows(named=True)
    named = ", ".join(f"{_system(contents, row, arms)} ({by} {decimal(row['value'], 2)})" for row in first)
    more = f" and {away.height - LISTED} more" if away.height > LISTED else ""
    told = f"{what} in {away.height or 'none'} of {rows.height} systems{f': {named}{more}' if named else ''}"
    return f"{told}, by 95 % intervals that leave 0."


def _system(contents: TruthSeekingContents, row: dict[str, Any], arms: Sequence[str]) -> str:
    """The system without what `arms` share, and its domain where there are several."""
    several = len({domain for domain, _ in contents.cells}) > 1
    return f"{contents.short(row['arm'], arms)}{' on ' + str(row['domain']) if several else ''}"


def tables_of(contents: TruthSeekingContents) -> Iterator[Table]:
    """A table a question, the panel, and what the judge's scores rest on."""
    yield from score_tables(contents)
    yield from panel_tables(contents)
    checks = contents.tables.get("qualitative_checks")
    if checks is not None and checks.height:
        yield checks_table(checks.filter((pl.col("check") != "double_scoring") | (pl.col("of") == "overall")))


def _intro(contents: TruthSeekingContents) -> Iterator[str]:
    """What was asked and read, and what is in no score."""
    trajectories, beliefs = contents.tables.get("trajectories"), contents.tables.get("beliefs")
    if trajectories is not None and trajectories.height:
        items, sources = (trajectories.select("domain", name).n_unique() for name in ("item", "cluster"))
        models, arms = (trajectories[name].n_unique() for name in ("model", "arm"))
        domains = ", ".join(trajectories["domain"].unique(maintain_order=True))
        yield (
            f"{models} model{'s' * (models != 1)} wrote {trajectories.height:,} trajectories on {items:,} problems of "
            f"{domains} (from {sources:,} sources), as {arms} systems: a model in a mode of reasoning, under a system "
            "prompt."
        )
    if beliefs is not None and beliefs.height:
        yield (
            "A belief is the probability that a reader of the text so far gives to a problem's first option; "
            f"{beliefs.height:,} were asked for."
        )
    if told := _left_out(trajectories, beliefs):
        yield f"Left out: {told}. No number stands for a failure."


def _left_out(trajectories: pl.DataFrame | None, beliefs: pl.DataFrame | None) -> str:
    """How many trajectories and beliefs there are not, by reason."""
    told = []
    for rows, name in ((trajectories, "trajectories"), (beliefs, "beliefs")):
        if rows is not None and rows.height:
            lost = rows.filter(~pl.col("status").is_in(("ok", "complete")))["status"].value_counts(sort=True).rows()
            reasons = ", ".join(f"{n:,} {str(status).replace('_', ' ')}" for status, n in lost)
            why = f" ({reasons})" if lost else ""
            told.append(f"{sum(n for _, n in lost):,} of {rows.height:,} {name}{why}")
    return "; ".join(told)


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
    yield from all_scores(contents)
    yield from all_comparisons(contents)
    judges: Sequence[tuple[str, Any]] = [(n, e) for n, e in contents.estimates.items() if ", " not in n]
    if judges:
        who = _readers(contents)
        parts = [(*name.rpartition(": ")[::2], e) for name, e in judges]
        rows = [
            [who.get(role, role), told, decimals(e.value, e.ci_low, e.ci_high), f"{e.n:,}, {e.clusters:,}"]
            for role, told, e in parts
        ]
        yield Table("Readers of beliefs", ("reader", "", "value [95 %]", "beliefs, sources"), rows)
    checks = contents.tables.get("qualitative_checks")
    if checks is not None and checks.height:
        yield checks_table(checks, "All checks of the qualitative judge")


def _pictures(contents: TruthSeekingContents, folder: Path) -> Iterator[Picture]:
    opinions = contents.conditions.select("domain", "arm").n_unique()
    for name, figure in figures_of(contents):
        title, caption = CAPTIONS[name.partition("_")[0]]
        drawable = {"opinions": opinions, "panel": 0}.get(name.partition("_")[0], len(contents.paths))
        if drawable > SHOWN:
            caption += f" At most {SHOWN} of {drawable} systems are drawn, in the run's order; tables have all."
        yield picture(figure, folder, name, title, caption)


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
        "Paired differences to the reference in the main metrics, in units of the difference that 80 % of such runs "
        "would find, with 95 % intervals. Right of 0 the reference is better (green), left of it worse (orange); grey: "
        "not told apart. An arrowhead is further off than the axis reaches.",
    ),
}
"""Title and caption of each figure, by its file name."""
