"""The tables of a FactTune page, and its headline: ready words from estimates."""

from __future__ import annotations

from veracity.metrics.facttune_checks import NAMES
from veracity.metrics.wording import fraction, percent
from veracity.report.facttune_contents import FactTuneContents, label
from veracity.report.tables import Table

HEADER = ("", "right facts", "wrong facts", "share wrong", "F1@K", "declined", "words")


def headline(contents: FactTuneContents) -> str:
    """What a reader should take away; empty for a run that was not evaluated."""
    told = []
    for method in contents.methods:
        fall = contents.change(method, "share_wrong").fall
        kept = contents.change(method, "right").ratio
        before, after = contents.estimates["sft: share_wrong"], contents.estimates[f"{method}: share_wrong"]
        turn = (
            "does not change for sure" if fall.ci_low <= 0 <= fall.ci_high else ("falls" if fall.value > 0 else "rises")
        )
        told.append(
            f"With {NAMES[method]} the share of wrong facts about people outside its pairs {turn}: {percent(before)} "
            f"after SFT, {percent(after)} after DPO, a fall of {percent(fall)}; it states {percent(kept)} of the right "
            "facts."
        )
    return " ".join(told)


def arms_table(contents: FactTuneContents, prefix: str = "") -> Table | None:
    """Every arm's measures; `prefix`: `never met, ` for people whom the model never met."""
    rows = []
    for arm in contents.arms:
        name = f"{prefix}{arm}: "
        if f"{name}right" not in contents.estimates:
            continue
        e = {
            m: contents.estimates[name + m] for m in ("right", "wrong", "share_wrong", "f1_at_k", "abstained", "words")
        }
        numbers = [f"{e['right']:.2f}", f"{e['wrong']:.2f}", percent(e["share_wrong"]), f"{e['f1_at_k']:.2f}"]
        rows.append([label(arm), *numbers, percent(e["abstained"]), f"{e['words']:.1f}"])
    if not rows:
        return None
    title = "People whom the model never met" if prefix else "Right and wrong facts"
    note = (
        "About them nearly every sample is wrong, so that there is little to prefer; no pair was made of such people."
        if prefix
        else "Facts a text, of people outside the pairs; sampled at the temperature of training unless greedy. "
        "Share wrong: mean over texts that make claims. F1@K: of precision and recall, K right facts "
        "being all (evaluation.k)."
    )
    return Table(title, HEADER, rows, note)


def change_table(contents: FactTuneContents) -> Table | None:
    """Each method against SFT, over all seeds and one by one."""
    rows = []
    for method in contents.methods:
        for seed in (None, *(contents.seeds if len(contents.seeds) > 1 else ())):
            name = NAMES[method] + ("" if seed is None else f", seed {seed}")
            fall = contents.change(method, "share_wrong", seed).fall
            parts = [contents.change(method, m, seed).ratio for m in ("right", "wrong", "words")]
            rows.append([name, percent(fall), *(percent(part) for part in parts)])
    if not rows:
        return None
    header = ("", "fall of share wrong", "right facts kept", "wrong facts left", "words kept")
    return Table("Against SFT", header, rows, "On the same people; intervals resample people.")


def exposure_table(contents: FactTuneContents) -> Table | None:
    """Share of wrong facts by how often the subject was met in training."""
    starts = [n.partition(",")[0] for n in contents.estimates if n.startswith("exposure ")]
    levels = list(dict.fromkeys(starts))
    arms = ["sft", *contents.methods]
    rows = [
        [
            fraction(float(level.split()[1])),
            *(percent(contents.estimates.get(f"{level}, {a}: share_wrong")) for a in arms),
        ]
        for level in levels
    ]
    if not rows:
        return None
    return Table("Share of wrong facts by exposure", ("exposure", *map(label, arms)), rows)


def pairs_table(contents: FactTuneContents) -> Table | None:
    """How many pairs there were, and why others were left out."""
    reasons = ("tie", "small_margin", "same_text", "unequal_length", "no_score")
    rows = [
        [f"{NAMES[e['method']]}, seed {e['seed']}", f"{e['pairs']:,}", f"{e['without']:,}"]
        + [f"{e.get(reason, 0):,}" for reason in reasons]
        for e in contents.pairs
    ]
    header = ("", "pairs", "prompts without", "ties", "small margin", "same text", "unequal length", "no score")
    note = "Left out by reason; “no score” counts texts, the others pairs of texts."
    return Table("Pairs", header, rows, note) if rows else None
