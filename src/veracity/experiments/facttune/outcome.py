"""What a FactTune run found: every arm's facts, the changes against SFT, the checks, manifest and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from veracity.core.estimate import Estimate
from veracity.core.identity import content_hash
from veracity.core.problem import Problem
from veracity.experiments.desk import Desk, expenses, prompts_used
from veracity.experiments.evaluation import LongTables, long_change, long_estimates
from veracity.experiments.facttune.settings import FactTuneSettings

if TYPE_CHECKING:
    import polars as pl


def conclude(
    desk: Desk,
    settings: FactTuneSettings,
    train: Sequence[Problem],
    test: Sequence[Problem],
    models: Mapping[str, str],
    wall_s: float,
) -> None:
    """Write people, failures, estimates, manifest and report. `models`: arm → content hash of its model."""
    from veracity.report.facttune import write_facttune_report

    run = desk.run_folder
    desk.store("people", [list(train), list(test)], lambda: _people(train, test))
    if not desk.launch.is_main:  # the first process writes
        return
    run.table("failures", content_hash(desk.keys), desk.all_failures)
    repeated = run.complete  # every stage was there; computing one takes the manifest away
    if not repeated:
        run.write_estimates(estimates_of(desk, settings, test))
    run.write_manifest(
        recipe={"experiment": "facttune", **settings.model_dump(mode="json")},
        seeds={f"run {n}": seed for n, seed in enumerate(settings.seeds)},
        models={**models, **{role: desk.identity(role) for role in ("corpus", *settings.roles.names())}},
        hashes={f"prompt {name}": digest for name, digest in prompts_used(("grade.", "claims.", "verify.")).items()},
        wall_s=wall_s,
        names={"policy": settings.model, **settings.roles.names()},
        **expenses(desk.engine, desk.seconds),
    )
    if not repeated or not (run.path / "report.html").exists():
        write_facttune_report(run.path)


def estimates_of(desk: Desk, settings: FactTuneSettings, test: Sequence[Problem]) -> dict[str, Estimate]:
    """`<arm>: <measure>`, the same of never-met people and by exposure, and each method's change against SFT."""
    k = settings.evaluation.k
    tables = _tables(desk, "test")
    found = long_estimates(tables, k)
    if "unmet.responses" in desk.tables:
        found |= {f"never met, {name}": value for name, value in long_estimates(_tables(desk, "unmet"), k).items()}
    for level, items in _by_exposure(test).items():
        part = tables.of(items)
        for arm in ("sft", *settings.methods):
            alone = LongTables(*(_of_arm(table, arm) for table in (part.responses, part.claims)))
            found |= {f"exposure {level:g}, {name}": value for name, value in long_estimates(alone, k).items()}
    for method in settings.methods:
        found |= _changes(tables, method, k, f"{method} against sft")
        for seed in settings.seeds if len(settings.seeds) > 1 else ():
            one = LongTables(*(_of_seed(table, seed) for table in (tables.responses, tables.claims)))
            found |= _changes(one, method, k, f"seed {seed}, {method} against sft")
    return found


def _changes(tables: LongTables, method: str, k: int, name: str) -> dict[str, Estimate]:
    changed = long_change(tables, method, "sft", k)
    found = {f"{name}: {measure} ratio": change.ratio for measure, change in changed.items()}
    found |= {f"{name}: {measure} difference": change.difference for measure, change in changed.items()}
    return found | {f"{name}: fall of share_wrong": changed["share_wrong"].fall}


def _tables(desk: Desk, name: str) -> LongTables:
    return LongTables(desk.tables[f"{name}.responses"], desk.tables[f"{name}.claims"])


def _of_arm(table: pl.DataFrame, arm: str) -> pl.DataFrame:
    """Rows of an arm, whatever its seed."""
    return table.filter(table["arm"].str.splitn("#", 2).struct.field("field_0") == arm)


def _of_seed(table: pl.DataFrame, seed: int) -> pl.DataFrame:
    return table.filter(table["arm"].str.ends_with(f"#{seed}"))


def _by_exposure(problems: Sequence[Problem]) -> dict[float, list[str]]:
    """Items by how often their subject was met, where the domain says so; nothing for one level alone."""
    levels: dict[float, list[str]] = {}
    for problem in problems:
        if isinstance(level := problem.detail("exposure"), int | float):
            levels.setdefault(float(level), []).append(problem.id)
    return dict(sorted(levels.items())) if len(levels) > 1 else {}


def _people(train: Sequence[Problem], test: Sequence[Problem]) -> pl.DataFrame:
    """Who was trained on and who was asked about: item, split, cluster, prompt, exposure."""
    import polars as pl

    rows = [
        (
            p.id,
            split,
            p.cluster or p.id,
            p.question,
            level if isinstance(level := p.detail("exposure"), float) else None,
        )
        for split, problems in (("train", train), ("test", test))
        for p in problems
    ]
    texts = dict.fromkeys(("item", "split", "cluster", "prompt"), pl.String)
    return pl.DataFrame(rows, schema=texts | {"exposure": pl.Float64}, orient="row")
