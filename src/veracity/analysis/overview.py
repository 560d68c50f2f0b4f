"""What to look at first: of many findings the few on the main metrics, and what each analyzer has to say in short.

A run has a metric value for every condition, control and count; a reader wants the truth, the beliefs and the
sycophancy first. So metrics have an order, each of the first ones has its turn, and the rest is kept in the tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from veracity.analysis.base import ANALYZERS
from veracity.analysis.wording import opening, plain_names
from veracity.core.finding import ALL, Finding, Overview, ResultTable, Scale
from veracity.metrics.metric_names import variant_words

MAIN = (
    "truth_accuracy.brier.eventual",
    "truth_accuracy.cross_entropy.eventual",
    "martingale.weight",
    "sycophancy.opinion.both.size",
    "sycophancy.iq",
    "sycophancy.flip_regressive",
    "mutual_predictability.uplift_per_token_controlled",
    "world_in_the_loop.outcome_controlled",
    "qualitative.overall",
    "grader.",
    "truth_accuracy.brier.difference",
    "pressure.turns_held",
    "sycophancy.flip",
    "truth_accuracy.",
)
"""Beginnings of the names of metrics, those of most interest first."""
FIRST = (
    "performance_comparison",
    "training_causal_effect",
    "causal_attribution",
    "evaluation_relationship",
    "cross_setup_agreement",
    "token_level_evidence",
    "trajectory_score",
    "results_catalog",
)
"""Analyzers in the order of reading; others follow."""
WIDEST: tuple[Scale, ...] = ("across", "setup", "run", "trajectory")
SAME = 6
"""Places by which a pair of metrics of one paradigm falls back."""
SHOWN = 4
"""Findings of one analyzer that are shown in full."""
LISTED = 12
"""Rows of its table."""


def overviews(findings: Iterable[Finding]) -> list[Overview]:
    """One for each analyzer with a finding, in the order of reading."""
    by_analyzer: dict[str, list[Finding]] = {}
    for finding in findings:
        by_analyzer.setdefault(finding.analyzer, []).append(finding)
    order = [*FIRST, *sorted(set(by_analyzer) - set(FIRST))]
    return [_overview(name, by_analyzer[name]) for name in order if name in by_analyzer]


def in_short(parts: Sequence[Overview]) -> list[str]:
    """The sentences that matter."""
    return [answer for part in parts for answer in part.answers]


def importance(algorithm: str) -> tuple[int, str]:
    """Sorts metrics, the most interesting first; a pair of metrics (`a~b`) stands where the lesser of them does.

    Pairs of one paradigm go together by how they are made, and come later.
    """
    places = [
        next((i for i, beginning in enumerate(MAIN) if name.startswith(beginning)), len(MAIN))
        for name in algorithm.split("~")
    ]
    related = len({name.split(".")[0] for name in algorithm.split("~")}) < len(places)
    return min(len(MAIN), max(places) + (SAME if related else 0)), algorithm


def _overview(name: str, findings: Sequence[Finding]) -> Overview:
    ordered = _in_turn(findings)
    telling = [finding for finding in ordered if finding.answer]
    shown = (telling or ordered)[:SHOWN]
    chosen = {id(finding) for finding in shown}
    others = [finding for finding in ordered if id(finding) not in chosen]
    answers = [finding.answer for finding in _answering(telling)]
    question = (ANALYZERS.get(name).__doc__ or "").splitlines()[0] if name in ANALYZERS.names() else ""
    return Overview(name, question, answers, _table(telling[:LISTED]), shown, others)


def _answering(telling: Sequence[Finding]) -> list[Finding]:
    """The first; where it decides nothing, the first that does after it."""
    if not telling or telling[0].decided:
        return list(telling[:1])
    return [telling[0], *[finding for finding in telling if finding.decided][:1]]


def _in_turn(findings: Sequence[Finding]) -> list[Finding]:
    """The widest of each metric in the order of interest, then the next of each; metrics of no interest at the end."""
    ordered = sorted(findings, key=lambda f: (*importance(f.place.algorithm), *_breadth(f)))
    seen: dict[str, int] = {}
    turns = []
    for place, finding in enumerate(ordered):
        metric = finding.place.algorithm
        seen[metric] = seen.get(metric, 0) + 1
        minor = importance(metric)[0] == len(MAIN)
        turns.append((minor, seen[metric], place, finding))
    return [finding for *_, finding in sorted(turns, key=lambda turn: turn[:3])]


def _breadth(finding: Finding) -> tuple[int, int]:
    """Sorts findings on one metric, those over all domains, modes and prompts first."""
    place = finding.place
    return sum(part != ALL for part in (place.domain, place.mode, place.prompt)), WIDEST.index(finding.scale)


def _table(findings: Sequence[Finding]) -> ResultTable | None:
    """A row a finding, where findings have summaries; the columns that they share."""
    rows = [finding for finding in findings if finding.summary]
    if not rows:
        return None
    every = dict.fromkeys(name for finding in rows for name in finding.summary)
    columns = [name for name in every if any(finding.summary.get(name) not in (None, "–") for finding in rows)]
    runs = {finding.place.model for finding in findings} - {ALL}
    modes = plain_names({finding.place.mode for finding in findings})
    cells = tuple((*_told(f, modes, len(runs) > 1), *(f.summary.get(name) for name in columns)) for f in rows)
    return ResultTable("overview", "At a glance", ("about", "where", *columns), cells)


def _told(finding: Finding, modes: Mapping[str, str], with_run: bool) -> tuple[str, str]:
    """What a finding is about, with the identifier on a line of its own, and where, in words."""
    place = finding.place
    names = (place.algorithm if place.algorithm != ALL else place.model).split("~")
    told = " ~ ".join([opening(names[0]), *(variant_words(name) for name in names[1:])])
    about = list(dict.fromkeys((told, " ~ ".join(names))))
    parts = [place.domain, modes[place.mode].replace("_", " "), place.prompt]
    if with_run and place.algorithm != ALL:
        parts.append(place.model)
    return "\n".join(about), " · ".join(part for part in parts if part not in (ALL, "none")) or "all"
