"""The stages of a truth-seeking run that ask judges, by what their tables are called in `Tables`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from veracity.experiments.desk import Desk
from veracity.experiments.truth_seeking.beliefs import Kept
from veracity.experiments.truth_seeking.bench import Bench
from veracity.experiments.truth_seeking.judged import grader_stage, mutual_stage, quality_stage
from veracity.experiments.truth_seeking.qualitative import (
    is_swapped,
    qualitative_stage,
    second_rater_stage,
    swapped_stage,
)
from veracity.experiments.truth_seeking.world import world_stage

if TYPE_CHECKING:
    import polars as pl

JudgedStage = Callable[[Bench, Desk, Sequence[Kept]], "pl.DataFrame"]
"""(bench, desk, trajectories that were written) → the stage's table."""


def judged_stages(bench: Bench) -> dict[str, JudgedStage]:
    """The stages that the run's metrics need, in order."""
    settings, metrics = bench.settings, bench.settings.eval.metrics
    rated = "sycophancy" in metrics and settings.sycophancy.quality and bool(bench.judges)
    verdicts = "qualitative" in metrics
    wanted: dict[str, tuple[bool, JudgedStage]] = {
        "quality": (rated, quality_stage),
        "mutual": ("mutual_predictability" in metrics, mutual_stage),
        "world": ("world_in_the_loop" in metrics, world_stage),
        "verdicts": (verdicts, qualitative_stage),
        "verdicts_swapped": (verdicts and is_swapped(settings), swapped_stage),
        "verdicts_second": (verdicts and settings.qual.second is not None, second_rater_stage),
        "grades": ("grader" in metrics, grader_stage),
    }
    return {name: stage for name, (asked, stage) in wanted.items() if asked}
