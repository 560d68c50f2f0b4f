"""Stage `world_trials`: what could be observed, what an agent found, and how far each answer made that expectable.

What is done again where something is missing follows `resume.witl`: everything, missing reports alone, missing uplifts
of reports that are there, or all uplifts of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, Any

from veracity.core.errors import ModelError
from veracity.core.identity import content_hash, derive_seed
from veracity.core.records import Failure
from veracity.core.requests import Program
from veracity.experiments.desk import Desk
from veracity.experiments.truth_seeking.beliefs import Kept
from veracity.experiments.truth_seeking.bench import FORECASTER, INVESTIGATOR, WORLD_GENERATOR, Bench
from veracity.experiments.truth_seeking.judged import neutral, with_tokens
from veracity.experiments.truth_seeking.kept_rows import Made, Stage, extended
from veracity.experiments.truth_seeking.settings import RecomputePolicy, TruthSeekingSettings
from veracity.judging.token_scores import TokenScores
from veracity.judging.world_in_the_loop import (
    ArmAnswer,
    Investigation,
    TaskSampling,
    Uplift,
    WorldSettings,
    WorldTask,
    arms_of,
    investigate,
    measure_uplift,
    sample_tasks,
)

if TYPE_CHECKING:
    import polars as pl


TOKENS = "token_evidence.world_in_the_loop"
"""Name of the stage's table of token evidence."""


@dataclass
class Looked:
    """How far one trajectory's tasks have come."""

    sampled: TaskSampling | None = None
    found: dict[str, Investigation] = field(default_factory=dict)
    uplifts: dict[str, Sequence[Uplift]] = field(default_factory=dict)


def world_settings(settings: TruthSeekingSettings) -> WorldSettings:
    """World in the loop, as the settings have it. ValueError without a date, which the settings refuse."""
    asked = settings.witl
    if asked.as_of is None:
        raise ValueError("world in the loop needs a date")
    return WorldSettings(
        as_of=asked.as_of,
        template=asked.template,
        blind=asked.blind,
        tasks=asked.tasks,
        generator_role=WORLD_GENERATOR,
        investigator_role=INVESTIGATOR,
        forecaster_role=FORECASTER,
        rephraser_role=WORLD_GENERATOR,
        seconds=asked.seconds,
    )


def world_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `world_trials`, and the tokens of reports that answers changed."""
    from veracity.metrics.token_evidence import TOKEN_EVIDENCE
    from veracity.metrics.world_in_the_loop import WORLD_TRIALS, evidence_rows, world_rows

    settings, resume, own = world_settings(bench.settings), bench.settings.resume, neutral(written)
    who = [bench.identity(role) for role in (WORLD_GENERATOR, INVESTIGATOR, FORECASTER)]
    shown = with_tokens(bench.settings, own)
    how = [settings.config, settings.seconds, who, "controls of the same style"]
    before = looked_before(*_stored(desk)) if resume.witl.startswith("uplift") else {}
    blanket = resume.results == "missing" and resume.witl == "upliftblanket" and bool(before)
    policy: RecomputePolicy = "always" if blanket else resume.results
    tables = {"world_trials": WORLD_TRIALS, TOKENS: TOKEN_EVIDENCE}
    stage = Stage(desk.run_folder, "world_trials", tables, policy, resume.fill)

    def named(kept: Kept, tokens: bool) -> str:
        return content_hash(["world", kept.name, kept.arm, *how, tokens])

    # without tokens, and with more of them than are wanted, trials are the same
    there = stage.under({named(k, k.name in shown): named(k, k.name not in shown) for k in own})
    wanted = {there[named(k, k.name in shown)]: k for k in own}

    def ask(todo: Mapping[str, Kept], number: int) -> dict[str, Made]:
        programs = {
            key: _look(bench, own, kept, settings, before.get(kept.name, Looked())) for key, kept in todo.items()
        }
        results = desk.run("world_trials", programs)
        made = {}
        for key, looked in results.items():
            if isinstance(looked, Failure):
                raise ModelError(f"world in the loop stopped at {looked.item}: {looked.kind}: {looked.reason}")
            sampled = looked.sampled or TaskSampling(
                (), "request_failed", "no tasks were made: resume.witl asks for none"
            )
            kept = todo[key]
            rows = world_rows(
                kept.trajectory, sampled, looked.found, looked.uplifts, settings, arm=kept.arm, model=kept.model
            )
            tokens = evidence_rows(kept.name, sampled, looked.uplifts) if kept.name in shown else []
            failed = any(row["status"] not in ("ok", "refused", "parse_failed") for row in rows)
            made[key] = Made((rows, tokens), failed)
        return made

    return extended(stage, wanted, ask)[0]


def _look(
    bench: Bench, written: Sequence[Kept], kept: Kept, settings: WorldSettings, before: Looked
) -> Program[Looked]:
    """Tasks, reports, uplifts, as far as `resume.witl` goes; what `before` holds is not done again."""
    policy, problem, answer = bench.settings.resume.witl, kept.trajectory.problem, kept.trajectory.answer
    looked = Looked(before.sampled, dict(before.found), {})
    if policy in ("all", "investigation"):
        looked.sampled = yield from sample_tasks(problem, answer, settings)
        for task in looked.sampled.tasks:
            looked.found[task.id] = yield from investigate(task, settings)
    if policy == "investigation":
        return looked
    arms = control_arms(written, kept, settings, bench.settings.seed)
    for name, found in looked.found.items():
        if found.status == "ok":
            done = policy == "uplift" and before.uplifts.get(name)
            looked.uplifts[name] = done or (yield from measure_uplift(problem, found, arms, settings))
    return looked


def control_arms(written: Sequence[Kept], kept: Kept, settings: WorldSettings, seed: int) -> tuple[ArmAnswer, ...]:
    """The answer, as many words of the policy's answers to other questions, and another policy's answer to this one.

    The first control has the policy's own style, length and way of stating beliefs. Whose answer the second is, is
    drawn question by question, so that no policy is always set against the same. Controls that the run has no answers
    for are left out.
    """
    own, answer = kept.trajectory, kept.trajectory.answer
    here = [k for k in written if k.trajectory.mode == own.mode]
    asked = (own.problem.domain, own.problem.id)
    same = [k for k in here if (k.trajectory.problem.domain, k.trajectory.problem.id) == asked]
    draw = Random(derive_seed(seed, "world controls", "/".join(asked)))
    others = _shuffled(draw, [k for k in here if k.arm == kept.arm and k not in same and k.trajectory.answer.strip()])
    wanted, irrelevant = len(answer.split()), list[str]()
    for another in cycle(others):
        if len(irrelevant) >= wanted:
            break
        irrelevant += another.trajectory.answer.split()
    other = next((k.trajectory.answer for k in _shuffled(draw, same) if k.model != kept.model), None)
    read = settings if others else replace(settings, arms=tuple(arm for arm in settings.arms if arm != "irrelevant"))
    return arms_of(answer, read, irrelevant=" ".join(irrelevant), other_policy=other)


def _shuffled(draw: Random, listed: Sequence[Kept]) -> list[Kept]:
    return draw.sample(listed, len(listed))


def looked_before(trials: pl.DataFrame, tokens: pl.DataFrame) -> dict[str, Looked]:
    """By trajectory, the tasks, reports and uplifts of a world trials table and its token evidence.

    A task has uplifts if all of its arms have: one that was lost is not to be missed among those that were not.
    """
    from veracity.metrics.token_evidence import token_scores

    by_trial = token_scores(tokens)
    found: dict[str, Looked] = {}
    for row in trials.iter_rows(named=True):
        if row["task"] is None:
            continue
        looked = found.setdefault(row["trajectory"], Looked())
        task = WorldTask(row["task_question"], tuple(row["outcomes"]))
        known = looked.sampled.tasks if looked.sampled else ()
        looked.sampled = TaskSampling(tuple(dict.fromkeys([*known, task])), "ok")
        looked.found[task.id] = _investigation(task, row)
        if row["read"] is not None:
            place = looked.sampled.tasks.index(task)
            scores = by_trial.get((row["trajectory"], place)) if row["read"] == "answer" else None
            looked.uplifts[task.id] = [*looked.uplifts.get(task.id, ()), _uplift(row, scores)]
    for looked in found.values():
        looked.uplifts = {name: arms for name, arms in looked.uplifts.items() if all(a.status == "ok" for a in arms)}
    return found


def _stored(desk: Desk) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables that the last launch left; empty before the first."""
    from veracity.metrics.token_evidence import TOKEN_EVIDENCE
    from veracity.metrics.world_in_the_loop import WORLD_TRIALS

    run, known = desk.run_folder, desk.run_folder.tables()
    trials, tokens = (
        run.read_table(name) if name in known else schema.frame([])
        for name, schema in (("world_trials", WORLD_TRIALS), (TOKENS, TOKEN_EVIDENCE))
    )
    return trials, tokens


def _investigation(task: WorldTask, row: Mapping[str, Any]) -> Investigation:
    if row["report"] is not None:
        return Investigation(task, row["report"], row["outcome"], "ok")
    status: Any = row["status"] if row["stage"] == "investigation" else "request_failed"
    return Investigation(task, None, None, status, row["reason"])


def _uplift(row: Mapping[str, Any], scores: TokenScores | None) -> Uplift:
    names = ("conditional", "base", "tokens", "outcome_conditional", "outcome_base")
    return Uplift(row["read"], row["status"], row["reason"], **{name: row[name] for name in names}, by_token=scores)
