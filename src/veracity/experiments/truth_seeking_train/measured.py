"""Start and trained models, measured on held-out problems as the run was that they learnt from.

Domains, modes, judges and metric are the same. The tables are those of `truth-seeking` (`trajectories`, `beliefs`,
`metric_rows`, `scores`, …) in the training's own run folder, so analyzers read them there; an arm is `sft · direct`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from veracity.core.estimate import Estimate
from veracity.domains import open_domain
from veracity.experiments.desk import Desk, Policy
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
from veracity.experiments.truth_seeking_train.settings import SourceSettings, TruthTrainSettings
from veracity.experiments.truth_seeking_train.source import Material
from veracity.judging.graders import named_grader

if TYPE_CHECKING:
    import polars as pl


def measuring(settings: TruthTrainSettings, source: SourceSettings, material: Material) -> TruthSeekingSettings:
    """The settings of the run that was learnt from, for `start` and each method's model on the test split."""
    own = material.measured
    family = source.metric.partition(".")[0]
    evaluated = own.eval.model_dump() | {
        "models": ("start", *settings.methods),
        "exclude": (),
        "reference": "start",
        "split": "test",
        "n": settings.test_problems,
        "modes": source.modes or own.eval.modes,
        "metrics": [name for name in own.eval.metrics if name == family] or own.eval.metrics,
    }
    predictors = own.mp.predictors or own.eval.chosen_models
    changed = {"eval": evaluated, "mp": own.mp.model_dump() | {"predictors": predictors}, "seed": settings.seed}
    return TruthSeekingSettings.model_validate(own.model_dump() | changed)


def measured(desk: Desk, how: TruthSeekingSettings, metric: str, models: Mapping[str, Policy]) -> pl.DataFrame:
    """Stage `measured`: every model's rows of one metric; what they rest on is stored beside it.

    Other truths, or other code of a grader, are measured anew, as other models are.
    """
    import polars as pl

    asked = how.eval
    problems = [open_domain(spec).problems(asked.n, asked.split, how.seed) for spec in asked.domains]
    grader = named_grader(how.grader.spec).to_openai_spec() if "grader" in asked.metrics else None
    inputs = [how.model_dump(mode="json"), metric, {n: p.key for n, p in models.items()}, problems, grader]
    return desk.store("measured", inputs, lambda: _measure(desk, how, models).filter(pl.col("metric") == metric))


def _measure(desk: Desk, how: TruthSeekingSettings, models: Mapping[str, Policy]) -> pl.DataFrame:
    from veracity.experiments.truth_seeking.bench import open_truth_bench
    from veracity.experiments.truth_seeking.experiment import gathered, scored_stage

    bench = open_truth_bench(how, {name: policy.model for name, policy in models.items()})
    for role, backend in bench.backends.items():
        desk.cast[role] = backend
        desk.engine.cast(role, backend)
    with bench.ledger:
        return scored_stage(bench, desk, gathered(bench, desk)).rows


def metric_estimates(rows: pl.DataFrame, seed: int) -> dict[str, Estimate]:
    """`<model>: measured`, and `<model>: measured against start`, its difference on the same problems in the same mode.

    Rows without a value are in neither; a difference is of problems of which both have one.
    """
    import polars as pl

    from veracity.stats.cluster import bootstrap_mean
    from veracity.stats.paired import paired_difference

    parts = pl.col("arm").str.splitn(" · ", 2).struct
    named = rows.with_columns(
        model=parts.field("field_0"), how=parts.field("field_1"), source=pl.format("{}/{}", "domain", "cluster")
    )
    keys = ["how", "domain", "item", "source"]
    ok = named.filter(pl.col("status") == "ok")
    means = ok.group_by("model", *keys, maintain_order=True).agg(pl.col("value").mean())
    start, found = means.filter(pl.col("model") == "start"), dict[str, Estimate]()
    for model in named["model"].unique(maintain_order=True).to_list():
        own, direction = means.filter(pl.col("model") == model), named["direction"][0]
        if own.height:
            found[f"{model}: measured"] = bootstrap_mean(
                own["value"].to_numpy(), own["source"].to_list(), seed=seed, direction=direction
            )
        both = start.join(own, on=keys, suffix="_own", maintain_order="left")
        if model != "start" and both.height:
            found[f"{model}: measured against start"] = paired_difference(
                both["value_own"].to_numpy(), both["value"].to_numpy(), both["source"].to_list(),
                seed=seed, direction=direction,
            )  # fmt: skip
    return found
