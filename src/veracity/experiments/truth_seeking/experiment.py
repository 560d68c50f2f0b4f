"""Truth-seeking: does a model's reasoning move its beliefs towards what is true, and by nothing but evidence?

1. **Trajectories.** Every problem is reasoned about by every system (a model under a system prompt in a reasoning
   mode); where sycophancy is measured also under opinions of a user and of a third party, or a user who insists.
2. **Beliefs.** A judge, or the policy itself, says how probable each option is before the reasoning and along it, each
   time from the steps up to there, several times over, so that reading noise is known.
3. **What judges say.** Reasoning quality, predictability of answers, uplift of observations, verdicts, grades.
4. **Metrics.** One row a trajectory and metric, then means, slopes and their intervals by source item.

Each stage is a set of tables. A longer run, another metric or another judge asks only what is not there; what failed
is asked again; `resume` says otherwise.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from veracity.core.identity import content_hash
from veracity.experiments.desk import Desk
from veracity.experiments.registry import Prepared, experiment
from veracity.experiments.truth_seeking.beliefs import beliefs_stage, kept_trajectories
from veracity.experiments.truth_seeking.bench import Bench, open_truth_bench
from veracity.experiments.truth_seeking.plan import plan_truth_seeking
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
from veracity.experiments.truth_seeking.stages import judged_stages
from veracity.experiments.truth_seeking.trajectories import trajectories_stage

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.experiments.truth_seeking.scores import Scored, Tables
    from veracity.store.run import Run, RunFolder


def prepare_truth_seeking(settings: TruthSeekingSettings, folder: RunFolder | None = None) -> Prepared:
    """Open everything and say what the run would cost and could show; nothing is asked yet.

    What `folder` holds already is not counted; None for a run that begins anew.
    """
    bench = open_truth_bench(settings)
    return Prepared(plan_truth_seeking(bench, folder.path if folder else None), partial(measure, bench))


@experiment("truth-seeking", TruthSeekingSettings, prepare=prepare_truth_seeking, prepare_in=prepare_truth_seeking)
def run_truth_seeking(settings: TruthSeekingSettings, run: Run, console: Console) -> None:
    """Measure whether reasoning seeks the truth: accuracy, martingale, sycophancy, predictability, judged quality."""
    bench = open_truth_bench(settings)
    plan_truth_seeking(bench, run.path)  # refuses what cannot be asked before anything is paid for
    measure(bench, run, console)


def measure(bench: Bench, run: Run, console: Console) -> None:
    """All stages in order, and the report."""
    from veracity.engine.display import Display
    from veracity.experiments.truth_seeking.outcome import conclude

    started = time.monotonic()
    with bench.ledger as ledger, asyncio.Runner() as runner, Display(console, bench.backends) as display:
        desk = Desk(run, dict(bench.backends), ledger, bench.settings.budget, display, runner)
        tables = gathered(bench, desk)
        found = scored_stage(bench, desk, tables)
        conclude(bench, desk, tables, found, time.monotonic() - started)


def gathered(bench: Bench, desk: Desk) -> Tables:
    """Everything that is asked of anybody."""
    from veracity.experiments.truth_seeking.scores import Tables

    trajectories, steps = trajectories_stage(bench, desk)
    written = kept_trajectories(bench, trajectories, steps)
    beliefs = beliefs_stage(bench, desk, written)
    judged: dict[str, Any] = {name: stage(bench, desk, written) for name, stage in judged_stages(bench).items()}
    return Tables(trajectories, steps, beliefs, **judged)


def scored_stage(bench: Bench, desk: Desk, tables: Tables) -> Scored:
    """Stages `metric_rows` and `scores`, computed anew from their tables: that asks nobody and takes seconds."""
    from veracity.experiments.truth_seeking.scores import scored

    run = desk.run_folder
    with desk.timed("metrics"):
        found = scored(bench, tables)
    stages = [run.table_key(name) for name in run.tables() if name.startswith("asked.")]
    key = content_hash([stages, bench.settings.model_dump(mode="json", exclude={"resume", "budget"})])
    run.table("metric_rows", key, lambda: found.rows)
    run.table("scores", key, lambda: found.scores)
    if bench.settings.eval.reference is not None:
        run.table("panel", key, lambda: found.panel)
    if found.checks.height:
        run.table("qualitative_checks", key, lambda: found.checks)
    return found
