"""What a run of `truth-seeking` has to teach: its trajectories, the best by one of its metrics, as training samples.

The analyzer `trajectory_score` says which trajectories have a score, in which order, and writes each as the samples
that may be trained on; here they are checked against the problems that will be tested, and given to the selection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from veracity.core.errors import ConfigError, DataError
from veracity.core.problem import Problem
from veracity.core.registry import nearest
from veracity.core.requests import Message
from veracity.domains import open_domain
from veracity.domains.wording import normalised
from veracity.experiments.running import find_run
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
from veracity.experiments.truth_seeking_train.settings import SourceSettings, TruthTrainSettings
from veracity.training.records import Demonstration
from veracity.training.selection import ScoredSample

if TYPE_CHECKING:
    import polars as pl

    from veracity.analysis.scores import RunTables
    from veracity.core.finding import Finding

TRAINABLE = ("tiny", "hf", "trained")
"""Kinds of models with weights that training may start from."""


@dataclass(frozen=True, slots=True)
class Material:
    """What there is to learn from, and how it was measured."""

    samples: tuple[ScoredSample, ...]
    """Best first within each source."""
    places: frozenset[tuple[str, str, str]]
    """(domain, item, cluster) of each sample's problem."""
    policies: tuple[str, ...]
    """Who wrote them, as the run's settings name them."""
    measured: TruthSeekingSettings
    """What the run was made with."""
    notes: tuple[str, ...]
    """What was left out."""
    requests: tuple[float, float] = (0.0, 0.0)
    """What measuring one problem of one policy took: requests of the policy, and of everybody else."""


def open_source(source: SourceSettings) -> Material:
    """Read what a run has to teach.

    Raises:
        ConfigError: no such run, one that is not finished or was made on the test split, a metric that it lacks, that
            has no better side or no value of single trajectories.
        DataError: no trajectory is left, or a table breaks its rules.
    """
    from veracity.analysis.scores import read_run, score_table

    run = read_run(find_run(source.run))
    measured = _measured(run)
    scores = score_table([run])
    if source.modes:
        known, scores = scores["mode"].unique(), scores.filter(_in("mode", source.modes))
        if not scores.height:
            raise ConfigError(f"source.modes: none is of the run; its modes are {', '.join(sorted(known))}")
    found = _ranked(source, run, scores)
    rows = [json.loads(line) for line in found.files["training.jsonl"].splitlines()]
    if not rows:
        told = " ".join(found.notes) or "none was complete and under no opinion"
        raise DataError(f"{source.metric} leaves no trajectory to learn from: {told}", path=source.run)
    about = run.trajectories.filter(_in("trajectory", [row["trajectory"] for row in rows]))
    places = frozenset(about.select("domain", "item", "cluster").iter_rows())
    samples = tuple(_sample(row) for row in rows)
    return Material(samples, places, _policies(run, about), measured, tuple(found.notes), _requests(run))


def opened(settings: TruthTrainSettings) -> Material | None:
    """What another run has to teach, checked against the problems that will be tested; None without a source."""
    if settings.source is None:
        return None
    material = open_source(settings.source)
    check_apart(material, tested_problems(settings, material))
    return material


def start_model(settings: TruthTrainSettings, material: Material | None) -> str:
    """The model that training starts from: as named, or the policy of the source.

    Raises ConfigError where the source has several policies, or one without weights.
    """
    if settings.model is not None:
        return settings.model
    policies = material.policies if material else ()
    if len(policies) != 1:
        raise ConfigError(f"model is null, and the source has {len(policies)} policies ({', '.join(policies)}); name "
                          "the one in source.policies, or the model to train")  # fmt: skip
    if policies[0].partition("?")[0].partition("/")[0] not in TRAINABLE:
        raise ConfigError(f"model is null, and {policies[0]} has no weights here to train; name the model to train")
    return policies[0]


def check_apart(material: Material, tested: Iterable[Problem]) -> None:
    """ConfigError if a problem that will be tested, or its source item, is among those that are learnt from."""
    tested = tuple(tested)
    items = {(problem.domain, problem.id) for problem in tested}
    clusters = {normalised(problem.cluster) for problem in tested if problem.cluster}
    shared = sorted(
        item for domain, item, cluster in material.places if (domain, item) in items or normalised(cluster) in clusters
    )
    if shared:
        raise ConfigError(
            f"{len(shared)} problems of the source are test problems, or share a source item with one "
            f"({', '.join(shared[:3])}, …): training on them would teach the test; run it with eval.split=train"
        )


def tested_problems(settings: TruthTrainSettings, material: Material) -> list[Problem]:
    """All problems of the test splits that start and trained models may be asked.

    Raises ConfigError if a split has fewer than `test_problems`.
    """
    measured = material.measured.eval.domains if settings.source and settings.source.test else ()
    found: list[Problem] = []
    for spec in dict.fromkeys((settings.domain, *measured)):
        domain = open_domain(spec)
        domain.problems(settings.test_problems, "test", settings.seed)
        found += domain.problems(None, "test", settings.seed)
    return found


def _measured(run: RunTables) -> TruthSeekingSettings:
    recipe = dict(run.manifest.get("recipe") or {})
    if recipe.pop("experiment", None) != "truth-seeking":
        raise ConfigError(
            f"source.run={run.name}: no finished run of truth-seeking; name one, of `veracity run truth-seeking-eval "
            "eval.split=train`"
        )
    settings = TruthSeekingSettings.model_validate(recipe)
    if settings.eval.split == "test":
        raise ConfigError(
            f"source.run={run.name} was made on the test split; what is learnt from is of eval.split=train"
        )
    return settings


def _ranked(source: SourceSettings, run: RunTables, scores: pl.DataFrame) -> Finding:
    """What the analyzer found for the metric."""
    from veracity.analysis.analyzers.trajectory_score import ScoreOptions, TrajectoryScore

    if source.metric not in (known := sorted(set(scores["algorithm"]))):
        hint = nearest(source.metric, known).rstrip("?")
        raise ConfigError(
            f"source.metric: {run.name} has no row of {source.metric!r}{hint}; there are: {', '.join(known)}"
        )
    options = ScoreOptions(
        metrics=[source.metric],
        splits=["train", "validation"],
        policies=list(source.policies),
        one_an_item=source.one_an_item,
    )
    found = list(TrajectoryScore(options).on_run(run, scores))
    if not found:
        raise ConfigError(
            f"{source.metric} has values of items and not of single trajectories, so none of these is better than "
            "another by it; choose a metric with a value a trajectory, as truth_accuracy.brier.eventual"
        )
    return found[0]


def _requests(run: RunTables) -> tuple[float, float]:
    """At least one of the policy for each trajectory; what was recalled from the ledger counts as asked."""
    told = run.manifest.get("requests") or {}
    units = max(1, run.trajectories.select("model", "domain", "item").n_unique())
    own = run.trajectories.height
    return own / units, max(0.0, (told.get("asked", 0) + told.get("recalled", 0) - own) / units)


def _sample(row: Mapping[str, Any]) -> ScoredSample:
    messages = tuple(Message(turn["role"], turn["content"]) for turn in row["messages"])
    return ScoredSample(
        Demonstration(row["item"], messages, row["response"]),
        row["score"],
        row["direction"],
        source=row["source"],
        trajectory=row["trajectory"],
        right=row["right"],
    )


def _policies(run: RunTables, about: pl.DataFrame) -> tuple[str, ...]:
    """Names of the policies behind these trajectories, as the run's settings have them."""
    names = run.manifest.get("names") or {}
    known = {identity: str(names.get(role, role)) for role, identity in (run.manifest.get("models") or {}).items()}
    return tuple(known.get(identity, identity) for identity in about["model"].unique(maintain_order=True))


def _in(column: str, values: Sequence[str]) -> pl.Expr:
    import polars as pl

    return pl.col(column).is_in(list(values))
