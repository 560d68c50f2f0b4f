"""The paper's own scoring, for comparison with its figures (Davidson et al., 2026, arXiv 2605.27564).

Verdicts that cannot be parsed are *dropped* from the mean, and the share that could be is recorded beside it as
the support; a generated reply is never invalid. It flatters a model that seldom gives a verdict: read it beside
the strict scores, where such replies count as wrong.
"""

from __future__ import annotations

import polars as pl

PAPER_KEYS = ["seed", "phase", "delay", "epoch", "probe", "target", "arm"]


def paper_scores(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a (seed, phase, delay, epoch, probe, target, arm): `mean`, `sem`, `support`, `facts`, `rows`.

    Each (fact, template) is a bucket whose value is the mean over its valid prompts, of both polarities and all
    foils; a fact's value is the mean over its buckets, `mean` the plain mean over facts. `sem` is the population
    standard deviation over facts / sqrt(facts). `support` is valid / all replies. A fact without any valid reply
    leaves the mean; a group without one has a null mean. A generated reply that holds no answer counts as not
    stating the value: wrong on arm target, right on arm control.
    """
    answered = rows.filter(pl.col("status") != "request_failed").with_columns(_paper_score())
    buckets = answered.group_by([*PAPER_KEYS, "fact", "template"]).agg(pl.col("score").mean())
    facts = buckets.group_by([*PAPER_KEYS, "fact"]).agg(pl.col("score").mean())
    means = facts.group_by(PAPER_KEYS).agg(
        mean=pl.col("score").mean(),
        sem=pl.col("score").std(ddof=0) / pl.col("score").count().cast(pl.Float64).sqrt(),
        facts=pl.col("score").count(),
    )
    support = answered.group_by(PAPER_KEYS).agg(support=pl.col("score").is_not_null().mean(), rows=pl.len())
    return means.join(support, on=PAPER_KEYS, how="left").sort(PAPER_KEYS)


def _paper_score() -> pl.Expr:
    no_answer = (pl.col("status") == "parse_failed") & (pl.col("probe") == "generation")
    scored = pl.when(no_answer).then(pl.col("arm") == "control").otherwise(pl.col("correct"))
    return scored.cast(pl.Float64).alias("score")
