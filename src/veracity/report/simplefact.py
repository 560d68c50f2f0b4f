"""The report of a `simplefact` run: one self-contained HTML file, and its figures as PNG and SVG beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from veracity.metrics.simplefact import Proof, rates
from veracity.metrics.wording import percent, points
from veracity.report.break_even_figure import break_even_figure
from veracity.report.pictures import Picture, picture
from veracity.report.run_page import RunPage
from veracity.report.simplefact_contents import SimpleFactContents, read_simplefact
from veracity.report.simplefact_figures import classes_figure, frontier_figure, outcomes_figure, training_figure
from veracity.report.simplefact_tables import (
    beyond_table,
    break_even_table,
    change_table,
    class_table,
    flow_table,
    prompt_table,
)
from veracity.report.tables import estimates_table
from veracity.report.trained_table import with_trained

INTRO = (
    "A model answers each question many times. Where somebody of the group is right, right answers are rewarded "
    "(“fact”); where nobody is, declining is (“caution”). It is trained (GRPO) by either, by “both”, and by the one "
    "after the other (“sequential”), each time from the same start: the model taught to decline now and then, because "
    "a group in which nobody declines, or nobody attempts, teaches nothing."
)
LEFT_OUT = "Models of several seeds count as dependent, too. Answers that could not be graded are in no share."


def write_simplefact_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/` into the run folder and give back the page's path.

    Works on unfinished runs too: what is missing is not shown. Raises StoreError if the folder does not exist or a
    table in it is damaged.
    """
    contents = read_simplefact(Path(run_folder))
    proof = contents.proof
    main = [change_table(contents, "drawn"), change_table(contents, "greedy"), beyond_table(contents)] if proof else []
    main += [break_even_table(contents)] if contents.movements else []
    more = [class_table(contents), flow_table(contents), prompt_table(contents)] if proof else []
    page = RunPage(
        kind="SimpleFact",
        name=contents.name,
        headline=headline(contents),
        intro=[text for text in (INTRO, asked(contents), LEFT_OUT) if text],
        pictures=list(_pictures(contents, Path(run_folder) / "figures")) if proof else [],
        tables=main,
        checks=contents.checks,
        question="Does it do what it should?",
        rules="",
        details=with_trained([*more, estimates_table(contents.estimates)], Path(run_folder)),
        manifest=contents.manifest,
        failures=contents.tables.get("failures"),
    )
    return page.write(Path(run_folder))


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
        yield picture(figure, folder, name, *CAPTIONS[name])


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
