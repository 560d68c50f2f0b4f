"""What labelling by coherence found: estimates, the labels as training data, manifest and report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from veracity.core.estimate import Estimate
from veracity.core.identity import content_hash
from veracity.experiments.coherent_labels.asking import prompt
from veracity.experiments.coherent_labels.experiment import SEARCH, slug
from veracity.experiments.coherent_labels.scores import best_seed, label_estimates
from veracity.experiments.coherent_labels.settings import CoherentLabelsSettings
from veracity.experiments.coherent_labels.statements import Statement
from veracity.experiments.desk import Desk, expenses, prompts_used
from veracity.judging.mutual_predictability.icm import WORDS
from veracity.store.atomic import atomic_write_text

if TYPE_CHECKING:
    from pathlib import Path


def conclude(desk: Desk, settings: CoherentLabelsSettings, statements: Sequence[Statement], wall_s: float) -> None:
    """Write failures, estimates, training data, manifest and report."""
    from veracity.report.coherent_labels import write_labels_report

    run = desk.run_folder
    run.table("failures", content_hash(desk.keys), desk.all_failures)
    found = label_estimates(desk.tables["labels"], desk.tables["searches"], settings.seed)
    if not run.complete:
        run.write_estimates(found)
    for model in settings.models:
        write_training(run.path / "training" / slug(model), desk, statements, model, found)
    run.write_manifest(
        recipe={"experiment": "coherent-labels", **settings.model_dump(mode="json")},
        seeds={"run": settings.seed, **{f"search {n}": seed for n, seed in enumerate(settings.search.seeds)}},
        models={model: desk.identity(model) for model in settings.models},
        hashes={f"prompt {name}": digest for name, digest in prompts_used(["mutual.label."]).items()},
        wall_s=wall_s,
        names={model: model for model in settings.models},
        **expenses(desk.engine, desk.seconds),
    )
    write_labels_report(run.path)


def write_training(
    folder: Path, desk: Desk, statements: Sequence[Statement], model: str, found: Mapping[str, Estimate]
) -> None:
    """`training.jsonl`, a conversation a line with the label of the best search, and `accuracy.json` beside it.

    Nothing for a model whose every search failed.
    """
    seed = best_seed(desk.tables["searches"], model)
    if seed is None:
        return
    labels = desk.tables["labels"].filter((pl.col("model") == model) & (pl.col("method") == SEARCH))
    rows = [json.dumps(row, ensure_ascii=False) for row in training_rows(labels, statements, model, seed)]
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_text(folder / "training.jsonl", "".join(f"{row}\n" for row in rows))
    name = f"{model}, {SEARCH}, best utility: "
    told: dict[str, Any] = {"model": model, "search": seed, "labels": len(rows)}
    for measure in ("accuracy", "accuracy up to the flip"):
        if (estimate := found.get(name + measure)) is not None:
            told[measure] = [estimate.value, estimate.ci_low, estimate.ci_high]
    atomic_write_text(folder / "accuracy.json", json.dumps(told, indent=2) + "\n")


def training_rows(
    labels: pl.DataFrame, statements: Sequence[Statement], model: str, seed: int
) -> Iterator[dict[str, Any]]:
    """Every label of one search; `score` is the share of searches that agree with it, each the nearer way round."""
    given = labels.with_columns(given=pl.col("label").cast(pl.Float64))
    by_seed = {s: np.array(own["given"].to_list(), dtype=float)
               for (s,), own in given.group_by("seed", maintain_order=True)}  # fmt: skip
    best = by_seed[seed]
    same = np.array([1 - np.abs(best - other) for other in by_seed.values()])
    turned = np.array([np.nanmean(row) < 0.5 if not np.isnan(row).all() else False for row in same])
    votes = np.where(turned[:, None], 1 - same, same)
    for i, one in enumerate(statements):
        if not math.isnan(best[i]):
            known = votes[:, i][~np.isnan(votes[:, i])]
            yield {
                "item": f"{one.item}/{i}",
                "messages": [{"role": m.role, "content": m.content} for m in prompt(statements, i, {})],
                "response": WORDS[bool(best[i])],
                "reasoning": "",
                "score": float(known.mean()),
                "direction": "higher",
                "source": f"coherent_labels/{model}",
                "trajectory": f"{one.item}/{i}/{seed}",
                "right": None if one.truth is None else bool(best[i]) == one.truth,
                "metric": "agreement of searches",
                "n": len(known),
                "se": None,
            }
