"""The tables of a factuality page: ready words, made from estimates and cards; chance levels and failures beside."""

from __future__ import annotations

import math

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.factuality_scores import arms_of, of_arm
from veracity.metrics.win_rate import LEAST_AGREEMENT, LEAST_PAIRS, win_rate
from veracity.metrics.wording import percent
from veracity.metrics.wording import share as bare
from veracity.report.factuality_contents import FactualityContents
from veracity.report.tables import Table

SHORT = {
    "correct": "right",
    "not_attempted": "declined",
    "incorrect": "wrong, of all",
    "hallucination_of_attempted": "wrong, of attempted",
    "correct_given_attempted": "right, of attempted",
    "f": "F",
    "truthfulness": "truthfulness",
}
CLASSES = ("AllCorrect", "PartialCorrect", "PartialNotAttempt", "AllNotAttempt", "AllAttemptWrong")
WINS = {"win_rate": "win rate", "win_rate at equal length": "at equal length", "flip_rate": "flipped"}
LONG = {
    "precision": "precision, mean over answers",
    "respond_ratio": "answers with a claim (respond ratio)",
    "claims": "claims in an answer, mean",
    "words": "words in an answer, mean",
    "abstained": "answers that decline",
    "zero_claims": "answers without a claim",
    "judge_failed": "claims without a verdict",
}
"""How a measure of long answers is called in the table, where its stored name says too little."""
EXCLUDED, AS_ZERO = " (excluded)", " (as zero)"
MICRO, COUNTS = "precision of all claims", ("claims", "words")


def short_table(contents: FactualityContents) -> Table | None:
    """The short form, one row an arm."""
    if contents.answers is None:
        return None
    rows = [
        [arm, *[_cell(contents.estimates.get(f"answers, {arm}: {measure}")) for measure in SHORT]]
        for arm in contents.arms
    ]
    always = ["always declining", "0 %", "100 %", "0 %", "–", "–", "0 %", "0 %"]
    note = (
        "F is the harmonic mean of right among all and right among attempted (SimpleQA); truthfulness is right minus "
        "wrong among all, so that a guess pays only if it is right more often than not. “Wrong, of all” and “wrong, of "
        "attempted” both go by the name of hallucination rate in the literature."
    )
    return Table("Short answers", ["arm", *SHORT.values()], [*rows, always], note)


def knowledge_table(contents: FactualityContents) -> Table | None:
    """Abstention where the model knows and where it does not, by M samples."""
    names = [n for n in contents.estimates if n.startswith("answers, ") and ": known@" in n]
    if not names:
        return None
    m = names[0].rpartition("@")[2]
    measures = {
        f"over_abstention@{m}": "declines, of known",
        f"hallucination_on_unknown@{m}": "wrong, of unknown",
        f"knowledge_loss@{m}": "not right, of known",
        f"abstention_precision@{m}": "unknown, of declined",
        f"abstention_recall@{m}": "declines, of unknown",
        f"abstention_f1@{m}": "F1 of declining",
    }
    rows = [
        [arm, *[_cell(contents.estimates.get(f"answers, {arm}: {one}"), chance=True) for one in measures]]
        for arm in contents.arms
    ]
    known = percent(contents.estimates[names[0]])
    first = contents.arms[0]
    note = f"A question is known if at least one of {m} drawn answers of the arm “{first}” is right: {known} are."
    return Table("Declining where it should", ["arm", *measures.values()], rows, note)


def sampled_table(contents: FactualityContents) -> Table | None:
    """Five classes of questions by what several drawn answers were."""
    arms = [arm for arm in contents.arms if f"samples, {arm}: {CLASSES[0]}" in contents.estimates]
    if not arms:
        return None
    rows = [[arm, *[_cell(contents.estimates[f"samples, {arm}: {one}"]) for one in CLASSES]] for arm in arms]
    header = ["arm", "all right", "some right", "some declined, none right", "all declined", "all attempted, wrong"]
    return Table("Questions by their drawn answers", header, rows, "Greedy answers hide what happens in between.")


def confidence_table(contents: FactualityContents) -> Table | None:
    """Every method: ranking, selective prediction, calibration."""
    if not contents.methods:
        return None
    measures = {"auroc": "AUROC", "aurc": "AURC", "excess_aurc": "E-AURC", "brier": "Brier", "ece": "ECE"}
    rows = []
    for arm, method in contents.methods:
        start = f"confidence, {arm}, {method}: "
        cells = [_number(contents.estimates.get(start + one)) for one in measures]
        rows.append([f"{method.replace('_', ' ')} ({arm})", *cells])
    note = (
        "Of attempted answers. AUROC: how surely a right answer has more confidence than a wrong one (chance .50). "
        "AURC: mean risk over all coverages; E-AURC: what of it a better ranking could spare. Brier and ECE need "
        "probabilities, which not every method gives. “Chance” is random order, or always stating the base rate; for "
        "ECE, what perfect calibration shows with so many answers."
    )
    return Table("Confidence", ["method (arm)", *measures.values()], rows, note)


def long_table(contents: FactualityContents) -> Table | None:
    """The long form, one row a measure; for every arm both treatments of answers without a score, side by side."""
    if contents.responses is None:
        return None
    arms = arms_of(contents.responses)
    start = f"claims, {arms[0]}: "
    names = [name.removeprefix(start) for name in contents.estimates if name.startswith(start)]
    rows: list[list[str]] = []
    for name in dict.fromkeys(n.removesuffix(EXCLUDED).removesuffix(AS_ZERO) for n in names):
        rows.append([_called(name), *[cell for arm in arms for cell in _treated(contents, arm, name)]])
        if name == MICRO:
            corrected = [(percent(contents.corrected_precision(arm)), "") for arm in arms]
            rows.append(["… corrected for the verifier's errors", *[cell for pair in corrected for cell in pair]])
    note = (
        "“Excluded” leaves out answers that abstain and claims without evidence, “as zero” counts them as nothing "
        "supported. FActScore is precision, lowered for answers of fewer than γ claims; recall@K the supported claims "
        "over K, at most 1; F1@K its harmonic mean with precision. The correction is p = (p̂ + sp − 1) / (se + sp − 1) "
        "with the verifier's sensitivity and specificity "
        "below (Rogan and Gladen); its interval carries the uncertainty of all three."
    )
    header = ["measure", *[f"{arm}: {how}" for arm in arms for how in ("excluded", "as zero")]]
    return Table("Long answers", header, rows, note)


def _called(name: str) -> str:
    """A measure of long answers as the field writes it: `F1@32`, `FActScore, γ 10`."""
    return LONG.get(name, name.replace("f1@", "F1@").replace("factscore, gamma", "FActScore, γ").replace("_", " "))


def _treated(contents: FactualityContents, arm: str, name: str) -> tuple[str, str]:
    """Both treatments of a measure; one that knows no treatments stands in the first column."""
    found = [contents.estimates.get(f"claims, {arm}: {name}{how}") for how in (EXCLUDED, AS_ZERO)]
    if found[0] is not None:
        return _cell(found[0]), _cell(found[1])
    one = contents.estimates.get(f"claims, {arm}: {name}")
    return (_number(one) if name in COUNTS else _cell(one)), ""


def win_table(contents: FactualityContents) -> Table | None:
    """Every arm's long answers against the reference arm's."""
    if contents.pairs is None:
        return None
    against = contents.pairs["against"][0]
    rows = [
        [arm, *[_cell(contents.estimates.get(f"pairs, {arm}: {one}")) for one in WINS], *_outcomes(contents.pairs, arm)]
        for arm in arms_of(contents.pairs)
    ]
    note = (
        f"How often the judge calls an arm's answer better than the answer of “{against}” to the same prompt; it saw "
        "each pair in both orders, and half a tie counts as a win. Who is called better in one order only has tied; "
        "flipped: the share of such pairs. Longer answers are often liked more; “at equal length” is fitted. "
        f"{_trust(contents)}"
    )
    header = [f"arm, against {against}", *WINS.values(), "won", "lost", "tied", "of these the same words", "no outcome"]
    return Table("Win rate of long answers", header, rows, note)


def _outcomes(pairs: pl.DataFrame, arm: str) -> list[str]:
    found = win_rate(of_arm(pairs, arm))
    counts = (found.wins, found.losses, found.ties, found.identical, found.dropped + found.missing)
    return [f"{count:,}" for count in counts]


def _trust(contents: FactualityContents) -> str:
    """What is known of who compared."""
    card = contents.pairwise_card
    if card is None:
        return "The judge itself was not measured (card_items is 0), so do not rely on this."
    seen = f"Of {card.agreement.n:,} pairs of a true and a false biography the judge prefers the true one in "
    seen += percent(card.agreement)
    if contents.trusts_win_rates:
        return f"{seen}."
    return f"{seen}; below {bare(LEAST_AGREEMENT)} of {LEAST_PAIRS} pairs a win rate is not to be relied on."


def card_table(contents: FactualityContents) -> Table | None:
    """The judge quality card, and how well the corpus is searched."""
    cards = contents.cards
    if not cards:
        return None
    header = [
        "judge",
        "agreement",
        "kappa",
        "false support",
        "false refute",
        "failed",
        "items",
        "ms an item",
        "$ an item",
    ]
    rows = [
        [
            card.judge,
            _cell(card.agreement, chance=True),
            _number(card.kappa) if card.kappa is not None else "one label only",
            _cell(card.false_support),
            _cell(card.false_refute),
            _cell(card.failures),
            f"{card.failures.n:,}",
            "–" if card.seconds is None else f"{1000 * card.seconds:.2f}",
            "–" if card.cost is None else f"{card.cost:.5f}",
        ]
        for card in cards
    ]
    note = (
        "On items of the embedded world, whose right label is known. False support: called "
        "supported (correct, declining) though it is not; false refute: called the opposite though it is. “Failed” "
        "items have no label: no judge where rules leave an answer open, a reply that cannot be read, no evidence."
    )
    recall = [f"{n.removeprefix('corpus: ')} {percent(e)}" for n, e in contents.estimates.items() if "corpus: " in n]
    note += f" Searching the whole corpus for a claim finds its page: {', '.join(recall)}." if recall else ""
    return Table("Judge quality card", header, rows, note)


def failure_table(contents: FactualityContents) -> Table | None:
    """Rows by state: what has a value, and why the others have none."""
    rows = []
    for name, table in contents.tables.items():
        if "status" not in table.columns or not table.height:
            continue
        counts = table["status"].value_counts().sort("count", "status", descending=[True, False])
        told = ", ".join(f"{status.replace('_', ' ')} {count:,}" for status, count in counts.iter_rows())
        rows.append([name.replace("_", " "), f"{table.height:,}", told])
    return Table("Every row by its state", ["table", "rows", "states"], rows) if rows else None


def stage_table(answers: pl.DataFrame | None) -> Table | None:
    """Who graded: which stage decided how many answers."""
    if answers is None:
        return None
    counts = answers.group_by("arm", "stage", maintain_order=True).len()
    stages = sorted(counts["stage"].drop_nulls().unique().to_list())
    found = {(arm, stage): count for arm, stage, count in counts.iter_rows()}
    rows = [[arm, *[f"{found.get((arm, stage), 0):,}" for stage in stages]] for arm in arms_of(answers)]
    return Table("What decided each grade", ["arm", *stages], rows)


def _cell(estimate: Estimate | None, *, chance: bool = False) -> str:
    """A share; with its chance level where that is wanted and known."""
    if estimate is None or not estimate.n:
        return "–"
    known = chance and estimate.null is not None and not math.isnan(estimate.null)
    return percent(estimate) + (f" [chance {bare(estimate.null or 0.0)}]" if known else "")


def _number(estimate: Estimate | None) -> str:
    """A number with its interval and, where it is known, what chance gives."""
    if estimate is None or not estimate.n:
        return "–"
    shown = f"{estimate:.2f}".replace("-", "−")
    return shown if estimate.null is None else f"{shown} [chance {estimate.null:.2f}]"
