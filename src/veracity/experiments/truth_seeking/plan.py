"""What a truth-seeking run would ask and cost, before it asks anything, and what its slope could show.

The plan goes through the stages of the run at a desk where nobody is asked: what the run folder holds is kept or made
anew as the run would do it, and what the ledger has is free. So everything that follows from replies which are there is
known word for word; making it also finds modes that cannot be used on these problems. What depends on replies that are
not there is counted from above.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from veracity.core.errors import CapabilityError
from veracity.core.problem import Problem
from veracity.core.requests import Generate, Score
from veracity.engine import Expected, Plan, plan_requests
from veracity.engine.abilities import check, player
from veracity.experiments.truth_seeking import most
from veracity.experiments.truth_seeking.beliefs import Kept, beliefs_stage, kept_trajectories
from veracity.experiments.truth_seeking.bench import FORECASTER, Bench
from veracity.experiments.truth_seeking.examples import examples_in
from veracity.experiments.truth_seeking.judged import neutral
from veracity.experiments.truth_seeking.kept_rows import Stage, next_round, none_stored
from veracity.experiments.truth_seeking.planning_desk import OpenProgramError, PlanningDesk, planning_desk
from veracity.experiments.truth_seeking.qualitative import (
    examples_shown,
    qualitative_remarks,
    qualitative_settings,
    second_settings,
)
from veracity.experiments.truth_seeking.settings import NEED_BELIEFS, RecomputePolicy
from veracity.experiments.truth_seeking.stages import JudgedStage, judged_stages
from veracity.experiments.truth_seeking.trajectories import Asking, asking_key, askings, trajectories_stage
from veracity.judging.sycophancy import NEUTRAL
from veracity.metrics.martingale_power import power_sentence
from veracity.store.draft import DraftFolder


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a run comes without asking anybody."""

    desk: PlanningDesk
    before: DraftFolder
    """The run folder as it is."""
    written: Sequence[Kept]
    """Trajectories that are known."""
    coming: Mapping[str, Asking]
    """Trajectories that are to be made, by key."""

    def stage(self, bench: Bench, name: str, policy: RecomputePolicy) -> Stage:
        """A stage as it stands; its tables are not looked at."""
        return Stage(self.before, name, {}, policy, bench.settings.resume.fill)


def plan_truth_seeking(bench: Bench, folder: Path | None = None) -> Plan:
    """The plan of a run by the prices of its models, with the power of its martingale slope.

    Args:
        bench: Everything that the run works with.
        folder: The run's folder, which need not exist; None where nobody knows it.

    Raises:
        ConfigError: a mode cannot be used on a problem, nobody plays a role, or what is not to be made is not stored.
        CapabilityError: a model cannot answer what it will be asked, as log-probabilities where it gives none.
    """
    reach = _reach(bench, folder)
    estimated = list(_estimated(bench, reach))
    expected = [*map(most.literally, reach.desk.asked), *estimated]
    for one in {(e.request.role, type(e.request)): e for e in expected}.values():
        _check(bench, one)
    plan = plan_requests(expected, bench.backends, bench.ledger, items=_problems(reach))
    return replace(plan, remarks=tuple(_remarks(bench, reach, estimated)))


def _check(bench: Bench, one: Expected) -> None:
    """CapabilityError, with the setting, for a model that cannot answer."""
    role = one.request.role
    try:
        check(player(bench.backends, role), one.request)
    except CapabilityError as error:
        if not isinstance(one.request, Score):
            raise
        where = "witl.forecaster" if role == FORECASTER else "mp.predictors (none given: all of eval.models)"
        raise CapabilityError(f"{where}: {error}") from None


def _reach(bench: Bench, folder: Path | None) -> Reach:
    desk = planning_desk(folder, bench.backends, bench.ledger)
    trajectories, steps = trajectories_stage(bench, desk)
    missing = desk.open.get("trajectories", {})
    coming = {key: a for a in (askings(bench) if missing else ()) if (key := asking_key(bench, a)) in missing}
    return Reach(desk, DraftFolder(folder), kept_trajectories(bench, trajectories, steps), coming)


def _problems(reach: Reach) -> int:
    """Problems that have trajectories, or will have."""
    known = [kept.trajectory.problem for kept in reach.written] + [asking.problem for asking in reach.coming.values()]
    return len({(problem.domain, problem.id) for problem in known})


def _remarks(bench: Bench, reach: Reach, estimated: Sequence[Expected]) -> Iterator[str]:
    if lacking := len(bench.problems) - _problems(reach):
        yield f"{lacking} of {len(bench.problems)} problems have no trajectory, and none is to be made: see resume"
    if not reach.desk.asked and not estimated:
        yield "nothing is to be asked: the run folder has it all"
    if any(one.least is not None and one.least < one.times for one in estimated):
        yield "calls: from as many as there are if no two replies are alike, to the most that replies can lead to"
    if any(mode.startswith("chain_of_thought") for mode in bench.settings.eval.modes) and _each_step(bench, reach):
        yield f"how many steps a chain of thought has shows only then; {most.BLOCKS} are reckoned with"
    if "qualitative" in bench.settings.eval.metrics:
        yield from qualitative_remarks(bench.settings)
    if "martingale" in bench.settings.eval.metrics:
        counts = Counter((kept.arm, kept.trajectory.problem.domain) for kept in neutral(reach.written)
                         if kept.trajectory.problem.options)  # fmt: skip
        counts.update((a.system.arm, a.problem.domain) for a in _neutral(reach) if a.problem.options)
        if counts:
            yield f"for each system and domain, {power_sentence(min(counts.values()))}"


def _each_step(bench: Bench, reach: Reach) -> bool:
    """Whether beliefs are read after steps of which nobody knows how many come."""
    asked = bench.settings.belief
    beliefs = bool(NEED_BELIEFS & set(bench.settings.eval.metrics))
    return beliefs and bool(reach.coming) and (asked.granularity, asked.view) == ("step", "prefix")


def _neutral(reach: Reach) -> list[Asking]:
    return [asking for asking in reach.coming.values() if asking.condition == NEUTRAL.name]


def _estimated(bench: Bench, reach: Reach) -> Iterator[Expected]:
    """What is not known word for word; what is, is noted at the desk on the way."""
    missing = reach.desk.open.get("trajectories", {})
    for key, asking in reach.coming.items():
        yield from most.rest_of_trajectory(bench, asking, missing[key])
    if NEED_BELIEFS & set(bench.settings.eval.metrics):
        yield from _beliefs(bench, reach)
    for name, stage in judged_stages(bench).items():
        yield from _judged(bench, reach, name, stage)
    if "qualitative" in bench.settings.eval.metrics:
        yield from _bootstrapped(bench, reach)


def _beliefs(bench: Bench, reach: Reach) -> Iterator[Expected]:
    """Readings of trajectories that are not there yet: priors word for word, the others counted."""
    beliefs_stage(bench, reach.desk, list(reach.written))
    coming = [asking for asking in reach.coming.values() if asking.problem.options]
    stage = reach.stage(bench, "beliefs", bench.settings.resume.beliefs)
    if not coming or _closed(stage):
        return
    number, seen = next_round(stage), set[tuple[str, ...]]()
    for asking in coming:
        model, problem = asking.system.model, asking.problem
        for reader in bench.readers(model):
            how = bench.reading(model, reader, number)
            about = (problem.domain, problem.id, reader, model if "policy_prior" in how.priors else "")
            if about not in seen:
                seen.add(about)
                for query in most.priors(asking, how):
                    reach.desk.asked += [Generate(query.role, p, sampling=query.sampling) for p in query.prompts]
    yield from most.beliefs_on_the_way(bench, coming)


def _judged(bench: Bench, reach: Reach, name: str, run: JudgedStage) -> Iterator[Expected]:
    """What judges are asked for one table."""
    table = {"mutual": "mutual_trials", "world": "world_trials"}.get(name, name)
    coming, written = _neutral(reach), neutral(reach.written)
    closed = _closed(reach.stage(bench, table, bench.settings.resume.results)) if coming else False
    if name == "mutual" and coming and not closed:  # answers are drawn from all that there are in the end
        yield from most.mutual(bench, [k.role for k in written] + [a.system.model for a in coming])
        return
    problems = [] if closed else [asking.problem for asking in coming]
    if name.startswith("verdicts"):
        yield from _verdicts(bench, reach, name, run, problems)
        return
    run(bench, reach.desk, reach.written)
    if name == "quality" and not closed:
        yield from most.quality(bench, list(reach.coming.values()))
    elif name == "grades":
        yield from most.grades(bench, problems)
    elif name == "world":
        yield from most.world(bench, problems, reach.desk.open.get(table, {}))


def _verdicts(bench: Bench, reach: Reach, name: str, run: JudgedStage, coming: Sequence[Problem]) -> Iterator[Expected]:
    """One table of qualitative verdicts; and what makes their examples, where that is not known."""
    settings, desk, written = bench.settings, reach.desk, neutral(reach.written)
    how = second_settings(settings) if name == "verdicts_second" else qualitative_settings(settings)
    parts = how.calls - 1 if name != "verdicts_swapped" else int(how.red_team == "red_blue_resolution")
    share = {"verdicts_swapped": settings.qual.swap_test, "verdicts_second": settings.qual.second_share}.get(name, 1.0)
    examples = examples_shown(bench, len(written) + len(_neutral(reach))) if name != "verdicts_second" else 0
    whole = [*coming, *(kept.trajectory.problem for kept in written)]
    some = whole[: max(1, round(share * len(whole)))]
    before = set(desk.asked) if written else set()
    own_examples = bool(how.bootstrap_rounds and examples and settings.qual.bootstrap.source is None)
    if coming and (own_examples or share < 1):  # which are chosen shows when all are there
        yield from most.verdicts(how, some, {}, examples, before, parts)
        return
    try:
        run(bench, desk, reach.written)
    except OpenProgramError:
        yield from most.verdicts(how, some, {}, examples, before, parts)
    else:
        yield from most.verdicts(how, coming, desk.open.get(name, {}), examples, before, parts)


def _bootstrapped(bench: Bench, reach: Reach) -> Iterator[Expected]:
    """What makes the qualitative judge's examples, where that is not known: its candidates may be still to come."""
    how, asked = qualitative_settings(bench.settings), bench.settings.qual
    open_ = reach.desk.open.get("examples", {})
    if how.bootstrap_rounds and (open_ or (asked.bootstrap.source is None and _neutral(reach))):
        given = len(examples_in(asked.few_shot.source, how)) if asked.few_shot.enabled and asked.few_shot.source else 0
        yield from most.bootstrapping(bench, given, next(iter(open_.values()), ()))


def _closed(stage: Stage) -> bool:
    """Whether nothing is made for what is not stored. ConfigError if nothing is stored, either."""
    if stage.closed and stage.run.table_key(stage.book) is None:
        raise none_stored(stage)
    return stage.closed
