"""The report of a factuality run: one self-contained HTML file, and its figures as PNG and SVG beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml
from matplotlib.figure import Figure

from veracity.core.estimate import Estimate
from veracity.metrics.factuality_scores import accuracy_by, judged_confidence, of_arm, precision_by, probability_rows
from veracity.metrics.judge_card import FAILURE_LIMIT, failing
from veracity.metrics.judged_confidence import JudgedConfidence
from veracity.metrics.wording import percent
from veracity.report.factuality_contents import FactualityContents, read_factuality
from veracity.report.factuality_examples import long_examples, pair_examples, short_examples
from veracity.report.factuality_figures import (
    exposure_figure,
    outcomes_figure,
    reliability_figure,
    risk_coverage_figure,
)
from veracity.report.factuality_headline import headline
from veracity.report.factuality_tables import (
    card_table,
    confidence_table,
    failure_table,
    knowledge_table,
    long_table,
    sampled_table,
    short_table,
    stage_table,
    win_table,
)
from veracity.report.pictures import Picture, picture
from veracity.report.run_page import RunPage
from veracity.report.tables import estimates_table

TEMPLATE = "factuality.v1.html.j2"
RULES = (
    "In the embedded world truth is known by look-up and exposure by construction. Three things must then be seen, "
    "each by a rule that was fixed beforehand."
)


def write_factuality_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/` into the run folder and give back the page's path.

    Works on unfinished runs too: what is missing is not shown. Raises StoreError if the folder does not exist or a
    table in it is damaged.
    """
    contents = read_factuality(Path(run_folder))
    main = [short_table(contents), knowledge_table(contents), confidence_table(contents)]
    main += [long_table(contents), win_table(contents)]
    more = [sampled_table(contents), stage_table(contents.answers), failure_table(contents)]
    stored = estimates_table(contents.estimates) if contents.estimates else None
    page = RunPage(
        kind="Factuality",
        name=contents.name,
        headline=headline(contents),
        intro=list(_intro(contents)),
        warnings=list(_unreliable(contents)),
        pictures=list(_pictures(contents, Path(run_folder) / "figures")),
        tables=[table for table in main if table],
        checks=contents.checks,
        question="Is the measurement right?",
        rules=RULES,
        details=[table for table in (*more, stored) if table],
        manifest=contents.manifest,
        failures=contents.tables.get("failures"),
    )
    measurement = contents.manifest.get("measurement") or {}
    return page.write(
        Path(run_folder),
        TEMPLATE,
        card=card_table(contents),
        short_examples=short_examples(contents),
        long_examples=long_examples(contents),
        pair_examples=pair_examples(contents),
        measurement=yaml.safe_dump(measurement, sort_keys=False, allow_unicode=True).strip(),
    )


def _intro(contents: FactualityContents) -> Iterator[str]:
    """What was asked, in as many sentences as there were forms, and what is in no share."""
    short, long = contents.answers is not None, contents.responses is not None
    model = (contents.manifest.get("names") or {}).get("policy")
    forms = ["questions with short answers, each under every system prompt of the run (the arms)"] * short
    forms += ["to write at length"] * long
    told = [f"{f'The model {model}' if model else 'A language model'} was asked {', and '.join(forms)}."]
    if short:
        told.append("A short answer is right, wrong, or declined; who may be wrong should decline.")
    if long:
        told.append(
            "A long answer is taken apart into claims, evidence is looked for, and a verifier says whether it supports "
            "them."
        )
    if contents.methods:
        told.append(
            "And the model was asked how sure it is, which is worth something only if it is right more often when it "
            "is surer."
        )
    yield " ".join(told)
    yield f"Left out of every share: {_left_out(contents)}."


def _left_out(contents: FactualityContents) -> str:
    """How many answers and claims have no grade or label, of how many."""
    told = []
    for rows, column, name in (
        (contents.answers, "grade", "short answers, which could not be graded"),
        (contents.claims, "label", "claims of long answers, which have no verdict"),
    ):
        if rows is not None:
            told.append(f"{rows[column].null_count():,} of {rows.height:,} {name}")
    return "; ".join(told) or "nothing"


def _unreliable(contents: FactualityContents) -> Iterator[str]:
    if failed := failing(contents.failures):
        who = ", ".join(f"{judge} ({percent(share)})" for judge, share in failed.items())
        yield f"Not to be relied on: these judges failed on more than {100 * FAILURE_LIMIT:.0f} % of their rows: {who}."


def _pictures(contents: FactualityContents, folder: Path) -> Iterator[Picture]:
    for name, figure in _figures(contents):
        yield picture(figure, folder, name, *CAPTIONS[name])


def _figures(contents: FactualityContents) -> Iterator[tuple[str, Figure]]:
    """The figures that the run has the tables for."""
    if contents.answers is not None and contents.estimates:
        yield "outcomes", outcomes_figure(contents.estimates, contents.arms)
    ranked = {name: rows for name, rows in _confidences(contents, probabilities=False).items() if len(rows)}
    if ranked:
        yield "risk_coverage", risk_coverage_figure(ranked, _points(contents))
    chances = {name: rows for name, rows in _confidences(contents, probabilities=True).items() if len(rows)}
    if chances:
        yield "reliability", reliability_figure(chances)
    curves = _over_exposure(contents)
    if curves:
        yield "exposure", exposure_figure(curves)


def _confidences(contents: FactualityContents, *, probabilities: bool) -> dict[str, JudgedConfidence]:
    """By method, of the first arm whose confidence was asked for."""
    if contents.answers is None or contents.confidence is None or not contents.methods:
        return {}
    rows = probability_rows if probabilities else judged_confidence
    first = contents.methods[0][0]
    return {
        method: rows(contents.answers, contents.confidence, arm, method)
        for arm, method in contents.methods
        if arm == first
    }


def _points(contents: FactualityContents) -> dict[str, tuple[float, float]]:
    """Coverage and risk of every arm that attempts something."""
    found = {}
    for arm in contents.arms:
        coverage = contents.estimates[f"answers, {arm}: attempted"]
        risk = contents.estimates[f"answers, {arm}: hallucination_of_attempted"]
        if risk.n:
            found[arm] = (coverage.value, risk.value)
    return found


def _over_exposure(contents: FactualityContents) -> dict[str, dict[float, Estimate]]:
    """Shares of right answers and of supported claims by exposure; only kinds that have several levels."""
    curves: dict[str, dict[float, Estimate]] = {}
    levels = contents.exposure
    if contents.responses is not None and contents.claims is not None:
        arm = contents.responses["arm"][0]
        curves["claims of long answers"] = precision_by(of_arm(contents.claims, arm), levels["long"])
    if contents.answers is not None:
        curves["short answers"] = accuracy_by(of_arm(contents.answers, contents.arms[0]), levels["short"])
    return {label: curve for label, curve in curves.items() if len(curve) > 1}


CAPTIONS = {
    "outcomes": (
        "Right, declined, wrong",
        "What became of the greedy answers under each system prompt. An answer that could not be graded is in no bar.",
    ),
    "risk_coverage": (
        "Risk over coverage",
        "If only the most confident answers were given: the share of wrong ones among them, a line a way of asking for "
        "confidence. The dash-dotted line is random order. A dot is what a system prompt does: it answers so many "
        "questions and is wrong on so many of these; below the lines it declines better than by its confidence.",
    ),
    "reliability": (
        "Right as often as sure",
        "Answers in ten bins of confidence: their mean confidence and the share that is right, with its interval; a "
        "dot's size is the number of answers. On the diagonal confidence is a probability.",
    ),
    "exposure": (
        "Right over exposure",
        "How often the subject was met in training is known in the embedded world. Long answers: the share of judged "
        "claims that are supported; short ones: the share of answers that are right.",
    ),
}
"""Title and caption of each figure, by its file name."""
