"""What a run of `truthful-training` found: the table of methods, changes against their starts, manifest and report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from veracity.core.identity import content_hash
from veracity.experiments.desk import Desk, expenses, prompts_used
from veracity.experiments.methods.settings import MethodsSettings
from veracity.experiments.methods.training import Trained

if TYPE_CHECKING:
    import polars as pl

    from veracity.metrics.method_table import MethodTables


def conclude(desk: Desk, settings: MethodsSettings, models: Mapping[str, Trained], wall_s: float) -> None:
    """Write methods, changes, failures, estimates, manifest and report."""
    from veracity.metrics.method_table import method_changes, method_estimates
    from veracity.report.methods import write_methods_report

    run, k = desk.run_folder, settings.table.k
    rows = [_row(settings, model) for model in models.values()]
    desk.store("methods", rows, lambda: _methods(rows))
    starts = {name: method.start for name, method in settings.methods.items()}
    made = [desk.keys[name] for name in EVALUATED.values()]
    desk.store("changes", [made, starts, k], lambda: method_changes(_tables(desk), starts, k))
    if not desk.launch.is_main:  # the first process writes
        return
    run.table("failures", content_hash(desk.keys), desk.all_failures)
    repeated = run.complete  # every stage was there; computing one takes the manifest away
    if not repeated:
        run.write_estimates(method_estimates(_tables(desk), k))
    roles = ("corpus", *settings.roles.names())
    run.write_manifest(
        recipe={"experiment": "truthful-training", **settings.model_dump(mode="json")},
        seeds={"samples and trainings": settings.seed},
        models={**{name: m.policy.key for name, m in models.items()}, **{role: desk.identity(role) for role in roles}},
        hashes={f"prompt {name}": digest for name, digest in prompts_used(PROMPTS).items()},
        wall_s=wall_s,
        names={"policy": settings.model, **settings.roles.names()},
        **expenses(desk.engine, desk.seconds),
    )
    if not repeated or not (run.path / "report.html").exists():
        write_methods_report(run.path)


PROMPTS = (
    "generation.",
    "grade.",
    "claims.",
    "verify.",
    "self_confidence.",
    "checklist.",
    "truthfulness.",
    "win_rate.",
)
EVALUATED = {
    "greedy": "greedy.answers",
    "drawn": "drawn.answers",
    "known": "known.answers",
    "responses": "test.responses",
    "claims": "test.claims",
    "pairs": "pairs",
}


def _tables(desk: Desk) -> MethodTables:
    from veracity.metrics.method_table import MethodTables

    return MethodTables(**{part: desk.tables[name] for part, name in EVALUATED.items()})


def _row(settings: MethodsSettings, model: Trained) -> dict[str, Any]:
    method = settings.methods.get(model.name)
    return {
        "method": model.name,
        "trainer": "none" if method is None else method.trainer,
        "start": "" if method is None else method.start,
        "about": "The model as it is, sampled." if method is None else method.about,
        "seconds": model.seconds,
        "samples": sum(samples for samples, _ in model.used.values()),
        "judgements": sum(judged for _, judged in model.used.values()),
        "model": model.policy.key,
    }


def _methods(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """One row a method: trainer, start, about, what it took, its model."""
    import polars as pl

    texts = dict.fromkeys(("method", "trainer", "start", "about"), pl.String)
    numbers: dict[str, Any] = {"seconds": pl.Float64, "samples": pl.Int64, "judgements": pl.Int64}
    return pl.DataFrame(rows, schema={**texts, **numbers, "model": pl.String})
