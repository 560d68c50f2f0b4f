"""What judges say of trajectories: reasoning quality, trials of mutual predictability, qualitative verdicts, grades.

Each is a stage with a table of its own, from which metrics are computed without asking anybody. Only neutral
trajectories are judged, but for reasoning quality, which is compared between conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from veracity.core.errors import ModelError
from veracity.core.identity import content_hash, derive_seed
from veracity.core.records import Failure
from veracity.core.requests import Program, Sampling
from veracity.experiments.desk import Desk
from veracity.experiments.kept_rows import Made, Stage, extended
from veracity.experiments.truth_seeking_beliefs import Kept
from veracity.experiments.truth_seeking_bench import GRADER, JUDGE, Bench
from veracity.experiments.truth_seeking_examples import candidates_of, examples_in, rubric_of
from veracity.experiments.truth_seeking_settings import TruthSeekingSettings
from veracity.experiments.truth_seeking_trajectories import PRESSURE
from veracity.judging.beliefs.probing import transcript
from veracity.judging.graders import Graded
from veracity.judging.mutual_predictability import (
    Answer,
    MutualSettings,
    Predictor,
    TrialResult,
    predict_answer,
)
from veracity.judging.qualitative import (
    Bootstrapped,
    Example,
    QualitativeSettings,
    Subject,
    Verdict,
    bootstrap_examples,
    judge_once,
    verdict_queries,
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

    def how(number: int) -> QualitySettings:
        return QualitySettings(JUDGE, Sampling(max_tokens=64, seed=_seed(bench.settings, "quality", number)))

    def made(kept: Kept, rated: Quality, number: int) -> Made:
        problem = kept.trajectory.problem
        about = {"item": problem.id, "cluster": problem.cluster or problem.id, "domain": problem.domain}
        about |= {"arm": kept.arm, "trajectory": kept.name}
        whole = about | {"replicate": kept.trajectory.replicate}
        row = quality_row(whole, rated, judge=bench.identity(JUDGE), config=how(number).prompt_hash)
        return Made(([row],), rated.status == "request_failed")

    return _judged(
        bench, desk, "quality", METRIC_ROWS, {_key(bench, "quality", k, how(0)): k for k in own},
        lambda k, number: rate_quality(k.trajectory, criteria_of(k.trajectory.problem), how(number)), made,
    )  # fmt: skip


def mutual_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `mutual_trials`: how much predictable answers are from the policy's other answers."""
    from veracity.metrics.mutual_predictability import TRIALS, trial_rows

    own, asked = neutral(written), bench.settings.mp
    predictors = [
        Predictor(name, bench.identity(name)) for name in asked.predictors or bench.settings.eval.chosen_models
    ]
    pools: dict[tuple[str, str], list[Answer]] = {}
    for kept in own:
        pools.setdefault(_setup(kept), []).append(Answer.of(kept.trajectory, kept.model))

    def made(kept: Kept, results: tuple[TrialResult, ...], number: int) -> Made:
        rows = trial_rows(
            Answer.of(kept.trajectory, kept.model), results, mutual_settings(bench.settings, number), arm=kept.arm
        )
        return Made((rows,), any(result.status == "request_failed" for result in results))

    pool_hashes = {setup: content_hash([a.trajectory for a in pool]) for setup, pool in pools.items()}
    keys = {
        _key(bench, "mutual", k, [mutual_settings(bench.settings), asked.trials, predictors, pool_hashes[_setup(k)]]): k
        for k in own
    }
    return _judged(
        bench, desk, "mutual_trials", TRIALS, keys,
        lambda k, number: predict_answer(
            Answer.of(k.trajectory, k.model), pools[_setup(k)], predictors, mutual_settings(bench.settings, number)
        ), made,
    )  # fmt: skip


def qualitative_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `verdicts`: what the qualitative judge says, in every order of its examples."""
    from veracity.metrics.qualitative import VERDICTS, verdict_rows

    own, how = neutral(written), qualitative_settings(bench.settings)
    examples = _all_examples(bench, desk, own, how)
    queries = verdict_queries(len(examples), how)
    judge = bench.identity(JUDGE)

    def asked(kept: Kept, number: int) -> Program[list[Verdict]]:
        subject, settings = _subject(kept), qualitative_settings(bench.settings, number)
        found = []
        for query in queries:
            found.append((yield from judge_once(subject, examples, settings, query)))  # noqa: PERF401 - it yields
        return found

    def made(kept: Kept, verdicts: list[Verdict], number: int) -> Made:
        text, settings = _subject(kept).transcript, qualitative_settings(bench.settings, number)
        rows = verdict_rows(kept.trajectory, text, verdicts, settings, arm=kept.arm, model=kept.model, judge=judge)
        return Made((rows,), any(verdict.status == "request_failed" for verdict in verdicts))

    keys = {_key(bench, "qualitative", k, [how.config, how.rounds, examples]): k for k in own}
    return _judged(bench, desk, "verdicts", VERDICTS, keys, asked, made)


def grader_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `grades`: the reward that the grader gives each trajectory's answer, as rows of metric values."""
    from veracity.metrics.grader import grader_row
    from veracity.metrics.metric_rows import METRIC_ROWS

    grader = bench.grader

    def made(kept: Kept, graded: Graded, number: int) -> Made:
        judge = bench.identity(GRADER) if hasattr(grader, "role") else None
        row = grader_row(kept.trajectory, graded, grader, arm=kept.arm, model=kept.model, judge=judge)
        return Made(([row],), graded.status == "request_failed")

    keys = {_key(bench, "grader", k, [bench.identity(GRADER), grader.to_openai_spec()]): k for k in neutral(written)}
    return _judged(
        bench, desk, "grades", METRIC_ROWS, keys,
        lambda k, number: grader.grade(k.trajectory.problem, k.trajectory.answer), made,
    )  # fmt: skip


def neutral(written: Sequence[Kept]) -> list[Kept]:
    """Trajectories without anybody's opinion."""
    return [kept for kept in written if kept.trajectory.condition == NEUTRAL.name]


def mutual_settings(settings: TruthSeekingSettings, number: int = 0) -> MutualSettings:
    """The axes of mutual predictability in a round, which draws its own trials."""
    given = settings.mp.model_dump(exclude={"predictors", "minimum"})
    return MutualSettings(**given, judge_role=JUDGE, seed=_seed(settings, "mutual", number))


def qualitative_settings(settings: TruthSeekingSettings, number: int = 0) -> QualitativeSettings:
    """The qualitative judge in a round."""
    asked = settings.qual
    return QualitativeSettings(
        role=JUDGE,
        rubric=rubric_of(asked.rubric),
        self_answer=asked.self_answer,
        red_team=asked.adversarial,
        few_shot=asked.few_shot.order if asked.few_shot.enabled else "disabled",
        rounds=asked.few_shot.rounds,
        bootstrap_rounds=asked.bootstrap.rounds,
        bootstrap_permutes=asked.bootstrap.permute,
        seed=_seed(settings, "qualitative", number),
    )


def _all_examples(bench: Bench, desk: Desk, own: Sequence[Kept], how: QualitativeSettings) -> tuple[Example, ...]:
    """Those of the file, and those that bootstrapping makes of trajectories."""
    asked = bench.settings.qual
    given = examples_in(asked.few_shot.source, how) if asked.few_shot.enabled and asked.few_shot.source else ()
    if not how.bootstrap_rounds:
        return given
    source = asked.bootstrap.source
    candidates = candidates_of(source) if source else [_subject(kept) for kept in own]
    result = desk.run("examples", {"bootstrap": bootstrap_examples(given, candidates, how)})["bootstrap"]
    if isinstance(result, Failure):
        raise ModelError(f"no examples could be bootstrapped: {result.kind}: {result.reason}")
    found: Bootstrapped = result
    return found.examples


def _judged(
    bench: Bench,
    desk: Desk,
    name: str,
    schema: TableSchema,
    wanted: Mapping[str, Kept],
    asked: Callable[[Kept, int], Program[T]],
    made: Callable[[Kept, T, int], Made],
) -> pl.DataFrame:
    """One stage: a program a trajectory, and the rows that come of it."""
    resume = bench.settings.resume

    def ask(todo: Mapping[str, Kept], number: int) -> dict[str, Made]:
        results = desk.run(name, {key: asked(kept, number) for key, kept in todo.items()})
        if lost := next((one for one in results.values() if isinstance(one, Failure)), None):
            raise ModelError(f"stage {name} stopped at {lost.item}: {lost.kind}: {lost.reason}")
        return {key: made(todo[key], one, number) for key, one in results.items() if not isinstance(one, Failure)}

    return extended(Stage(desk.run_folder, name, {name: schema}, resume.results, resume.fill), wanted, ask)[0]


def _key(bench: Bench, stage: str, kept: Kept, how: Any) -> str:
    """Content hash of all that decides what is said of a trajectory but the round."""
    return content_hash([stage, kept.name, kept.arm, bench.identity(JUDGE), how])


def _setup(kept: Kept) -> tuple[str, str]:
    """Answers are compared within one domain and mode."""
    return kept.trajectory.problem.domain, kept.trajectory.mode


def _subject(kept: Kept) -> Subject:
    said = [step for step in kept.trajectory.steps if step.speaker == "assistant"]
    return Subject(kept.trajectory.problem, transcript(said))


def _seed(settings: TruthSeekingSettings, purpose: str, number: int) -> int:
    """Of a stage in a round."""
    return derive_seed(settings.seed, purpose, number) % 2**31
