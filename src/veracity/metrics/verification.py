"""Strict verification: a statement is accepted or refused only where both polarities agree on it.

Asked "is it correct?" and "is it incorrect?" about one statement, a model that knows says True, False or False,
True. A model that always says True, always False, or flips coins is caught (Davidson et al., 2026, arXiv
2605.27564, natural experiments). Chance for a pair is .25 under independent coin flips.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.series import KEYS, estimate, share

PAIR_KEYS = ["seed", "phase", "delay", "epoch", "fact", "subject", "category", "target", "arm", "foil_kind", "template"]
OUTCOMES = ("accept", "reject", "inconsistent", "unsure", "unparsed", "request_failed")


def verdict_pairs(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a statement shown in both polarities: the keys and its `outcome`, one of `OUTCOMES`.

    accept: True to "correct?", False to "incorrect?"; reject: the reverse; inconsistent: the two agree with
    neither; unsure, unparsed, request_failed: a member is so (the last named wins). A row without a partner makes
    no pair. Several foils of one kind pair in the order of their rows.
    """
    verification = rows.filter(pl.col("probe") == "verification")
    turn = pl.int_range(pl.len()).over([*PAIR_KEYS, "polarity"])
    agrees = (pl.col("arm") == "target") == (pl.col("polarity") == "correct")
    said = verification.with_columns(turn=turn, said_true=pl.col("correct") == agrees)
    keys = [*PAIR_KEYS, "turn"]
    sides = [
        said.filter(pl.col("polarity") == p).select(
            *keys, pl.col("said_true").alias(p), pl.col("status").alias(f"s_{p}")
        )
        for p in ("correct", "incorrect")
    ]
    return sides[0].join(sides[1], on=keys, how="inner").with_columns(outcome=_outcome()).select(*keys, "outcome")


def strict_scores(pairs: pl.DataFrame, *, seed: int = 0) -> dict[str, Estimate]:
    """Scores of one checkpoint from its `verdict_pairs`, clustered by subject; choose one target beforehand.

    - `valid_share`: pairs with two verdicts or an admission of being unsure, among all answered pairs.
    - `acceptance` (B): share of true statements strictly accepted; chance .25.
    - `rejection` (C): share of foil statements strictly rejected; chance .25.
    - `bias` (B − C): paired per fact; positive is credulous, negative sceptical; null 0.
    - `informedness` (B + C − 1): 0 for a consistent verifier that knows nothing, −.5 for coin flips.
    - `consistency`: share of answered pairs that are an accept or a reject.
    Pairs with a failed request are left out; every other failure to accept (reject) counts against B (C).
    """
    kept = pairs.filter(pl.col("outcome") != "request_failed").with_columns(
        valid=(pl.col("outcome") != "unparsed").cast(pl.Float64),
        consistent=pl.col("outcome").is_in(["accept", "reject"]).cast(pl.Float64),
    )
    facts = _facts(kept)
    return {
        "valid_share": share(facts, "valid"),
        "acceptance": share(facts, "accepted", null=0.25),
        "rejection": share(facts, "rejected", null=0.25),
        "bias": estimate(facts, ["bias"], lambda m: m[:, 0], null=0.0, seed=seed),
        "informedness": estimate(
            facts, ["accepted", "rejected"], lambda m: m[:, 0] + m[:, 1] - 1, direction="higher", null=0.0, seed=seed
        ),
        "consistency": share(facts, "consistent", null=0.5),
    }


def macro_bias(pairs: pl.DataFrame, by: str = "category") -> Estimate:
    """The paper's bias over k datasets: mean of per-dataset B − C, SE = sqrt(mean(SE_i²) / k), SE_i² = var(d)/n.

    d is accept − reject of a fact that has both statements, var the sample variance; interval ± 1.96 SE.
    Datasets with fewer than two such facts cannot be weighed and are left out.
    """
    facts = _facts(pairs.filter(pl.col("outcome") != "request_failed"), extra=by).drop_nulls("bias")
    sets = facts.group_by(by).agg(d=pl.col("bias").mean(), v=pl.col("bias").var() / pl.len(), n=pl.len())
    sets = sets.filter(pl.col("n") > 1)
    k, n = sets.height, int(sets["n"].sum())
    if k == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, "neither", 0.0)
    value = math.fsum(sets["d"]) / k
    se = math.sqrt(math.fsum(sets["v"]) / k / k)
    return Estimate(value, se, value - 1.959964 * se, value + 1.959964 * se, n, n, "neither", 0.0)


def chance_corrected(share: float, chance: float = 0.5) -> float:
    """(share − chance) / (1 − chance): 0 at chance, 1 when perfect, negative below; 2V − 1 at chance .5."""
    return (share - chance) / (1 - chance)


def outcome_shares(pairs: pl.DataFrame) -> Mapping[str, float]:
    """Share of each outcome among all pairs; empty without pairs."""
    if pairs.height == 0:
        return {}
    return {o: float((pairs["outcome"] == o).sum()) / pairs.height for o in OUTCOMES}


def _facts(pairs: pl.DataFrame, extra: str | None = None) -> pl.DataFrame:
    """One row a (seed, fact): shares of accepted true and rejected foil statements, and their difference."""
    true, foil = pl.col("arm") == "target", pl.col("arm") == "control"
    flags = [c for c in ("valid", "consistent") if c in pairs.columns]
    table = pairs.group_by([*KEYS, *([extra] if extra else [])]).agg(
        *[pl.col(flag).mean() for flag in flags],
        accepted=(pl.col("outcome") == "accept").filter(true).mean(),
        rejected=(pl.col("outcome") == "reject").filter(foil).mean(),
    )
    return table.with_columns(bias=pl.col("accepted") - pl.col("rejected")).sort(KEYS)


def _outcome() -> pl.Expr:
    either = {s: (pl.col("s_correct") == s) | (pl.col("s_incorrect") == s) for s in _STATES}
    yes, no = pl.col("correct"), pl.col("incorrect")
    return (
        pl.when(either["request_failed"])
        .then(pl.lit("request_failed"))
        .when(either["parse_failed"])
        .then(pl.lit("unparsed"))
        .when(either["unsure"])
        .then(pl.lit("unsure"))
        .when(yes & ~no)
        .then(pl.lit("accept"))
        .when(~yes & no)
        .then(pl.lit("reject"))
        .otherwise(pl.lit("inconsistent"))
    )


_STATES = ("request_failed", "parse_failed", "unsure")
