"""The one table of methods, the tables behind it, and the headline."""

from __future__ import annotations

from veracity.core.estimate import Estimate
from veracity.metrics.wording import percent, points
from veracity.report.methods_contents import KEPT, LEVEL, MethodsContents
from veracity.report.run_page import duration
from veracity.report.tables import Table

FACTS = {"right": "right facts a text", "wrong": "wrong facts a text"}
TEXTS = {"precision": "precision", "f1_at_k": "F1@K", "abstained": "texts declined"}
ANSWERS = {"correct": "answers right", "incorrect": "answers wrong", "not_attempted": "answers declined"}
KNOWN = {"over_abstention": "declined though known"}
SURE = {"ece": "ECE", "brier": "Brier", "auroc": "AUROC"}
TESTED = {**FACTS, **TEXTS, **ANSWERS, "over_abstained": "declined though known"}
JUDGES = {
    "truths": "Wins: the text with more right than wrong facts, by look-up, a rule and no reader; ties count half.",
    "model": "Wins: by the judge model in both orders; ties count half.",
}
COST = ("training", "samples", "judgements")


def headline(contents: MethodsContents) -> str:
    """What a reader should take away; empty for a run that was not evaluated."""
    told = []
    base = contents.of("base", "wrong")
    if (name := contents.cleanest()) and base is not None:
        wrong, right = contents.of(name, "wrong"), contents.of(name, "right")
        told.append(
            f"Of the methods that keep {100 * KEPT:.0f} % of the base model’s right facts, {name} states the fewest "
            f"wrong ones a text: {_number(wrong)} beside {_number(right)} right ones; the base model {_number(base)} "
            f"beside {_number(contents.of('base', 'right'))}."
        )
    if name := contents.most_truthful():
        shares = [percent(contents.of(name, measure)) for measure in ANSWERS]
        told.append(
            f"Of short answers {name} has the most right ones over wrong ones: {shares[0]} right, {shares[1]} wrong, "
            f"{shares[2]} declined; the base model {percent(contents.of('base', 'correct'))} and "
            f"{percent(contents.of('base', 'incorrect'))}."
        )
    return " ".join(told)


def methods_table(contents: MethodsContents) -> Table | None:
    """The one table: texts, short answers, calibration and cost of every method."""
    rows = [_row(contents, row) for row in contents.methods if contents.of(row["method"], "correct")]
    if not rows:
        return None
    against, k = contents.table.get("against", "SFT"), contents.table.get("k", "K")
    names = [*FACTS.values(), *TEXTS.values()]
    names[names.index("F1@K")] = f"F1@{k}"
    header = ("method", *names, f"wins against {against}", *ANSWERS.values(), *KNOWN.values(), *SURE.values(), *COST)
    known_by = contents.table.get("known_by", "several")
    note = (
        "About entities that no training saw; texts sampled as in training, short answers greedy. ↑ ↓: differs from "
        f"the model that the method started from (paired on items, p < {LEVEL:g} after Holm’s correction over all "
        "methods and measures). Declined though known: of the questions that the base model had right at least once "
        f"in {known_by} samples. ECE, Brier, AUROC: of the probability that the model gives its answer, over attempted "
        f"ones. {JUDGES[contents.table.get('pairwise', 'truths')]} Training, samples, judgements: of the whole way "
        "from the base model; what methods share is counted for each of them."
    )
    return Table("All methods", header, rows, note)


def short_table(contents: MethodsContents) -> Table | None:
    """What fits a terminal: texts and answers in short."""
    full = methods_table(contents)
    if full is None:
        return None
    wanted = [n for n, name in enumerate(full.header) if name in SHOWN]
    return Table(full.title, [full.header[n] for n in wanted], [[row[n] for n in wanted] for row in full.rows])


SHOWN = ("method", *FACTS.values(), "precision", "answers right", "answers wrong", "answers declined", "training")


def change_table(contents: MethodsContents) -> Table | None:
    """Every method's paired changes against its start."""
    starts = {row["method"]: row["start"] for row in contents.methods}
    rows = [
        [f"{method} against {start}", *(_change(contents, method, measure) for measure in TESTED)]
        for method, start in starts.items()
        if start and (method, "correct") in contents.changes
    ]
    note = (
        "Facts a text, and points of a share. Intervals resample entities; p by swapping the two within entities "
        "(9,999 draws), corrected by Holm over the whole table."
    )
    return Table("Changes against the start", ("", *TESTED.values()), rows, note) if rows else None


def drawn_table(contents: MethodsContents) -> Table | None:
    """Short answers sampled instead of greedy, win rates at equal length, and texts' length."""
    names = ("drawn correct", "drawn incorrect", "drawn not_attempted", "hallucination_on_unknown")
    rows = [
        [
            row["method"],
            *(percent(contents.of(row["method"], name)) for name in names),
            percent(contents.of(row["method"], "win_rate at equal length")),
            _number(contents.of(row["method"], "words")),
        ]
        for row in contents.methods
        if contents.of(row["method"], "drawn correct")
    ]
    header = ("", "right", "wrong", "declined", "wrong though unknown (greedy)", "wins at equal length", "words a text")
    note = "Sampled at the temperature of training: greedy and sampled answers differ in how often they decline."
    return Table("Sampled short answers", header, rows, note) if rows else None


def about_table(contents: MethodsContents) -> Table | None:
    """What each method is."""
    rows = [[row["method"], row["trainer"], row["start"] or "–", row["about"]] for row in contents.methods]
    return Table("The methods", ("", "trainer", "starts from", "what it is"), rows) if rows else None


def _row(contents: MethodsContents, row: dict[str, object]) -> list[str]:
    name = str(row["method"])

    def cell(measure: str, text: str, tested: str = "") -> str:
        value, bracket, interval = text.partition(" [")
        return value + contents.turn(name, tested or measure) + bracket + interval

    return [
        name,
        *(cell(m, _number(contents.of(name, m))) for m in FACTS),
        *(cell(m, percent(contents.of(name, m))) for m in TEXTS),
        "–" if contents.of(name, "win_rate") is None else percent(contents.of(name, "win_rate")),
        *(cell(m, percent(contents.of(name, m))) for m in ANSWERS),
        *(cell(m, percent(contents.of(name, m)), "over_abstained") for m in KNOWN),
        *(_number(contents.of(name, m)) for m in SURE),
        duration(float(str(row["seconds"]))) if row["seconds"] else "–",
        *(f"{row[part]:,}" if row[part] else "–" for part in ("samples", "judgements")),
    ]


def _number(estimate: Estimate | None) -> str:
    return "not measured" if estimate is None else f"{estimate:.2f}"


def _change(contents: MethodsContents, method: str, measure: str) -> str:
    found = contents.changes.get((method, measure))
    if found is None:
        return "not measured"
    parts = {name: found[name] for name in ("se", "ci_low", "ci_high", "n", "clusters", "direction")}
    change = Estimate(found["difference"], null=0.0, **parts)
    p = found["adjusted"]
    said = f"{change:+.2f}".replace("-", "−") if measure in FACTS else points(change)
    return f"{said}, p {'< .001' if p < 0.001 else f'= {p:.3f}'.replace('0.', '.')}"
