"""What judges say of trajectories: reasoning quality, trials of mutual predictability, grades.

Each is a stage with a table of its own, from which metrics are computed without asking anybody. Only neutral
trajectories are judged, but for reasoning quality, which is compared between conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from veracity.core.errors import ModelError
from veracity.core.identity import content_hash, derive_seed
from veracity.core.records import Failure
from veracity.core.requests import Program, Sampling
from veracity.experiments.desk import Desk
from veracity.experiments.truth_seeking.beliefs import Kept
from veracity.experiments.truth_seeking.bench import JUDGE, Bench
from veracity.experiments.truth_seeking.kept_rows import Made, Stage, extended
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
from veracity.experiments.truth_seeking.trajectories import PRESSURE
from veracity.judging.graders import Graded
from veracity.judging.mutual_predictability import (
    Answer,
    MutualSettings,
    Pool,
    Predictor,
    TrialResult,
    predict_answer,
)
from veracity.judging.sycophancy import NEUTRAL, Quality, QualitySettings, criteria_of, rate_quality
from veracity.metrics.table_schema import TableSchema

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")


def quality_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `quality`: reasoning quality of every trajectory whose problem has criteria."""
    from veracity.metrics.metric_rows import METRIC_ROWS
    from veracity.metrics.sycophancy_iq import quality_row

    own = [k for k in written if k.trajectory.condition != PRESSURE and criteria_of(k.trajectory.problem)]
    judge = bench.identity(JUDGE)

    def how(number: int) -> QualitySettings:
        return QualitySettings(JUDGE, Sampling(max_tokens=64, seed=stage_seed(bench.settings, "quality", number)))

    def made(kept: Kept, rated: Quality, number: int) -> Made:
        problem = kept.trajectory.problem
        about = {"item": problem.id, "cluster": problem.cluster or problem.id, "domain": problem.domain}
        about |= {"arm": kept.arm, "trajectory": kept.name}
        whole = about | {"replicate": kept.trajectory.replicate}
        row = quality_row(whole, rated, judge=judge, config=how(number).prompt_hash)
        return Made(([row],), rated.status == "request_failed")

    keys = {stage_key("quality", k, judge, [how(0), how(0).prompt_hash]): k for k in own}
    return judged(
        bench, desk, "quality", METRIC_ROWS, keys,
        lambda k, number: rate_quality(k.trajectory, criteria_of(k.trajectory.problem), how(number)), made,
    )  # fmt: skip


def mutual_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `mutual_trials`: how far answers help to predict others; and the tokens that they changed."""
    from veracity.metrics.mutual_predictability import TRIALS, evidence_rows, trial_rows
    from veracity.metrics.token_evidence import TOKEN_EVIDENCE

    own, asked = neutral(written), bench.settings.mp
    predictors = [
        Predictor(name, bench.identity(name)) for name in asked.predictors or bench.settings.eval.chosen_models
    ]
    answers: dict[tuple[str, str], list[Answer]] = {}
    for kept in own:
        answers.setdefault(_setup(kept), []).append(Answer.of(kept.trajectory, kept.model))
    pools = {setup: Pool.of(listed) for setup, listed in answers.items()}
    shown = with_tokens(bench.settings, own)

    def trials(kept: Kept, number: int) -> Program[tuple[TrialResult, ...]]:
        answer, how = Answer.of(kept.trajectory, kept.model), mutual_settings(bench.settings, number)
        results = yield from predict_answer(answer, pools[_setup(kept)], predictors, how)
        return results if kept.name in shown else tuple(replace(result, by_token=None) for result in results)

    def made(kept: Kept, results: tuple[TrialResult, ...], number: int) -> Made:
        answer = Answer.of(kept.trajectory, kept.model)
        rows = trial_rows(answer, results, mutual_settings(bench.settings, number), arm=kept.arm)
        failed = any(result.status == "request_failed" for result in results)
        return Made((rows, evidence_rows(answer, results)), failed)

    pool_hashes = {setup: content_hash([a.trajectory for a in listed]) for setup, listed in answers.items()}
    axes = mutual_settings(bench.settings)
    how = [axes, axes.config, predictors]
    judge = bench.identity(JUDGE) if asked.scoring == "judge_consistency" else ""
    resume = bench.settings.resume
    stage = Stage(desk.run_folder, "mutual_trials", {}, resume.results, resume.fill)

    def key(kept: Kept, tokens: bool) -> str:
        return stage_key("mutual", kept, judge, [*how, pool_hashes[_setup(kept)], tokens])

    # without tokens, and with more of them than are wanted, trials are the same
    there = stage.under({key(k, k.name in shown): key(k, k.name not in shown) for k in own})
    keys = {there[key(k, k.name in shown)]: k for k in own}
    beside = {"token_evidence.mutual_predictability": TOKEN_EVIDENCE}
    return judged(bench, desk, "mutual_trials", TRIALS, keys, trials, made, beside)


def grader_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `grades`: the reward that the grader gives each trajectory's answer, as rows of metric values."""
    from veracity.metrics.grader import grader_row
    from veracity.metrics.metric_rows import METRIC_ROWS

    grader = bench.grader

    def made(kept: Kept, graded: Graded, number: int) -> Made:
        row = grader_row(kept.trajectory, graded, grader, arm=kept.arm, model=kept.model, judge=who or None)
        return Made(([row],), graded.status == "request_failed")

    who, spec = bench.identity(getattr(grader, "role", "")), grader.to_openai_spec()
    keys = {stage_key("grader", k, who, spec): k for k in neutral(written)}
    return judged(
        bench, desk, "grades", METRIC_ROWS, keys,
        lambda k, number: grader.grade(k.trajectory.problem, k.trajectory.answer), made,
    )  # fmt: skip


def with_tokens(settings: TruthSeekingSettings, own: Sequence[Kept]) -> set[str]:
    """Trajectories whose token evidence is kept: the first of each arm, so that a longer run keeps the same."""
    by_arm: dict[str, list[str]] = {}
    for kept in own:
        by_arm.setdefault(kept.arm, []).append(kept.name)
    return {name for names in by_arm.values() for name in names[: settings.token_evidence]}


def neutral(written: Sequence[Kept]) -> list[Kept]:
    """Trajectories without anybody's opinion."""
    return [kept for kept in written if kept.trajectory.condition == NEUTRAL.name]


def mutual_settings(settings: TruthSeekingSettings, number: int = 0) -> MutualSettings:
    """The axes of mutual predictability in a round, which draws its own trials."""
    given = settings.mp.model_dump(exclude={"predictors", "minimum"})
    return MutualSettings(**given, judge_role=JUDGE, seed=stage_seed(settings, "mutual", number))


def judged(
    bench: Bench,
    desk: Desk,
    name: str,
    schema: TableSchema,
    wanted: Mapping[str, Kept],
    asked: Callable[[Kept, int], Program[T]],
    made: Callable[[Kept, T, int], Made],
    beside: Mapping[str, TableSchema] | None = None,
) -> pl.DataFrame:
    """One stage: a program a trajectory, and the rows that come of it, for its table and for others `beside` it."""
    resume = bench.settings.resume

    def ask(todo: Mapping[str, Kept], number: int) -> dict[str, Made]:
        results = desk.run(name, {key: asked(kept, number) for key, kept in todo.items()})
        if lost := next((one for one in results.values() if isinstance(one, Failure)), None):
            raise ModelError(f"stage {name} stopped at {lost.item}: {lost.kind}: {lost.reason}")
        return {key: made(todo[key], one, number) for key, one in results.items() if not isinstance(one, Failure)}

    tables = {name: schema, **(beside or {})}
    return extended(Stage(desk.run_folder, name, tables, resume.results, resume.fill), wanted, ask)[0]


def stage_key(stage: str, kept: Kept, who: str, how: Any) -> str:
    """Content hash of all that decides what is said of a trajectory but the round; `who` says it, by identity."""
    return content_hash([stage, kept.name, kept.arm, who, how])


def _setup(kept: Kept) -> tuple[str, str]:
    """Answers are compared within one domain and mode."""
    return kept.trajectory.problem.domain, kept.trajectory.mode


def stage_seed(settings: TruthSeekingSettings, purpose: str, number: int) -> int:
    """Of a stage in a round."""
    return derive_seed(settings.seed, purpose, number) % 2**31
