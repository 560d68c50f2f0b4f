"""What analyzers read: the tables of runs, and one table of scores with what is known about each.

A score is a row of metric values joined with its trajectory: who reasoned (`policy`), in which mode, under which system
prompt, how long, with how many hedges and questions. Scores are compared by `unit`, an item under a condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from veracity.analysis.wording import plain_names
from veracity.core.errors import DataError
from veracity.core.finding import ALL, Place
from veracity.metrics.belief_rows import BELIEFS
from veracity.metrics.metric_rows import METRIC_ROWS, check_metric_rows
from veracity.metrics.token_evidence import TOKEN_EVIDENCE, evidence_tables
from veracity.metrics.trajectory_rows import STEPS, TRAJECTORIES
from veracity.store.run import RunFolder

TABLES = {
    "trajectories": TRAJECTORIES,
    "steps": STEPS,
    "beliefs": BELIEFS,
    "metric_rows": METRIC_ROWS,
}
HEDGES = (
    r"(?i)\b(?:perhaps|maybe|possibly|probably|likely|unlikely|might|may|could|seems?|appears?|suggests?|apparently|"
    r"presumably|uncertain|unsure|not sure|i think|i believe|i guess|roughly|about|approximately|somewhat)\b"
)
"""Words that hold a claim back (after Hyland, 1998, Hedging in Scientific Research Articles); a count, not a parse."""
MIXED = "several"
"""Mode, prompt or policy of a row that belongs to trajectories of more than one."""


@dataclass(frozen=True)
class RunTables:
    """The tables of one run that analyzers may read; those that it lacks are empty."""

    name: str
    trajectories: pl.DataFrame
    metric_rows: pl.DataFrame
    steps: pl.DataFrame = field(default_factory=lambda: STEPS.frame([]))
    beliefs: pl.DataFrame = field(default_factory=lambda: BELIEFS.frame([]))
    token_evidence: pl.DataFrame = field(default_factory=lambda: TOKEN_EVIDENCE.frame([]))
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """Empty while the run is not finished."""
    files: Sequence[str] = ()
    """Paths within the run folder."""


@dataclass(frozen=True)
class Setup:
    """Scores of one metric on one domain in one mode under one system prompt."""

    place: Place
    scores: pl.DataFrame


def read_run(path: Path | str) -> RunTables:
    """The tables of a run folder.

    Raises:
        DataError: it has no trajectories or no metric values, or a table breaks its rules.
        StoreError: a table is damaged.
    """
    folder = RunFolder(path)
    stored = set(folder.tables())
    if missing := sorted({"trajectories", "metric_rows"} - stored):
        raise DataError(f"has no table {missing[0]!r}, {_why_missing(folder)}", path=folder.path)
    read = {name: schema.check(folder.read_table(name)) for name, schema in TABLES.items() if name in stored}
    check_metric_rows(read["metric_rows"])
    if tokens := evidence_tables(sorted(stored)):
        read["token_evidence"] = pl.concat([TOKEN_EVIDENCE.check(folder.read_table(name)) for name in tokens])
    files = sorted(p.relative_to(folder.path).as_posix() for p in folder.path.rglob("[!.]*") if p.is_file())
    return RunTables(folder.path.resolve().name, **read, manifest=folder.manifest() or {}, files=files)


def score_table(runs: Sequence[RunTables]) -> pl.DataFrame:
    """One row a metric value of all `runs`, those without a value included.

    Beside the columns of the metric rows: `run`, `algorithm` (the metric; with configuration and judge where a metric
    has several), `policy`, `spec` (the policy's whole name in the settings), `model`, `mode`, `system`, `condition`,
    `split`, `status_of_trajectory`, `unit` (domain, item, condition), `source` (domain, cluster), `tokens`,
    `target_tokens`, `words`, `hedges`, `questions`.

    Raises:
        DataError: a metric has another direction in another run.
    """
    names = policy_names(runs)
    specs = names | _names_in_settings(runs)
    joined = pl.concat([_joined(run, names, specs) for run in runs], how="vertical_relaxed")
    if (two := joined.group_by("metric").agg(pl.n_unique("direction")).filter(pl.col("direction") > 1)).height:
        raise DataError(f"{two['metric'][0]} has two directions in these runs", path="scores", field="direction")
    return joined.with_columns(algorithm=_algorithm(joined))


def setups(scores: pl.DataFrame) -> Iterator[Setup]:
    """Scores by metric, domain, mode and system prompt, in the order of their names."""
    keys = ["algorithm", "domain", "mode", "system"]
    for key, own in sorted(scores.group_by(keys, maintain_order=True), key=lambda pair: str(pair[0])):
        yield Setup(Place(*[str(part) for part in key]), own)


def conditions(scores: pl.DataFrame) -> list[tuple[Place, pl.DataFrame]]:
    """Scores of all metrics by domain, mode and system prompt, in the order of names; none where these are the same."""
    parts = sorted(scores.group_by("domain", "mode", "system", maintain_order=True), key=lambda pair: str(pair[0]))
    found = [(Place(ALL, *[str(part) for part in key]), own) for key, own in parts]
    return found if len(found) > 1 else []


def unit_means(scores: pl.DataFrame, by: str = "policy") -> pl.DataFrame:
    """`source`, `unit` and a column for each value of `by`: mean of its values there, NaN where it has none."""
    ok = scores.filter(pl.col("status") == "ok")
    means = ok.group_by(by, "source", "unit", maintain_order=True).agg(pl.col("value").mean())
    wide = means.pivot(by, index=["source", "unit"], values="value")
    names = sorted(c for c in wide.columns if c not in ("source", "unit"))
    return wide.select("source", "unit", *[pl.col(n).fill_null(np.nan) for n in names]).sort("unit")


def statuses(scores: pl.DataFrame) -> dict[str, int]:
    """Rows by status, the commonest first."""
    return dict(scores["status"].value_counts(sort=True).iter_rows())


def right_in_the_end(run: RunTables) -> dict[str, bool]:
    """Trajectory → whether the option believed likeliest at its end is the right one.

    The mean over all readings of the end. Absent where the truth or a reading is missing, or two options are level.
    """
    ends = run.beliefs.filter(pl.col("last") & (pl.col("status") == "ok"))
    readings: dict[str, list[list[float]]] = {}
    for trajectory, probabilities in ends.select("trajectory", "probabilities").iter_rows():
        readings.setdefault(trajectory, []).append(probabilities)
    known = run.trajectories.drop_nulls("correct").select("trajectory", "correct")
    found = {}
    for trajectory, correct in known.iter_rows():
        if trajectory in readings:
            belief = np.mean(readings[trajectory], axis=0)
            if np.sum(np.isclose(belief, belief.max(), atol=1e-9)) == 1:
                found[trajectory] = bool(belief.argmax() == correct)
    return found


def policy_names(runs: Sequence[RunTables]) -> dict[str, str]:
    """Identity of each model → what it is called.

    As the settings of a run name it (`names` of the manifest; without options where that leaves all names different),
    else by its arm where it has one of its own, else by the role that it plays, else by the first 12 characters of its
    identity. Names that two models share get a part of it.
    """
    pairs = pl.concat([run.trajectories.select("model", "arm") for run in runs]).unique(maintain_order=True)
    arms: dict[str, set[str]] = {}
    models: dict[str, set[str]] = {}
    for model, arm in pairs.iter_rows():
        arms.setdefault(model, set()).add(arm)
        models.setdefault(arm, set()).add(model)
    roles: dict[str, str] = {}
    settings = _names_in_settings(runs)
    for run in runs:
        for role, identity in (run.manifest.get("models") or {}).items():
            roles.setdefault(str(identity), str(role))
    plain = plain_names(settings.values())
    settings = {model: plain[name] for model, name in settings.items()}
    found = {}
    for model, own in arms.items():
        arm = next(iter(own))
        alone = len(own) == 1 and len(models[arm]) == 1
        found[model] = settings.get(model) or (arm if alone else roles.get(model, model[:12]))
    twice = {name for name in found.values() if list(found.values()).count(name) > 1}
    return {model: f"{name} ({model[:8]})" if name in twice else name for model, name in found.items()}


def _why_missing(folder: RunFolder) -> str:
    """Why a table that every analyzer reads is missing, and what to do."""
    if not folder.path.is_dir():
        return "since there is no such folder; `veracity runs` lists the runs"
    begun = next((event for event in folder.events() if event.get("event") == "recipe"), {})
    recipe = (folder.manifest() or {}).get("recipe")
    experiment = begun.get("experiment") or (recipe.get("experiment") if isinstance(recipe, dict) else None)
    if experiment and not str(experiment).startswith("truth-seeking"):
        return (
            f"which every analyzer reads: it is a run of {experiment}, and analyzers are for runs of truth-seeking; "
            "`veracity report` and `veracity compare` read the others"
        )
    if folder.complete:
        return "which every analyzer reads, and never will: it is finished; analyze a run of truth-seeking-eval"
    return "which every analyzer reads, since it is not finished; give its `veracity run` again, and it goes on"


def policies_called(scores: pl.DataFrame) -> dict[str, str]:
    """What a policy may be called by → its name in `policy`: that name, and its whole name in the settings of a run."""
    pairs = scores.select("spec", "policy").unique(maintain_order=True).iter_rows()
    return {name: policy for spec, policy in pairs for name in (spec, policy)}


def _names_in_settings(runs: Sequence[RunTables]) -> dict[str, str]:
    """Identity of a model → its name in the settings of the first run that names it."""
    found: dict[str, str] = {}
    for run in runs:
        names = run.manifest.get("names") or {}
        for role, identity in (run.manifest.get("models") or {}).items():
            if role in names:
                found.setdefault(str(identity), str(names[role]))
    return found


def _joined(run: RunTables, names: Mapping[str, str], specs: Mapping[str, str]) -> pl.DataFrame:
    about = ["model", "mode", "system", "condition", "split", "tokens", "target_tokens", "words", "hedges", "questions"]
    told = run.trajectories.join(_wording(run), on="trajectory", how="left")
    status = pl.col("status").alias("status_of_trajectory")
    of_trajectory = told.select("trajectory", *about, status)
    rows = run.metric_rows.join(of_trajectory, on="trajectory", how="left", maintain_order="left")
    of_arm = told.group_by("arm").agg(
        *[pl.when(pl.n_unique(c) == 1).then(pl.first(c)).otherwise(pl.lit(MIXED)) for c in ("model", "mode", "system")],
        pl.when(pl.n_unique("split") == 1).then(pl.first("split")).alias("split"),
    )
    rows = rows.join(of_arm, on="arm", how="left", suffix="_of_arm", maintain_order="left")
    filled = [pl.coalesce(c, f"{c}_of_arm", pl.lit(MIXED)).alias(c) for c in ("model", "mode", "system")]
    rows = rows.with_columns(*filled, pl.coalesce("split", "split_of_arm").alias("split"))
    return rows.drop("model_of_arm", "mode_of_arm", "system_of_arm", "split_of_arm").with_columns(
        run=pl.lit(run.name),
        policy=pl.col("model").replace_strict(names, default=MIXED, return_dtype=pl.String),
        spec=pl.col("model").replace_strict(specs, default=MIXED, return_dtype=pl.String),
        condition=pl.col("condition").fill_null("neutral"),
        unit=pl.format("{}/{}/{}", "domain", "item", pl.col("condition").fill_null("neutral")),
        source=pl.format("{}/{}", "domain", "cluster"),
    )


def _wording(run: RunTables) -> pl.DataFrame:
    """Words, hedges and questions of all that the policy wrote, by trajectory; its answer where steps were not kept."""
    spoken = run.steps.filter(pl.col("speaker") == "assistant").sort("trajectory", "step")
    texts = spoken.group_by("trajectory").agg(pl.col("content").str.join(" ").alias("text"))
    if run.steps.is_empty():
        texts = run.trajectories.select("trajectory", text=pl.col("answer"))
    return texts.select(
        "trajectory",
        words=pl.col("text").str.count_matches(r"\S+").cast(pl.Int64),
        hedges=pl.col("text").str.count_matches(HEDGES).cast(pl.Int64),
        questions=pl.col("text").str.count_matches(r"\?").cast(pl.Int64),
    )


def _algorithm(joined: pl.DataFrame) -> pl.Series:
    """The metric, and what tells its variants apart where there are several.

    A row without a value, as of a trajectory that could not be had, has no judge; that is no variant of the metric.
    """
    judges = pl.col("judge").filter(pl.col("value").is_not_null()).n_unique()
    kinds = joined.group_by("metric").agg(pl.n_unique("config"), judges)
    several = {metric: (config > 1, judge > 1) for metric, config, judge in kinds.iter_rows()}
    named = []
    for metric, config, judge in joined.select("metric", "config", "judge").iter_rows():
        by_config, by_judge = several[metric]
        name = f"{metric}@{config[:8]}" if by_config else metric
        named.append(f"{name}@{(judge or 'nobody')[:8]}" if by_judge else name)
    return pl.Series("algorithm", named, dtype=pl.String)
