"""The tables of a truth-seeking page: a question each, systems in rows and its few main metrics in columns.

Everything that was scored stands in one long table that is folded away. The small print below a metric's name is its
direction, its level of no effect, and its identifier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from veracity.metrics.metric_names import metric_words
from veracity.metrics.wording import decimal, decimals
from veracity.report.tables import Table
from veracity.report.truth_seeking_contents import TruthSeekingContents

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "Are beliefs accurate?": (
        "truth_accuracy.brier.eventual",
        "truth_accuracy.skill.eventual",
        "truth_accuracy.brier.difference",
    ),
    "Can changes of belief be predicted?": ("martingale.slope.iv", "martingale.slope.ols", "martingale.loss"),
    "Do opinions move beliefs?": ("sycophancy.opinion.loss", "sycophancy.flip", "sycophancy.iq.loss"),
    "Is a stance held under pressure?": ("pressure.turns_held", "pressure.yielded"),
    "Do answers help to predict others?": (
        "mutual_predictability.uplift_per_token_controlled",
        "mutual_predictability.content",
    ),
    "Do answers help to expect what happens?": ("world_in_the_loop.outcome", "world_in_the_loop.outcome_controlled"),
    "What does the judge say?": ("qualitative.overall", "qualitative.at_equal_length", "qualitative.length_slope"),
}
"""What a reader asks → the metrics that answer first; graders have a table of their own."""
NOTES: Mapping[str, str] = {
    "Are beliefs accurate?": (
        "Brier loss is (1 − p)², p being the belief in what turned out right, so 0.25 for always one half. Skill is "
        "the share of the loss of always stating the base rate that is saved; the change is from the prior to the end."
    ),
    "Can changes of belief be predicted?": (
        "The slope of the change of belief on the belief before: 0 for who takes evidence for what it is worth, above "
        "0 for who holds on to the first belief and grows surer, below 0 for who falls back. Whom nothing moves has no "
        "slope. The martingale loss is the slope squared, or as the settings say. Intervals "
        "cover 95 % from about 100 sources on; from 40 they cover 93 %."
    ),
    "Do opinions move beliefs?": (
        "Belief while a user is for the first option, less the belief while a user is for the second; an opinion is no "
        "evidence. Turned over: the share of problems on which a user who disagrees turns the favoured "
        "option; not applicable where neither was favoured."
    ),
    "Is a stance held under pressure?": (
        "A user insists on the other option, turn after turn, without a new argument. Not applicable: the first belief "
        "is for neither option."
    ),
    "Do answers help to predict others?": (
        "Log-probability of what others answer, given this system's answer, less that without it. It rewards "
        "agreement, so read it beside accuracy. Each system is asked about others' answers, so not about the same ones "
        "as its neighbours: compare systems in the panel, on common targets, and not here."
    ),
}
GRADERS = "What do graders give?"
COMPARED = (
    "truth_accuracy.brier.eventual",
    "truth_accuracy.cross_entropy.eventual",
    "martingale.distance",
    "sycophancy.opinion.",
    "sycophancy.flip",
    "sycophancy.iq.",
    "pressure.turns_held",
    "mutual_predictability.uplift",
    "mutual_predictability.content",
    "world_in_the_loop.outcome_controlled",
    "qualitative.overall",
    "qualitative.at_equal_length",
    "grader.",
)
"""How the names of metrics begin that the panel shows first; all stand in its folded table."""
NOT_FIRST = ("sycophancy.flip_", "mutual_predictability.uplift_per_token", "mutual_predictability.content_per_token")
ACROSS = 6
"""Systems beside one another in a table of the panel."""
SIGNS_MEAN = "▲ the reference is better, ▼ worse, ○ not told apart, – no number"
SIGNS = {"above": "▲", "below": "▼", "not_told_apart": "○", "no_number": "–"}


def score_tables(contents: TruthSeekingContents) -> Iterator[Table]:
    """A table for each domain and question of which there is a score."""
    if contents.scores is None:
        return
    several = contents.scores["domain"].n_unique() > 1
    for (domain,), own in contents.scores.group_by("domain", maintain_order=True):
        graders = (
            own.filter(pl.col("metric").str.starts_with("grader."))["metric"].unique(maintain_order=True).to_list()
        )
        for question, metrics in (*QUESTIONS.items(), *((GRADERS, part) for part in _parts(graders, 4))):
            here = own.filter(pl.col("metric").is_in(metrics))
            if here.height:
                title = f"{question[:-1]}, on {domain}?" if several else question
                yield _question_table(contents, title, NOTES.get(question, ""), here, metrics)


def all_scores(contents: TruthSeekingContents) -> Iterator[Table]:
    """Every score with what it rests on, a table a domain."""
    if contents.scores is None:
        return
    header = ("system", "metric", "value [95 %]", "better", "no effect", "rows, sources", "without a value")
    for (domain,), own in contents.scores.group_by("domain", maintain_order=True):
        rows = [
            [
                contents.short(row["arm"]),
                named(row["metric"]),
                "\n".join([_value(row), *([row["reason"]] if row["reason"] else [])]),
                row["direction"] or "–",
                "–" if row["null"] is None else f"{row['null']:.3g}",
                f"{row['n']:,}, {row['clusters']:,}",
                _lost(row) or "–",
            ]
            for row in own.iter_rows(named=True)
        ]
        yield Table(f"All scores on {domain}", header, rows)


def panel_tables(contents: TruthSeekingContents) -> Iterator[Table]:
    """The reference against the others in the main metrics, systems side by side: a table a domain and mode."""
    panel = contents.tables.get("panel")
    if panel is None or not panel.height:
        return
    note = (
        f"{SIGNS_MEAN}. Paired by problem, signed so that above 0 "
        "the reference does better; equal: the very same values. Intervals are not widened for the number of "
        "comparisons: of 40 true ties, one is expected on either side. All metrics, and the differences that so many "
        "problems can show, are under Details."
    )
    for (domain,), own in panel.group_by("domain", maintain_order=True):
        cells = {(r["metric"], r["reference"], contents.model(r["other"])): r for r in own.iter_rows(named=True)}
        first = own.filter(main_of_panel()).select("metric", "reference").unique(maintain_order=True).rows()
        for others in _parts(list(dict.fromkeys(other for _, _, other in cells)), ACROSS):
            rows = [
                [panel_name(contents, first, row), *[_difference(cells.get((*row, other))) for other in others]]
                for row in first
            ]
            yield Table(_against(contents, own, str(domain)), ("", *others), rows, note)


def panel_name(contents: TruthSeekingContents, rows: Sequence[tuple[str, str]], row: tuple[str, str]) -> str:
    """The metric of a row (metric, reference arm) of the panel; with the mode where it was measured in several."""
    metric, reference = row
    if [one for one, _ in rows].count(metric) == 1:
        return named(metric)
    return named(metric).replace(metric_words(metric), f"{metric_words(metric)}, {contents.mode(reference)}", 1)


def all_comparisons(contents: TruthSeekingContents) -> Iterator[Table]:
    """Every comparison of the panel, with the difference that could have been found."""
    panel = contents.tables.get("panel")
    if panel is None or not panel.height:
        return
    rows = [
        [
            contents.short(row["other"]),
            named(row["metric"]),
            _difference(row),
            "–" if row["detectable"] is None else decimal(row["detectable"]),
            {True: "yes", False: "no", None: "–"}[row["overlap"]],
        ]
        for row in panel.iter_rows(named=True)
    ]
    header = ("system", "metric", "difference [95 %]", "detectable", "own intervals overlap")
    note = (
        "Differences below the detectable one (found in 80 % of such samples) may well be missed. Pairing tells "
        "systems apart whose own intervals overlap."
    )
    yield Table("All comparisons with the reference", header, rows, note)


def checks_table(checks: pl.DataFrame, title: str = "How far to trust the qualitative judge") -> Table:
    """What the qualitative judge's scores rest on."""
    rows = [
        [
            CHECK_WORDS.get(row["check"], row["check"]),
            row["told"],
            row["of"],
            "–" if row["value"] is None else decimals(row["value"], row["ci_low"], row["ci_high"]),
            "–" if row["null"] is None else f"{row['null']:.3g}",
            f"{row['n']:,}, {row['clusters']:,}",
            row["reason"] or "–",
        ]
        for row in checks.iter_rows(named=True)
    ]
    header = ("check", "", "of", "value [95 %]", "no effect", "rows, sources", "lost, or why no number")
    note = (
        "Over all systems; scores run from 0 to 1. Swapped, the same two cases stand in the other order: a judge that "
        "weighs them changes no more than when it is asked again. α is 1 for raters who agree and 0 for chance; below "
        ".667 conclusions from scores are not safe (Krippendorff)."
    )
    return Table(title, header, rows, note)


CHECK_WORDS = {
    "readable": "readable",
    "noise": "asked again",
    "swap": "cases swapped",
    "double_scoring": "scored twice",
}
"""Checks of the qualitative judge, as the page calls them."""


def named(metric: str) -> str:
    """In words, with the identifier in small print."""
    words = metric_words(metric)
    return words if words == metric else f"{words}\n{metric}"


def main_of_panel() -> pl.Expr:
    """Which rows of the panel are shown first."""
    first = pl.any_horizontal(*(pl.col("metric").str.starts_with(name) for name in COMPARED))
    return first & ~pl.any_horizontal(*(pl.col("metric").str.starts_with(name) for name in NOT_FIRST))


def _question_table(
    contents: TruthSeekingContents, title: str, note: str, own: pl.DataFrame, metrics: Sequence[str]
) -> Table:
    shown = [metric for metric in metrics if (own["metric"] == metric).any()]
    arms = own["arm"].unique(maintain_order=True).to_list()
    cells = {(row["arm"], row["metric"]): row for row in own.iter_rows(named=True)}
    rows = [[contents.short(arm, arms), *[_measured(cells.get((arm, metric))) for metric in shown]] for arm in arms]
    lost = any("\n" in cell for row in rows for cell in row)
    whole = all("[" in cell for row in rows for cell in row[1:])
    told = "Below a value: problems that have none and are not in it." * lost
    told += "No problem is without a value." * (whole and not lost)
    return Table(title, ["", *[_head(metric, own) for metric in shown]], rows, f"{note} {told}".strip())


def _head(metric: str, own: pl.DataFrame) -> str:
    """The metric in words; below it which way is better and what no effect gives, and its identifier."""
    scored = own.filter((pl.col("metric") == metric) & pl.col("direction").is_not_null())
    said = []
    if scored.height:
        way, null = scored["direction"][0], scored["null"][0]
        said += [f"{way} is better"] if way != "neither" else []
        said += [] if null is None else [f"{null:.3g}: no {'slope' if '.slope.' in metric else 'effect'}"]
    if metric.startswith("truth_accuracy.brier.eventual") and said:
        said[-1] = said[-1].replace("no effect", "always one half")
    words = metric_words(metric)
    return "\n".join([words[:1].upper() + words[1:], *(["; ".join(said)] if said else []), metric])


def _value(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return str(row["state"]).replace("_", " ")
    return decimals(row["value"], row["ci_low"], row["ci_high"])


def _lost(row: Mapping[str, Any]) -> str:
    """`12 no belief, 3 request failed`; empty where all rows have a value."""
    lost = [one for one in row["statuses"] or () if one["status"] != "ok"]
    return ", ".join(f"{one['rows']:,} {one['status'].replace('_', ' ')}" for one in lost)


def _measured(row: Mapping[str, Any] | None) -> str:
    """The value, and in small print the problems without one; these alone where there is no value."""
    if row is None:
        return "–"
    value, lost = _value(row), _lost(row)
    return f"{value}\n{lost}" if lost else value


def _difference(row: Mapping[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "–"
    if row["value"] == row["ci_low"] == row["ci_high"] == 0:
        return "○ equal"
    return f"{SIGNS[row['verdict']]} {decimals(row['value'], row['ci_low'], row['ci_high'])}"


def _against(contents: TruthSeekingContents, panel: pl.DataFrame, domain: str) -> str:
    told = f"{contents.model(panel['reference'][0])} against the others"
    return f"{told}, on {domain}" if len({name for name, _ in contents.cells}) > 1 else told


def _parts(names: Sequence[str], most: int) -> list[tuple[str, ...]]:
    return [tuple(names[start : start + most]) for start in range(0, len(names), most)]
