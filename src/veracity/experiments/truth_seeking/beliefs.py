"""Stage `beliefs`: what each trajectory's policy believes along the way, as each judge reads it.

One question a reading, so that one failed request costs one reading, and only that is asked again. Problems without
options have no beliefs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from veracity.core.identity import content_hash
from veracity.core.records import Failure
from veracity.core.trajectory import Trajectory
from veracity.experiments.desk import Desk
from veracity.experiments.truth_seeking.bench import Bench
from veracity.experiments.truth_seeking.kept_rows import Made, Stage, extended
from veracity.experiments.truth_seeking.settings import NEED_BELIEFS
from veracity.experiments.truth_seeking.trajectories import PRESSURE
from veracity.judging.beliefs import BeliefQuery, Reading, belief_queries, read_beliefs

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Kept:
    """A trajectory with what its table says of it."""

    trajectory: Trajectory
    name: str
    arm: str
    role: str
    """Of its policy: its name in the settings."""
    model: str
    """Its policy's identity."""


@dataclass(frozen=True, slots=True)
class Query:
    """One reading that is wanted; its place among those of its trajectory tells it from the others."""

    kept: Kept
    reader: str
    place: int


def kept_trajectories(bench: Bench, trajectories: pl.DataFrame, steps: pl.DataFrame) -> list[Kept]:
    """Trajectories that were written, in the order of their table."""
    from veracity.metrics.trajectory_rows import read_trajectories

    roles = {bench.identity(name): name for name in bench.settings.eval.chosen_models}
    read = read_trajectories(trajectories, steps, bench.problems)
    about = trajectories.select("trajectory", "arm", "model").iter_rows()
    return [Kept(read[name], name, arm, roles[model], model) for name, arm, model in about if name in read]


def beliefs_stage(bench: Bench, desk: Desk, written: list[Kept]) -> pl.DataFrame:
    """The table `beliefs`; empty where no metric needs beliefs."""
    from veracity.metrics.belief_rows import BELIEFS

    if not NEED_BELIEFS & set(bench.settings.eval.metrics):
        return BELIEFS.frame([])
    resume = bench.settings.resume
    stage = Stage(desk.run_folder, "beliefs", {"beliefs": BELIEFS}, resume.beliefs, resume.fill)
    wanted = {
        query_key(bench, kept, reader, queries[place]): Query(kept, reader, place)
        for kept in written
        if kept.trajectory.problem.options
        for reader in bench.readers(kept.role)
        for queries in (queries_of(bench, kept, reader),)
        for place in range(len(queries))
    }
    return extended(stage, wanted, lambda todo, number: _read(bench, desk, todo, number))[0]


def queries_of(bench: Bench, kept: Kept, reader: str, number: int = 0) -> tuple[BeliefQuery, ...]:
    """All readings of one trajectory by one reader in a round; after every turn where a user insists."""
    pressed = kept.trajectory.condition == PRESSURE
    return belief_queries(kept.trajectory, bench.reading(kept.role, reader, number, steps=pressed))


def query_key(bench: Bench, kept: Kept, reader: str, query: BeliefQuery) -> str:
    """Content hash of all that decides a reading but the round."""
    who = [bench.identity(reader), bench.identity(query.role)]
    return content_hash(["belief", kept.name, kept.arm, who, query.name, query.prompt_hash])


def _read(bench: Bench, desk: Desk, todo: Mapping[str, Query], number: int) -> dict[str, Made]:
    asked: dict[str, BeliefQuery] = {}
    last: tuple[Query, tuple[BeliefQuery, ...]] | None = None
    for key, query in todo.items():  # queries of one trajectory and reader stand together
        if last is None or (last[0].kept, last[0].reader) != (query.kept, query.reader):
            last = query, queries_of(bench, query.kept, query.reader, number)
        asked[key] = last[1][query.place]
    results = desk.run("beliefs", {key: read_beliefs(query) for key, query in asked.items()})
    return {key: _made(bench, todo[key].kept, result) for key, result in results.items()}


def _made(bench: Bench, kept: Kept, result: tuple[Reading, ...] | Failure) -> Made:
    from veracity.core.errors import ModelError
    from veracity.metrics.belief_rows import belief_rows

    if isinstance(result, Failure):
        raise ModelError(f"beliefs of {kept.name} could not be asked for: {result.reason}")
    models = {role: backend.identity for role, backend in bench.backends.items()}
    rows = belief_rows(kept.trajectory, result, arm=kept.arm, model=kept.model, models=models)
    return Made((rows,), failed=any(reading.status == "request_failed" for reading in result))
