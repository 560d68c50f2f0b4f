"""Does a factuality run in the laboratory show what must be true there? Three checks with numbers and intervals.

In the embedded world truth is known by look-up and exposure by construction, so a measurement can itself be measured:

1. retrieval and the verifier together agree with the look-up on the model's own claims (landmark: at least .97);
2. what the model says is right the more often, the more often it met its subject: the precision never falls from one
   level of exposure to the next by more than chance allows, and the highest is above the lowest by its whole interval;
3. its confidence tells subjects that it met from subjects that it never met (AUROC, landmark: at least .8).

A landmark is met by the value; a claim about order by the whole interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.checks import Check
from veracity.metrics.judged_confidence import JudgedConfidence
from veracity.metrics.ranking import auroc
from veracity.metrics.wording import fraction, percent, points
from veracity.stats.cluster import bootstrap_statistic

AGREEMENT_LEVEL, AUROC_LEVEL = 0.97, 0.8
FEWEST_LEVELS = 3


def agreement_check(judgements: pl.DataFrame) -> Check:
    """Check 1, from the rows of a judgements table in which the run's own claims are judged beside the truth."""
    from veracity.stats.proportion import clustered_proportion

    name = "Retrieval and verifier agree with the look-up"
    judged = judgements.filter(pl.col("status") == "judged")
    if not judged.height:
        return Check(name, None, {}, "no claim about the embedded world was judged")
    agreed = clustered_proportion((judged["label"] == judged["truth"]).to_numpy(), judged["cluster"].to_list())
    lost = judgements.height - judged.height
    sentence = f"{percent(agreed)} of {judged.height:,} judged claims have the label that the look-up gives"
    beside = f"; {lost:,} claims could not be judged" if lost else ""
    return Check(name, agreed.value >= AGREEMENT_LEVEL, {"agreement": agreed}, f"{sentence}{beside} (at least 97 %).")


def monotone_check(claims: pl.DataFrame, exposure: Mapping[str, float]) -> Check:
    """Check 2. `exposure`: of each item's subject; the claims of items without one are left out."""
    name = "Precision rises with exposure"
    judged = claims.filter(pl.col("label").is_in(["supported", "refuted", "not_enough"]))
    judged = judged.filter(pl.col("item").is_in(list(exposure)))
    levels = sorted({exposure[item] for item in judged["item"]})
    if len(levels) < FEWEST_LEVELS:
        return Check(
            name, None, {}, f"{len(levels)} levels of exposure were asked about; a trend needs {FEWEST_LEVELS}"
        )
    place = np.array([levels.index(exposure[item]) for item in judged["item"]])
    right = (judged["label"] == "supported").to_numpy().astype(float)
    table = np.where(place[:, None] == np.arange(len(levels)), right[:, None], np.nan)
    clusters = judged["cluster"].to_list()
    means = [float(right[place == i].mean()) for i in range(len(levels))]
    steps = [_rise(table, clusters, i, i + 1) for i in range(len(levels) - 1)]
    whole = _rise(table, clusters, 0, len(levels) - 1)
    passed = whole.ci_low > 0 and all(not step.ci_high < 0 for step in steps)
    shown = ", ".join(f"{100 * mean:.0f} % at {fraction(level)}" for level, mean in zip(levels, means, strict=True))
    falls = sum(step.value < 0 for step in steps)
    remark = f"; {falls} of the steps fall, none beyond chance" if falls and passed else ""
    numbers: dict[str, Estimate | float | None] = {"highest above lowest": whole}
    numbers |= {f"step to {levels[i + 1]:g}": step for i, step in enumerate(steps)}
    sentence = f"Supported claims by exposure: {shown}{remark}. From lowest to highest {points(whole)}."
    return Check(name, passed, numbers, sentence)


def recognition_check(scores: pl.DataFrame, exposure: Mapping[str, float], method: str, *, seed: int = 0) -> Check:
    """Check 3: subjects of exposure 1 against those of exposure 0.

    Args:
        scores: Columns `item`, `cluster`, `score`: one confidence an answer.
        exposure: Of each item's subject.
        method: Who gave the scores, for the sentence.
        seed: Of the bootstrap.
    """
    name = "Confidence tells known from unknown"
    kept = scores.filter(pl.col("item").is_in([item for item, level in exposure.items() if level in (0.0, 1.0)]))
    known = np.array([exposure[item] == 1.0 for item in kept["item"]], dtype=bool)
    measured = auroc(JudgedConfidence.of(kept["score"].to_numpy(), known, kept["cluster"].to_list()), seed=seed)
    if measured.estimate is None:
        return Check(name, None, {}, "no confidence in answers about both known and unknown subjects was asked for")
    area = measured.estimate
    if math.isnan(area.ci_low):
        few = min(int(known.sum()), int((~known).sum()))
        return Check(name, None, {"auroc": area}, f"too few answers on one side ({few}) to tell the sides apart")
    sentence = (
        f"{method}: AUROC {area:.2f} between {int(known.sum()):,} answers about subjects of exposure 1 and "
        f"{int((~known).sum()):,} about subjects never met (at least .80; chance .50)."
    )
    return Check(name, area.value >= AUROC_LEVEL, {"auroc": area}, sentence)


def _rise(table: np.ndarray, clusters: list[str], low: int, high: int) -> Estimate:
    """Precision at the level `high` minus that at `low`; clusters are resampled."""
    pair = table[:, [low, high]]
    present = ~np.isnan(pair).all(axis=1)
    names = [name for name, keep in zip(clusters, present, strict=True) if keep]
    return bootstrap_statistic(pair[present], names, lambda means: means[:, 1] - means[:, 0], seed=0, null=0.0)
