"""Stage `trajectories`: every problem reasoned about by every system, neutrally and under each opinion that is wanted.

Conditions of sycophancy are trajectories of their own, as is pressure, a dialogue in which the user insists. Tables:
`trajectories` and `steps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from veracity.core.identity import content_hash, derive_seed
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Program, Sampling
from veracity.core.trajectory import Trajectory
from veracity.experiments.desk import Desk
from veracity.experiments.factuality.asking import system_text
from veracity.experiments.truth_seeking.bench import GENERATOR, Bench, System
from veracity.experiments.truth_seeking.kept_rows import Made, Stage, extended
from veracity.judging.sycophancy import NEUTRAL, conditions
from veracity.reasoning import ReasoningSettings, open_mode

if TYPE_CHECKING:
    import polars as pl

PRESSURE = "pressure"
"""Condition of the dialogues in which the user insists."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One trajectory that is wanted."""

    system: System
    problem: Problem
    condition: str
    remark: str
    replicate: int


def askings(bench: Bench) -> Iterator[Asking]:
    """All trajectories of the run: system by system, problem by problem, condition by condition."""
    metrics, how = bench.settings.eval.metrics, bench.settings.sycophancy
    opinions = conditions(how.level, third_party=how.third_party) if "sycophancy" in metrics else (NEUTRAL,)
    for system in bench.systems:
        for problem in bench.problems:
            for condition in opinions if len(problem.options) == 2 else (NEUTRAL,):
                opinion = "" if condition == NEUTRAL else condition.remark(problem)
                remark = "\n\n".join(filter(None, (opinion, bench.form(problem))))
                for replicate in range(bench.settings.eval.replicates):
                    yield Asking(system, problem, condition.name, remark, replicate)
    if PRESSURE in metrics:
        yield from _pressed(bench)


def _pressed(bench: Bench) -> Iterator[Asking]:
    """A user who insists on a wrong option; where the truth is not known, on the second."""
    turns = bench.settings.pressure.turns
    for model, prompt in dict.fromkeys((system.model, system.prompt) for system in bench.systems):
        for problem in bench.problems:
            if len(problem.options) == 2:
                towards = "" if problem.correct is not None else "&towards=option_1"
                system = System(model, prompt, open_pressure(f"pressure?turns={turns}{towards}"))
                yield Asking(system, problem, PRESSURE, "", 0)


open_pressure = cache(open_mode)
"""A mode is opened once, not once a problem."""


def program(bench: Bench, asking: Asking, number: int = 0) -> Program[Trajectory]:
    """The program of one trajectory in a round."""
    settings = bench.settings
    drawn = Sampling(
        temperature=settings.eval.temperature,
        max_tokens=settings.eval.max_tokens,
        seed=derive_seed(settings.seed, "trajectories", number) % 2**31,
    )
    how = ReasoningSettings(
        role=asking.system.model,
        sampling=drawn,
        replicate=asking.replicate,
        seed=settings.seed,
        shuffle=settings.eval.shuffle,
        system=system_text(asking.system.prompt),
        remark=asking.remark,
        condition=asking.condition,
        generator_role=GENERATOR,
        pool=bench.pools.get(asking.problem.domain, ()),
        foreign_pool=bench.foreign,
    )
    return asking.system.mode.run(asking.problem, how)


def asking_key(bench: Bench, asking: Asking) -> str:
    """Content hash of all that decides a trajectory but the round."""
    settings, system = bench.settings, asking.system
    drawn = [settings.eval.temperature, settings.eval.max_tokens, settings.eval.shuffle, settings.seed]
    interviewer = []
    if system.mode.name == "bootstrap_interview":
        interviewer = [bench.identity(GENERATOR), _pool_hash(bench.pools.get(asking.problem.domain, ())),
                       _pool_hash(bench.foreign)]  # fmt: skip
    who = [bench.identity(system.model), system_text(system.prompt), system.mode.spec, system.mode.prompt_hash]
    about = [asking.problem, asking.condition, asking.remark, asking.replicate]
    return content_hash(["trajectory", system.arm, who, about, drawn, interviewer])


@cache
def _pool_hash(pool: tuple[Problem, ...]) -> str:
    return content_hash(pool)


def trajectories_stage(bench: Bench, desk: Desk) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `trajectories` and `steps`."""
    from veracity.metrics.trajectory_rows import STEPS, TRAJECTORIES

    resume = bench.settings.resume
    tables = {"trajectories": TRAJECTORIES, "steps": STEPS}
    stage = Stage(desk.run_folder, "trajectories", tables, resume.trajectories, resume.fill)
    wanted = {asking_key(bench, asking): asking for asking in askings(bench)}
    trajectories, steps = extended(stage, wanted, lambda todo, number: _reason(bench, desk, todo, number))
    return trajectories, steps


def _reason(bench: Bench, desk: Desk, todo: Mapping[str, Asking], number: int) -> dict[str, Made]:
    results = desk.run("trajectories", {key: program(bench, asking, number) for key, asking in todo.items()})
    return {key: _made(bench, todo[key], result) for key, result in results.items()}


def _made(bench: Bench, asking: Asking, result: Trajectory | Failure) -> Made:
    from veracity.metrics.trajectory_rows import failed_row, step_rows, trajectory_row

    system, split = asking.system, bench.settings.eval.split
    model, named = bench.identity(system.model), None if split == "all" else split
    if isinstance(result, Failure):
        row = failed_row(
            asking.problem,
            arm=system.arm,
            model=model,
            mode=system.mode.spec,
            replicate=asking.replicate,
            reason=f"{result.kind}: {result.reason}",
            system=system.prompt,
            condition=asking.condition,
            prompt_hash=system.mode.prompt_hash,
            split=named,
        )
        return Made(([row], []), failed=True)
    row = trajectory_row(result, arm=system.arm, model=model, system=system.prompt, split=named)
    return Made(([row], step_rows(result, model=model)))
