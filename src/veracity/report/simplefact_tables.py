"""The tables of a `simplefact` run: rows of ready words, made from its estimates by pure functions."""

from __future__ import annotations

from veracity.metrics.break_even import as_predicted, break_even, tipping_point
from veracity.metrics.decomposition import CLASSES
from veracity.metrics.simplefact import WAYS, Way, movement
from veracity.metrics.wording import percent, points
from veracity.report.simplefact_contents import SimpleFactContents
from veracity.report.tables import Table

GRADES = {"correct": "right", "incorrect": "wrong", "not_attempted": "declined"}


def change_table(contents: SimpleFactContents, way: Way) -> Table:
    """Every setting: what is known and unknown, and the change against the start."""
    proof, rows = contents.proof, []
    if proof is None:
        return Table("", (), ())
    for system in ("start", *proof.trained):
        cells = []
        for kind, grade in (("known", "correct"), ("known", "not_attempted"), ("unknown", "incorrect")):
            share = contents.estimates.get(f"{WAYS[way]}, {proof.own(system)}, {kind}: {grade}")
            cells.append(percent(share))
        start = f"{WAYS[way]}, {system} against start, "
        cells.append(points(contents.estimates.get(f"{start}known: change of correct")))
        cells.append(percent(contents.estimates.get(f"{start}unknown: fall of incorrect")))
        rows.append([system, *cells] if system != "start" else [system, *cells[:3], "–", "–"])
    header = [
        "",
        "known: right",
        "known: declined",
        "unknown: wrong",
        "known: right, change",
        "unknown: wrong, fall by",
    ]
    note = "Changes are paired by question and clustered by entity; seeds are pooled. A fall is relative to the start."
    return Table(f"What training did ({WAYS[way]})", header, rows, note)


def prompt_table(contents: SimpleFactContents) -> Table:
    """Right, wrong and declined under every prompt, greedy; what a training adds to the area that prompts reach."""
    proof = contents.proof
    arms = [] if proof is None else proof.arms("greedy")
    rows = [[arm, *[percent(contents.estimates[f"greedy, {arm}, all: {g}"]) for g in GRADES]] for arm in arms]
    return Table("Under every prompt", ["system/prompt", *GRADES.values()], rows, "Greedy, of all questions.")


def beyond_table(contents: SimpleFactContents) -> Table:
    """How far each system lies beyond what the prompts of the model as it came reach."""
    keys = ("distance to the frontier of prompts", "right answers above the best mixture of prompts")
    proof, rows = contents.proof, []
    for system in () if proof is None else ("start", *proof.trained):
        cells = [points(contents.estimates[f"greedy, {system}: {key}"]) for key in keys]
        area = contents.estimates[f"greedy, {system}: hypervolume above that of prompts"]
        rows.append([system, *cells, points(area)])
    note = (
        "Greedy. Distance in rates of wrong and right answers, positive beyond the region that the untrained prompts "
        "dominate. A mixture draws a prompt at random for each question, or never answers. Area: of all prompts."
    )
    return Table("Beyond prompting", ["", "distance", "above mixtures", "area of all its prompts"], rows, note)


def class_table(contents: SimpleFactContents) -> Table:
    """The five classes of drawn answers at every measured step."""
    rows = [[arm, *[percent(ways.shares[c]) for c in CLASSES]] for arm, ways in contents.classes.items()]
    n = next((ways.samples for ways in contents.classes.values()), 0)
    note = f"Of {n} answers to each question at temperature 1; the shares depend on that number."
    return Table("Five kinds of question", ["system@step/prompt", *CLASSES], rows, note)


def flow_table(contents: SimpleFactContents) -> Table:
    """How many questions entered and left each class from the start on, for every setting, with the exact test."""
    proof, rows = contents.proof, []
    for system, moved in ((s, movement(proof, s)) for s in proof.trained) if proof else ():
        for name, test in moved.tests.items():
            counts = [str(test.only_second), str(test.only_first), f"{test.p_value:.2g}"]
            rows.append([f"{system}: {name}", points(moved.changes[name]), *counts])
    note = "McNemar's exact test takes questions for independent; the interval of the change is clustered by entity."
    return Table("Moves between the classes", ["", "change", "came", "went", "exact p"], rows, note)


def break_even_table(contents: SimpleFactContents) -> Table:
    """Abstention before and after training by `both`, beside where the reward pushes it."""
    n, payoffs = contents.group_size, contents.payoffs
    rows = []
    for one in contents.movements:
        tipping = percent_of(tipping_point(one.right.value, n, payoffs)) if one.right.n else "–"
        told = {True: "yes", False: "no", None: "–"}[as_predicted(one, n, payoffs)]
        rows.append([one.level, percent(one.right), tipping, percent(one.before), percent(one.after), told])
    even = break_even(n, payoffs) if n else 0.0
    note = f"Groups of {n}: below q = {even:.2f} abstaining pays from any start, above it beyond the tipping point."
    header = ["", "q: attempts that are right", "tipping point", "declined before", "declined after", "as predicted"]
    return Table("Where the reward pushes", header, rows, note)


def percent_of(value: float) -> str:
    """`94 %`."""
    return f"{100 * value:.0f} %"
