"""What training on rewards for beliefs did: each model's reward on held-out problems, and the change from the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from veracity.core.estimate import Estimate
from veracity.core.identity import content_hash
from veracity.experiments.desk import Desk, Policy, expenses
from veracity.experiments.truth_seeking_train.settings import TruthTrainSettings

if TYPE_CHECKING:
    import polars as pl

UNKNOWN = ("request_failed", "grader_failed", "timed_out")
"""States of a grade that are no word on the answer."""


def conclude(
    desk: Desk,
    settings: TruthTrainSettings,
    models: Mapping[str, Policy],
    measured: Mapping[str, Estimate],
    wall_s: float,
) -> None:
    """Write failures, estimates (those of the source's metric among them), manifest and the page."""
    from veracity.report.truth_seeking_train import write_truth_train_report

    run = desk.run_folder
    run.table("failures", content_hash(desk.keys), desk.all_failures)
    if not run.complete:
        run.write_estimates(estimates_of(desk.tables["test.answers"], settings.seed) | dict(measured))
    run.write_manifest(
        recipe={"experiment": "truth-seeking-train", **settings.model_dump(mode="json")},
        seeds={"run": settings.seed},
        models={name: policy.key for name, policy in models.items()},
        wall_s=wall_s,
        names={name: policy.model for name, policy in models.items()},
        **expenses(desk.engine, desk.seconds),
    )
    write_truth_train_report(run.path)


def estimates_of(answers: pl.DataFrame, seed: int) -> dict[str, Estimate]:
    """`<model>: reward`, of answers that have one; `readable`, the share that has; and `reward against start`, paired.

    The last takes an answer that has no grade for what it says, or does not say, for the worst that was given, so that
    silence cannot pass for progress. Where asking or grading failed, nobody knows, and the answer is in no mean.
    """
    import polars as pl

    from veracity.stats.cluster import bootstrap_mean
    from veracity.stats.paired import paired_difference
    from veracity.stats.proportion import clustered_proportion

    found: dict[str, Estimate] = {}
    worst = answers["reward"].min()
    filled = answers.filter(~pl.col("status").is_in(UNKNOWN)).with_columns(
        pl.col("reward").fill_null(pl.lit(worst, pl.Float64))
    )
    means = filled.group_by("arm", "item", "cluster", maintain_order=True).agg(pl.col("reward").mean())
    start = means.filter(pl.col("arm") == "start")
    for arm in answers["arm"].unique(maintain_order=True).to_list():
        own = answers.filter(pl.col("arm") == arm)
        ok = own.filter(pl.col("reward").is_not_null())
        found[f"{arm}: readable"] = clustered_proportion(
            own["reward"].is_not_null().to_list(), own["cluster"].to_list(), direction="higher"
        )
        if ok.height:
            found[f"{arm}: reward"] = bootstrap_mean(
                ok["reward"].to_numpy(), ok["cluster"].to_list(), seed=seed, direction="higher"
            )
        both = start.join(means.filter(pl.col("arm") == arm), on=["item", "cluster"], suffix="_own")
        if arm != "start" and worst is not None and both.height:
            found[f"{arm}: reward against start"] = paired_difference(
                both["reward_own"].to_numpy(), both["reward"].to_numpy(), both["cluster"].to_list(), seed=seed
            )
    return found
