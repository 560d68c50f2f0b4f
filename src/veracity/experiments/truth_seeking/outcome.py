"""What a truth-seeking run found: estimates, how reliable its judges are, manifest and report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.core.identity import content_hash
from veracity.experiments.desk import Desk, expenses, prompts_used
from veracity.experiments.truth_seeking.bench import Bench, role_names
from veracity.experiments.truth_seeking.scores import Scored, Tables

PROMPTS = ("belief.", "grader.", "mutual.", "qualitative.", "sycophancy.", "world.")


def conclude(bench: Bench, desk: Desk, tables: Tables, found: Scored, wall_s: float) -> None:
    """Write failures, estimates, manifest and report."""
    from veracity.report.truth_seeking import write_truth_seeking_report

    run, settings = desk.run_folder, bench.settings
    lost = failures(tables)
    run.table("failures", content_hash(lost.rows()), lambda: lost)
    repeated = run.complete  # every stage was there; computing one takes the manifest away
    if not repeated:
        told = estimates_of(found.scores) | reliability(bench, tables.beliefs) | checks_of(found.checks)
        run.write_estimates(told)
    asking = sum(took for stage, took in desk.seconds.items() if stage != "metrics")
    run.write_manifest(
        recipe={"experiment": "truth-seeking", **settings.model_dump(mode="json", exclude={"resume"})},
        seeds={"run": settings.seed},
        models={role: backend.identity for role, backend in bench.backends.items()},
        hashes={f"prompt {name}": digest for name, digest in prompts_used(PROMPTS).items()},
        wall_s=wall_s,
        names=role_names(settings),
        resume=settings.resume.model_dump(),
        spent_by_role={role: tally.cost for role, tally in desk.engine.spent_by_role.items()},
        **expenses(desk.engine, desk.seconds | {"asking": asking}),
    )
    if not repeated or not (run.path / "report.html").exists():
        write_truth_seeking_report(run.path)


def estimates_of(scores: pl.DataFrame) -> dict[str, Estimate]:
    """`<domain>, <arm>: <metric>` → its estimate, of all scores that are a number."""
    numbers = scores.filter(pl.col("value").is_not_null()).iter_rows(named=True)
    return {f"{row['domain']}, {row['arm']}: {row['metric']}": estimate_of(row) for row in numbers}


def checks_of(checks: pl.DataFrame) -> dict[str, Estimate]:
    """`qualitative judge, <check>: <what> (<of>)` → its estimate, of all checks that are a number."""
    numbers = checks.filter(pl.col("value").is_not_null()).iter_rows(named=True)
    return {f"qualitative judge, {row['check']}: {row['told']} ({row['of']})": estimate_of(row) for row in numbers}


def estimate_of(row: Mapping[str, Any]) -> Estimate:
    """The estimate in a row of the scores or checks table; what could not be estimated of it is NaN."""
    numbers = {n: math.nan if row[n] is None else row[n] for n in ("value", "se", "ci_low", "ci_high")}
    return Estimate(**numbers, n=row["n"], clusters=row["clusters"], direction=row["direction"], null=row["null"])


def reliability(bench: Bench, beliefs: pl.DataFrame) -> dict[str, Estimate]:
    """Test–retest noise and reliability of each reader of beliefs, and how pairs of judges agree."""
    from veracity.metrics.judge_reliability import judge_agreement, judge_reliability

    if not beliefs.height:
        return {}
    how, found = {"seed": bench.settings.seed, "resamples": bench.settings.resamples}, dict[str, Estimate]()
    names = {backend.identity: role for role, backend in bench.backends.items()}
    for judge, one in judge_reliability(beliefs, **how).items():
        told = {"noise of a reading": one.noise, "reliability": one.reliability, "readable": one.readable}
        found |= {f"{names.get(judge, judge[:12])}: {name}": e for name, e in told.items() if e.n}
    for first, second in combinations(bench.judges if bench.settings.belief.judge == "fixed" else (), 2):
        pair = judge_agreement(beliefs, bench.identity(first), bench.identity(second), **how)
        told = {"correlation": pair.correlation, "difference": pair.difference, "distance": pair.distance}
        found |= {f"{first} and {second}: {name}": e for name, e in told.items() if e.n}
    return found


def failures(tables: Tables) -> pl.DataFrame:
    """Requests that failed, stage by stage: stage, item, kind, reason. Other states are in the scores."""
    parts = []
    named = {"trajectories": tables.trajectories, "beliefs": tables.beliefs, "quality": tables.quality,
             "mutual_trials": tables.mutual, "world_trials": tables.world, "verdicts": tables.verdicts,
             "verdicts_swapped": tables.verdicts_swapped, "verdicts_second": tables.verdicts_second,
             "grades": tables.grades}  # fmt: skip
    for stage, table in named.items():
        if table is not None:
            own = table.filter(pl.col("status") == "request_failed")
            parts.append(own.select(stage=pl.lit(stage), item="item", kind="status", reason="reason"))
    return pl.concat(parts)
