"""The paper's own scoring, for comparison with its figures (Davidson et al., 2026, arXiv 2605.27564).

Verdicts that cannot be parsed are *dropped* from the mean, and the share that could be is recorded beside it as
the support; a generated reply is never invalid. It flatters a model that seldom gives a verdict: read it beside
the strict scores, where such replies count as wrong.
"""

from __future__ import annotations

import polars as pl

from veracity.judging.parsing import mentions

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


def with_fallback(rows: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """`rows` as the paper scores generated replies: one that mentions the value anywhere states it.

    A reply whose answer is not the value still counts as right on arm target, and as wrong on arm control, if the
    value occurs in it, reasoning included. All other rows stay as they are. `facts` needs the columns id, value,
    update, control and aliases (other spellings of `value`).
    """
    accepted = {
        (fact["id"], target): (value, *(fact["aliases"] if target == "learn" else ()))
        for fact in facts.iter_rows(named=True)
        for target, value in (("learn", fact["value"]), ("update", fact["update"]), ("control", fact["control"]))
    }
    generated = (pl.col("probe") == "generation") & (pl.col("status") != "request_failed")
    mentioned = [
        mentions(reply or "", accepted[fact, target])
        for fact, target, reply in rows.filter(generated).select("fact", "target", "reply").iter_rows()
    ]
    chosen = rows.filter(generated).with_columns(mentioned=pl.Series(mentioned, dtype=pl.Boolean))
    stated = pl.when(pl.col("arm") == "target").then(pl.col("mentioned")).otherwise(~pl.col("mentioned"))
    return pl.concat([rows.filter(~generated), chosen.with_columns(correct=stated).drop("mentioned")])


def _paper_score() -> pl.Expr:
    unscored = (pl.col("probe") == "generation") & pl.col("correct").is_null()
    scored = pl.when(unscored).then(pl.col("arm") == "control").otherwise(pl.col("correct"))
    return scored.cast(pl.Float64).alias("score")
