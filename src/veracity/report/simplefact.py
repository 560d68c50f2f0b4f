"""The report of a `simplefact` run: one self-contained HTML file, and its figures as PNG and SVG beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup
from matplotlib.figure import Figure

from veracity.metrics.simplefact import Proof, rates
from veracity.metrics.wording import percent, points
from veracity.report.break_even_figure import break_even_figure
from veracity.report.page import Picture, duration
from veracity.report.simplefact_contents import SimpleFactContents, read_simplefact
from veracity.report.simplefact_figures import classes_figure, frontier_figure, outcomes_figure, training_figure
from veracity.report.simplefact_tables import (
    beyond_table,
    break_even_table,
    change_table,
    class_table,
    estimate_table,
    flow_table,
    prompt_table,
)
from veracity.report.style import inline_svg, save
from veracity.report.templating import page_templates
from veracity.report.trained_table import with_trained
from veracity.store.atomic import atomic_write_text

TEMPLATE = "simplefact.v1.html.j2"


def write_simplefact_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/` into the run folder and give back the page's path.

    Works on unfinished runs too: what is missing is not shown. Raises StoreError if the folder does not exist or a
    table in it is damaged.
    """
    contents = read_simplefact(Path(run_folder))
    path = Path(run_folder) / "report.html"
    atomic_write_text(path, render(contents, Path(run_folder) / "figures"))
    return path


def render(contents: SimpleFactContents, figures: Path) -> str:
    """The page as text; the figures are written to `figures`, a folder in that of the run."""
    proof = contents.proof
    main = [change_table(contents, "drawn"), change_table(contents, "greedy"), beyond_table(contents)] if proof else []
    more = [class_table(contents), flow_table(contents), prompt_table(contents)] if proof else []
    main += [break_even_table(contents)] if contents.movements else []
    shown = {
        "name": contents.name,
        "headline": headline(contents),
        "asked": asked(contents),
        "tables": main,
        "details": with_trained([*more, estimate_table(contents.estimates)], figures.parent),
        "pictures": list(_pictures(contents, figures)) if proof else [],
        "checks": contents.checks,
    }
    return page_templates().get_template(TEMPLATE).render(shown | _surroundings(contents))


def headline(contents: SimpleFactContents) -> str:
    """What a reader should take away; empty for a run without answers."""
    proof = contents.proof
    if proof is None or not proof.trained:
        return ""
    system = "both" if "both" in proof.trained else proof.trained[0]
    if not proof.items("known") or not proof.items("unknown"):
        wrong, right = (proof.change("drawn", system, None)[m].difference for m in ("incorrect", "correct"))
        return f"Trained by “{system}”, wrong answers change by {points(wrong)}, right ones by {points(right)}."
    before, after = (rates(proof.rows("drawn", proof.own(s), "unknown"))["incorrect"] for s in ("start", system))
    kept = proof.change("drawn", system, "known")["correct"].difference
    return (
        f"Trained by “{system}”, the model answers {percent(after)} of what it cannot know wrongly, {percent(before)} "
        f"before; right answers about what it was taught change by {points(kept)}."
    )


def asked(contents: SimpleFactContents) -> str:
    """How many questions, entities and seeds."""
    proof = contents.proof
    if proof is None:
        return ""
    seeds = len(contents.recipe.get("seeds", ()))
    samples = proof.answers["drawn"]["sample"].n_unique()
    return (
        f"{proof.problems.height:,} questions about {proof.problems['cluster'].n_unique():,} entities that no "
        f"training saw, answered greedily and {samples} times at temperature 1; "
        f"{seeds} repetition{'s' * (seeds != 1)} of it all."
    )


def _pictures(contents: SimpleFactContents, folder: Path) -> Iterator[Picture]:
    for name, figure in _figures(contents):
        title, caption = CAPTIONS[name]
        svg = inline_svg(save(figure, folder, name), f"{title}. {caption}", name)
        yield Picture(name, Markup(svg), title, caption)


def _figures(contents: SimpleFactContents) -> Iterator[tuple[str, Figure]]:
    proof: Proof | None = contents.proof
    if proof is None:
        return
    yield "frontier", frontier_figure(contents.estimates, proof)
    yield "outcomes", outcomes_figure(contents.estimates, proof)
    yield "classes", classes_figure(contents.classes, proof.trained, proof.prompt, int(contents.recipe["steps"]))
    if contents.movements:
        yield "break_even", break_even_figure(contents.movements, contents.group_size, contents.payoffs)
    if "steps" in contents.tables and contents.tables["steps"].height:
        yield "training", training_figure(contents.tables["steps"])


def _surroundings(contents: SimpleFactContents) -> dict[str, Any]:
    """The manifest in words; empty parts where it has none."""
    manifest = contents.manifest
    seconds, failures = manifest.get("wall_s"), contents.tables.get("failures")
    return {
        "finished": bool(manifest),
        "recipe": yaml.safe_dump(dict(contents.recipe), sort_keys=False, allow_unicode=True).strip(),
        "packages": dict(manifest.get("packages") or {}),
        "models": dict(manifest.get("models") or {}),
        "machine": dict(manifest.get("machine") or {}),
        "timings": dict(manifest.get("timings_s") or {}),
        "written": str(manifest.get("written") or "")[:16].replace("T", " "),
        "duration": None if seconds is None else duration(float(seconds)),
        "failures": [] if failures is None else failures.head(10).to_dicts(),
        "failed": 0 if failures is None else failures.height,
    }


CAPTIONS = {
    "frontier": (
        "The frontier of prompts and of training",
        "Right over wrong answers, crosses are 95 % intervals over entities. Squares: the model as it came, under each "
        "prompt; the dashed line is what mixing prompts and silence reaches. Up and to the left of it lies what only "
        "training gives.",
    ),
    "outcomes": (
        "What became of each source",
        "Greedy answers by what can be known of the question, at the start and after each training.",
    ),
    "classes": (
        "Five kinds of question over training",
        "By several answers to each question at temperature 1: always right, sometimes, never right and sometimes or "
        "always declined, always wrong. Bands are 95 % intervals over entities.",
    ),
    "break_even": (
        "Where the reward pushes",
        "By how often attempts are right (q) and how often the model declines, a group reward pays for abstaining "
        "(above the curve) or for attempting. Arrows: what training by “both” did to each kind of question. The map "
        "takes each question for itself: an arrow that rises below the curve is abstention learned from others.",
    ),
    "training": (
        "While training",
        "Share of declined answers among those trained on, and of groups whose rewards are all equal, so that they "
        "teach nothing; means over seeds.",
    ),
}
"""Title and caption of each figure, by its file name."""
