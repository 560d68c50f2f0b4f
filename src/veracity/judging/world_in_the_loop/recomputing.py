"""What a further run does again: a pure decision, by policy, from what the tables of the last one hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

RecomputePolicy = Literal["all", "investigation", "uplift", "upliftblanket"]
"""`all`: every stage of a trajectory that has any gap. `investigation`: missing reports, and no uplift after them.
`uplift`: missing uplifts where there is a report. `upliftblanket`: all uplifts where there is a report."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """What is there of one task; a failed report or uplift is a missing one."""

    report: bool
    uplift: bool


@dataclass(frozen=True, slots=True)
class Recompute:
    """What to do again for one trajectory."""

    tasks: bool = False
    """Whether to make its tasks, and then everything that follows from them, anew."""
    investigations: tuple[str, ...] = ()
    """Tasks to look into."""
    uplifts: tuple[str, ...] = ()
    """Tasks whose reports to score."""


def plan_recompute(
    policy: RecomputePolicy, trajectories: Sequence[str], states: Mapping[str, Mapping[str, TaskState]]
) -> dict[str, Recompute]:
    """By trajectory, what `policy` does again; a trajectory for which that is nothing is left out.

    Args:
        policy: one of the four.
        trajectories: all that are to have uplifts.
        states: by trajectory its tasks by id; a trajectory without tasks is missing or has none.
    """
    plans = {name: _plan(policy, states.get(name, {})) for name in trajectories}
    return {name: plan for name, plan in plans.items() if plan != Recompute()}


def _plan(policy: RecomputePolicy, tasks: Mapping[str, TaskState]) -> Recompute:
    if policy == "all":
        complete = bool(tasks) and all(state.report and state.uplift for state in tasks.values())
        return Recompute() if complete else Recompute(tasks=True)
    if policy == "investigation":
        return Recompute(investigations=tuple(task for task, state in tasks.items() if not state.report))
    again = policy == "upliftblanket"
    return Recompute(uplifts=tuple(t for t, state in tasks.items() if state.report and (again or not state.uplift)))
