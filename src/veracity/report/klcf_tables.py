"""The tables of a KLCF page, and its headline: ready words from estimates and training logs."""

from __future__ import annotations

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.checklist_verifier import SUFFICIENT
from veracity.metrics.klcf_checks import tenths
from veracity.metrics.wording import percent, share
from veracity.report.klcf_contents import KlcfContents, label
from veracity.report.tables import Table
from veracity.rewards import dominant
from veracity.rewards.combining import DOMINANT

VERIFIER_PARTS = ("extraction", "verification", "truthfulness", "checklist", "general", "format")


def headline(contents: KlcfContents) -> str:
    """What a reader should take away; empty for a run that was not evaluated."""
    told = []
    for arm in contents.trained[:1]:
        recall, precision = (contents.change(arm, m) for m in ("recall", "precision"))
        before, after = (
            [contents.estimates[f"{who}: {m}"] for m in ("recall", "precision")] for who in (contents.start, arm)
        )
        told.append(
            f"{label(arm)} says {share(after[0].value)} of what the base model knows about people outside its "
            f"training ({label(contents.start)}: {share(before[0].value)}; {tenths(recall)}), and "
            f"{share(after[1].value)} of its claims are right ({share(before[1].value)}; {tenths(precision)})."
        )
    for arm in contents.trained[1:]:
        words = contents.change(arm, "words")
        sure = words.ci_low > 0 or words.ci_high < 0
        way = ("lengthens" if words.value > 0 else "shortens") if sure else "does not surely change the length of"
        told.append(f"“{label(arm)}” {way} answers ({_signed(words, 1)} words).")
    return " ".join(told)


def arms_table(contents: KlcfContents, prefix: str = "") -> Table | None:
    """Every arm's measures; `prefix`: `never met, ` for people whom the model never met."""
    rows = []
    for arm in contents.arms:
        found = {
            m: contents.estimates.get(f"{prefix}{arm}: {m}")
            for m in ("recall", "weighted_recall", "precision", "right", "wrong", "f1_at_k", "words")
        }
        if found["right"] is None:
            continue
        shares = [percent(found[m]) for m in ("recall", "weighted_recall", "precision")]
        numbers = [f"{found['right']:.2f}", f"{found['wrong']:.2f}", f"{found['f1_at_k']:.2f}", f"{found['words']:.1f}"]
        rows.append([label(arm), *(shares[2:] if prefix else shares), *numbers])
    if not rows:
        return None
    head = ("recall", "recall by importance", "precision") if not prefix else ("precision",)
    title = "People whom the model never met" if prefix else "Recall and precision"
    note = (
        "There is nothing to say about them: what the base model writes of them is hardly ever right."
        if prefix
        else "Recall: share of the items on a prompt's checklist (supported claims of the base model's own samples) "
        "that an answer states. Precision: share of its claims that are right. Both by a scorer that gave no reward, "
        "on prompts outside the training."
    )
    return Table(title, ("", *head, "right facts", "wrong facts", "F1@K", "words"), rows, note)


def change_table(contents: KlcfContents) -> Table | None:
    """Each arm against the start, over all seeds and one by one."""
    rows = []
    for arm in contents.trained:
        for seed in (None, *(contents.seeds if len(contents.seeds) > 1 else ())):
            shares = [tenths(contents.change(arm, m, seed)) for m in ("recall", "precision")]
            facts = [_signed(contents.change(arm, m, seed), 2) for m in ("right", "wrong")]
            name = label(arm) + ("" if seed is None else f", seed {seed}")
            rows.append([name, *shares, *facts, _signed(contents.change(arm, "words", seed), 1)])
    if not rows:
        return None
    header = ("", "recall", "precision", "right facts", "wrong facts", "words")
    return Table(f"Against {label(contents.start)}", header, rows, "Same prompts, paired; people are resampled.")


def parts_table(contents: KlcfContents) -> Table | None:
    """Every reward part of every arm: how it moved, its spread, and its share of the reward's variance."""
    parts = contents.tables.get("parts")
    if parts is None or not parts.height:
        return None
    rows = []
    for (arm, part), own in parts.group_by("arm", "part", maintain_order=True):
        first, last = own["step"].min(), own["step"].max()
        before, after = (own.filter(pl.col("step") == step)["mean"].mean() for step in (first, last))
        spread, missing, part_share = own["sd"].mean(), own["missing"].mean(), own["variance_share"].mean()
        rows.append(
            [f"{label(str(arm))}: {part}", *map(_number, (before, after, spread)), *map(_share, (missing, part_share))]
        )
    note = (
        "Share of the variance of the weighted sum inside groups, as the parts come, mean over steps; with "
        "normalize_then_sum each part is divided by its own deviation in the group before it is weighed."
    )
    return Table("Reward parts", ("", "first step", "last step", "sd", "missing", "variance"), rows, note)


def warnings(contents: KlcfContents) -> list[str]:
    """One sentence for each arm in which one part decides nearly alone, and each verifier that is no good."""
    parts, found = contents.tables.get("parts"), []
    if parts is not None and parts.height:
        for (arm,), own in parts.group_by("arm", maintain_order=True):
            listed = own.drop_nulls("variance_share").group_by("part", maintain_order=True)
            shares = {str(part): float(some["variance_share"].mean()) for (part,), some in listed}  # type: ignore[arg-type]
            if own["part"].n_unique() > 1 and (name := dominant(shares)):
                found.append(
                    f"In “{label(str(arm))}” the part {name} explains {share(shares[name])} of the reward's variance, "
                    f"more than {share(DOMINANT)}: the other parts hardly count; lower its weight."
                )
    for name, estimate in contents.estimates.items():
        if name.endswith(": auroc") and not estimate.ci_low > 0.5:
            found.append(f"{_capital(name.removesuffix(': auroc'))} does not rank true claims above false ones.")
        if name.endswith(": macro_f1") and not estimate.value >= SUFFICIENT:
            found.append(f"{_capital(name.removesuffix(': macro_f1'))} has a macro-F1 below {SUFFICIENT:g}.")
    return found


def verifier_table(contents: KlcfContents) -> Table | None:
    """How good the verifiers are that reward, seed by seed, measured before they did."""
    rows = []
    for place in dict.fromkeys(
        n.partition(": ")[0] for n in contents.estimates if n.startswith(("truthf", "checklist v"))
    ):
        e = {m: contents.estimates.get(f"{place}: {m}") for m in ("auroc", "ece", "ece calibrated", "true", "macro_f1")}
        rows.append([_capital(place), *(_two(e[m]) for m in ("auroc", "ece", "ece calibrated")), _two(e["macro_f1"])])
    note = (
        "Truthfulness models on held-out prompts (AUROC: chance .5; ECE before and after its temperature; trained on "
        "two true claims for each false one, they think too few true where more are). Checklist verifier on "
        "synthesized pairs: stated in other words, contradicted, left out."
    )
    header = ("", "AUROC", "ECE", "ECE, calibrated", "macro-F1")
    return Table("Verifiers, measured before they rewarded", header, rows, note) if rows else None


def latency_table(contents: KlcfContents) -> Table | None:
    """Milliseconds a response for each part of the judging, and what share of a step the judge took."""
    rows = []
    steps = contents.tables.get("steps")
    for arm in dict.fromkeys(one.arm for one in contents.latencies):
        own = [one for one in contents.latencies if one.arm == arm]
        responses = sum(one.responses for one in own)
        took = {p: sum(one.seconds.get(p, 0.0) for one in own) for p in VERIFIER_PARTS}
        each = [
            f"{1000 * took[p] / responses:.2f}" if any(p in o.seconds for o in own) else "–" for p in VERIFIER_PARTS
        ]
        rows.append([label(arm), *each, _share(_reward_share(steps, arm)), f"{responses:,}"])
    header = ("", *VERIFIER_PARTS, "share of a step", "responses")
    note = "Equal texts and claims judged once; – where no reward reads it."
    return Table("What the rewards take, in milliseconds a response", header, rows, note) if rows else None


def _reward_share(steps: pl.DataFrame | None, arm: str) -> float | None:
    if steps is None or not steps.height:
        return None
    own = steps.filter(pl.col("arm") == arm)
    parts = [float(own[name].sum()) for name in ("reward_s", "generation_s", "update_s")]
    return parts[0] / sum(parts) if sum(parts) else None


def _two(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate:.2f}"


def _signed(change: Estimate, digits: int) -> str:
    if not change.n:
        return "not measured"
    number = f"+.{digits}f"
    return f"{change.value:{number}} [{change.ci_low:{number}}, {change.ci_high:{number}}]".replace("-", "−")


def _number(value: object) -> str:
    return f"{value:.2f}".replace("-", "−") if isinstance(value, float) else "–"


def _share(value: object) -> str:
    return share(value) if isinstance(value, float) else "–"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
