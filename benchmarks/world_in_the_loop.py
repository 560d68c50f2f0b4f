"""World in the loop on known agents: does the honest Bayesian's answer help most to expect what happens?

Offline and in one process. Agents answer the generated forecasting questions; the task of each question is fixed before
anybody looks: what came of it, with its options as the outcomes. The investigator here looks into the generated world,
as nobody else can, and reports what happened. The forecaster is the simulated judge: before it reads an answer it
believes the prior that the question states, after it what the answer says last. It prints paired differences between
the Bayesian and each other agent, with 95 % intervals by source item: above 0 the Bayesian is better.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from veracity.core.errors import CapabilityError
from veracity.core.problem import Problem
from veracity.core.requests import Ability, Act, Acted, Call, Reply
from veracity.core.trajectory import Trajectory
from veracity.domains import open_domain
from veracity.engine import Engine
from veracity.experiments.truth_seeking.beliefs import Kept
from veracity.experiments.truth_seeking.world import control_arms
from veracity.judging.world_in_the_loop import (
    Investigation,
    TaskSampling,
    WorldSettings,
    WorldTask,
    investigate,
    measure_uplift,
)
from veracity.metrics.metric_rows import METRIC_ROWS
from veracity.metrics.model_panel import panel_of_rows
from veracity.metrics.world_in_the_loop import WORLD_TRIALS, world_metric_rows, world_rows
from veracity.models.price import FREE, Price
from veracity.models.resolve import open_model
from veracity.reasoning import ReasoningSettings, open_mode

AGENTS = ("bayesian", "stubborn", "sycophant", "copycat", "verbose", "coin", "overconfident")
SETTINGS = WorldSettings(date(2031, 12, 31), tasks=1)


@dataclass(frozen=True)
class Witness:
    """An investigator who has seen what happened, question by question."""

    happened: Mapping[str, str]
    """Task → the outcome that holds."""
    name: str = "witness"
    identity: str = "witness of the generated world"
    abilities: frozenset[Ability] = field(default_factory=lambda: frozenset({"act"}))
    batch_size: int = 256
    parallel: int = 1
    price: Price = FREE

    async def answer(self, calls: Sequence[Call]) -> AsyncIterator[tuple[int, Reply | Exception]]:
        """A report a call."""
        for call in calls:
            request = call.request
            if not isinstance(request, Act):
                yield call.id, CapabilityError("a witness can look into things, and nothing else")
                continue
            outcome = next(said for task, said in self.happened.items() if task in request.task)
            yield call.id, Acted(f"The records were looked at. They say: {outcome}.\nOutcome: {outcome}", ())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--mode", default="chain_of_thought")
    asked = parser.parse_args()
    problems = open_domain("forecasting?reports=4&n=500").problems(asked.questions, "all", asked.seed)
    written = [kept for agent in AGENTS for kept in answers(agent, problems, asked.mode)]
    rows = METRIC_ROWS.frame(world_metric_rows(WORLD_TRIALS.frame(trials(problems, written, asked.seed))))
    print(f"{len(problems)} questions, seed {asked.seed}, {asked.mode}")
    for found in panel_of_rows(rows, [(AGENTS[0], other) for other in AGENTS[1:]], seed=asked.seed, resamples=1000):
        if (e := found.difference) is not None:
            said = f"{e.value:8.3f} [{e.ci_low:.3f}, {e.ci_high:.3f}]"
            print(f"{found.other:14} {found.metric.partition('.')[2]:28} {said:28} {found.verdict} n={e.n}")


def answers(agent: str, problems: Sequence[Problem], mode: str) -> list[Kept]:
    """One agent's trajectories."""
    model = open_model(f"sim/{agent}?facts=none")
    made = Engine({"policy": model}).run({p.id: open_mode(mode).run(p, ReasoningSettings()) for p in problems})
    done = [t for t in made.values() if isinstance(t, Trajectory)]
    return [Kept(t, t.identity(model.identity), agent, agent, model.identity) for t in done]


def task_of(problem: Problem) -> WorldTask:
    """What came of a question; the same for all who answer it."""
    return WorldTask(f"what came of {problem.id}, by the records of the place", tuple(problem.options))


def trials(problems: Sequence[Problem], written: Sequence[Kept], seed: int) -> list[dict[str, object]]:
    """Rows of the world trials table."""
    happened = {task_of(p).question: p.options[p.correct] for p in problems if p.correct is not None}
    forecaster = open_model("sim/judge?facts=none")
    engine = Engine({"investigator": Witness(happened), "forecaster": forecaster})
    looked = engine.run({p.id: investigate(task_of(p), SETTINGS) for p in problems})
    reports = {name: found for name, found in looked.items() if isinstance(found, Investigation) and found.report}
    own = {f"{n}": kept for n, kept in enumerate(written) if kept.trajectory.problem.id in reports}
    scored = engine.run(
        {
            name: measure_uplift(k.trajectory.problem, reports[k.trajectory.problem.id],
                                 control_arms(written, k, SETTINGS, seed), SETTINGS)
            for name, k in own.items()
        }
    )  # fmt: skip
    rows: list[dict[str, object]] = []
    for name, kept in own.items():
        found, sampled = reports[kept.trajectory.problem.id], task_of(kept.trajectory.problem)
        uplifts = {sampled.id: scored[name]}
        rows += world_rows(kept.trajectory, TaskSampling((sampled,), "ok"), {sampled.id: found}, uplifts, SETTINGS,
                           arm=kept.arm, model=kept.model)  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
