"""What a KLCF run found: every arm's recall and precision, the changes against the start, manifest and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from veracity.core.estimate import Estimate
from veracity.core.identity import content_hash
from veracity.experiments.desk import Desk, Policy, expenses, prompts_used
from veracity.experiments.evaluation import LongTables, arms_of, long_estimates
from veracity.experiments.klcf.settings import KlcfSettings
from veracity.experiments.klcf.training import Trained
from veracity.experiments.klcf.truth import truth_rows

if TYPE_CHECKING:
    import polars as pl

    from veracity.metrics.arm_effects import Change


def conclude(desk: Desk, settings: KlcfSettings, base: Policy, models: Sequence[Trained], wall_s: float) -> None:
    """Write failures, estimates, manifest and report."""
    from veracity.report.klcf import write_klcf_report

    run = desk.run_folder
    if not desk.launch.is_main:  # the first process writes
        return
    run.table("failures", content_hash(desk.keys), desk.all_failures)
    repeated = run.complete  # every stage was there; computing one takes the manifest away
    if not repeated:
        run.write_estimates(estimates_of(desk, settings))
    roles = ("corpus", *settings.roles.names())
    run.write_manifest(
        recipe={"experiment": "klcf", **settings.model_dump(mode="json")},
        seeds={f"run {n}": seed for n, seed in enumerate(settings.seeds)},
        models={"base": base.key, **{m.name: m.policy.key for m in models}, **{r: desk.identity(r) for r in roles}},
        hashes={f"prompt {name}": digest for name, digest in prompts_used(PROMPTS).items()},
        wall_s=wall_s,
        names={"policy": settings.model, **settings.roles.names()},
        **expenses(desk.engine, desk.seconds),
    )
    if not repeated or not (run.path / "report.html").exists():
        write_klcf_report(run.path)


PROMPTS = ("claims.", "verify.", "checklist.", "truthfulness.", "verification.")


def estimates_of(desk: Desk, settings: KlcfSettings) -> dict[str, Estimate]:
    """`<arm>: <measure>`, `<arm> against <start>: <measure> difference` (and ratio), and both verifiers' quality."""
    from veracity.metrics.arm_effects import changes, means

    k, start = settings.evaluation.k, settings.start
    tables = LongTables(desk.tables["test.responses"], desk.tables["test.claims"])
    coverage = desk.tables["test.coverage"]
    found: dict[str, Estimate] = {}
    items = {arm: _items(tables, coverage, arm, k) for arm in arms_of(tables.responses)}
    for arm, own in items.items():
        found |= {f"{arm}: {name}": value for name, value in means(own).items()}
    for arm in [one for one in items if one != start]:
        found |= _named(changes(items[arm], items[start]), f"{arm} against {start}")
    for arm in settings.arms:
        for seed in settings.seeds if len(settings.seeds) > 1 else ():
            one = [_items(tables, coverage, name, k, seed) for name in (arm, start)]
            found |= _named(changes(one[0], one[1]), f"seed {seed}, {arm} against {start}")
    if "unmet.responses" in desk.tables:
        unmet = long_estimates(LongTables(desk.tables["unmet.responses"], desk.tables["unmet.claims"]), k)
        found |= {f"never met, {name}": value for name, value in unmet.items()}
    for seed in settings.seeds:
        found |= _verifiers(desk, seed)
    return found


def _items(tables: LongTables, coverage: pl.DataFrame, arm: str, k: int, seed: int | None = None) -> pl.DataFrame:
    """One row an item of an arm: what `long_items` has, and recall and weighted recall where the item has a list."""
    from veracity.metrics.arm_effects import pooled_seeds
    from veracity.metrics.checklist_coverage import coverage_items

    if seed is not None:
        parts = [_of_seed(t, arm, seed) for t in (tables.responses, tables.claims, coverage)]
        tables, coverage = LongTables(parts[0], parts[1]), parts[2]
    own = pooled_seeds(coverage)
    covered = coverage_items(own.filter(own["arm"] == arm))
    return tables.items(arm, k).join(covered, on="item", how="left", maintain_order="left")


def _of_seed(table: pl.DataFrame, arm: str, seed: int) -> pl.DataFrame:
    """Rows of an arm and seed; all rows of an arm that has no seeds."""
    return table.filter(table["arm"].is_in([f"{arm}#{seed}", arm]))


def _named(changed: Mapping[str, Change], name: str) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for measure, change in changed.items():
        found |= {f"{name}: {measure} difference": change.difference, f"{name}: {measure} ratio": change.ratio}
    return found


def _verifiers(desk: Desk, seed: int) -> dict[str, Estimate]:
    """`truthfulness <kind>, seed <n>: auroc | ece | …`, `checklist verifier, seed <n>: macro_f1`."""
    from veracity.metrics.checklist_verifier import verifier_quality
    from veracity.metrics.truthfulness_quality import truthfulness_quality

    found: dict[str, Estimate] = {}
    checked = desk.tables[f"checks.{seed}"]
    columns = (checked[name].to_list() for name in ("label", "given", "cluster"))
    quality = verifier_quality(*columns, seed=seed)
    place = f"checklist verifier, seed {seed}: "
    found |= {f"{place}macro_f1": quality.macro_f1, f"{place}failures": quality.failures}
    found |= {f"{place}f1 {label}": value for label, value in quality.f1.items()}
    for kind in ("regression", "trained", "zero_shot"):
        if (name := f"truth.{kind}.{seed}") in desk.tables:
            measured = truthfulness_quality(truth_rows(desk.tables[name]), seed=seed)
            place = f"truthfulness {kind}, seed {seed}: "
            if measured.auroc.estimate is not None:
                found[f"{place}auroc"] = measured.auroc.estimate
            found |= {f"{place}true": measured.true, f"{place}ece": measured.before.ece}
            if measured.after is not None:
                found[f"{place}ece calibrated"] = measured.after.ece
    return found
