"""The report of a factuality run: one self-contained HTML file, and its figures as PNG and SVG beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup
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
    estimate_table,
    failure_table,
    knowledge_table,
    long_table,
    sampled_table,
    short_table,
    stage_table,
    win_table,
)
from veracity.report.page import Picture, duration
from veracity.report.style import inline_svg, save
from veracity.report.templating import page_templates
from veracity.store.atomic import atomic_write_text

TEMPLATE = "factuality.v1.html.j2"


def write_factuality_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/` into the run folder and give back the page's path.

    Works on unfinished runs too: what is missing is not shown. Raises StoreError if the folder does not exist or a
    table in it is damaged.
    """
    contents = read_factuality(Path(run_folder))
    path = Path(run_folder) / "report.html"
    atomic_write_text(path, render(contents, Path(run_folder) / "figures"))
    return path


def render(contents: FactualityContents, figures: Path) -> str:
    """The page as text; the figures are written to the folder `figures`."""
    main = [short_table(contents), knowledge_table(contents), confidence_table(contents)]
    main += [long_table(contents), win_table(contents)]
    more = [sampled_table(contents), stage_table(contents.answers), failure_table(contents)]
    shown: dict[str, Any] = {
        "name": contents.name,
        "headline": headline(contents),
        "tables": [table for table in main if table],
        "card": card_table(contents),
        "details": [table for table in (*more, estimate_table(contents.estimates)) if table],
        "pictures": list(_pictures(contents, figures)),
        "checks": contents.checks,
        "unreliable": [f"{judge} ({percent(e)})" for judge, e in failing(contents.failures).items()],
        "limit": f"{100 * FAILURE_LIMIT:.0f} %",
        "short_examples": short_examples(contents),
        "long_examples": long_examples(contents),
        "pair_examples": pair_examples(contents),
        "has_short": contents.answers is not None,
        "has_long": contents.responses is not None,
        "has_confidence": bool(contents.methods),
    }
    return page_templates().get_template(TEMPLATE).render(shown | _settings(contents))


def _pictures(contents: FactualityContents, folder: Path) -> Iterator[Picture]:
    for name, figure in _figures(contents):
        title, caption = CAPTIONS[name]
        svg = inline_svg(save(figure, folder, name), f"{title}. {caption}", name)
        yield Picture(name, Markup(svg), title, caption)


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


def _settings(contents: FactualityContents) -> dict[str, Any]:
    """The manifest in words; empty parts where it has none."""
    manifest = contents.manifest
    recipe, seconds = manifest.get("recipe"), manifest.get("wall_s")
    failures = contents.tables.get("failures")
    return {
        "finished": bool(manifest),
        "recipe": yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True).strip() if recipe else None,
        "measurement": yaml.safe_dump(manifest.get("measurement") or {}, sort_keys=False, allow_unicode=True).strip(),
        "packages": dict(manifest.get("packages") or {}),
        "seeds": dict(manifest.get("seeds") or {}),
        "names": dict(manifest.get("names") or {}),
        "models": dict(manifest.get("models") or {}),
        "hashes": dict(manifest.get("hashes") or {}),
        "machine": dict(manifest.get("machine") or {}),
        "requests": dict(manifest.get("requests") or {}),
        "written": str(manifest.get("written") or "")[:16].replace("T", " "),
        "duration": None if seconds is None else duration(float(seconds)),
        "cost": manifest.get("cost"),
        "failures": 0 if failures is None else failures.height,
        "failure_rows": [] if failures is None else failures.head(10).to_dicts(),
    }


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

__all__ = ["render", "write_factuality_report"]
