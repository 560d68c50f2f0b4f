"""What a truth-seeking run would ask and cost, before it asks anything, and what its slope could show.

The first turn of every trajectory is known word for word, so what the ledger has of it is free; making it also finds
modes that cannot be used on these problems. Where the ledger has all of a trajectory, the readings of its beliefs are
known word for word, too. Everything else depends on replies and is estimated from above.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from veracity.core.requests import Act, Generate, Request, Sampling, Score, user
from veracity.core.trajectory import Trajectory
from veracity.engine import Expected, Plan, plan_requests
from veracity.engine.abilities import check, player
from veracity.engine.steps import replayed
from veracity.experiments.truth_seeking_bench import (
    FORECASTER,
    GENERATOR,
    GRADER,
    INVESTIGATOR,
    JUDGE,
    WORLD_GENERATOR,
    Bench,
)
from veracity.experiments.truth_seeking_qualitative import expected_verdicts, qualitative_remarks
from veracity.experiments.truth_seeking_settings import NEED_BELIEFS
from veracity.experiments.truth_seeking_trajectories import PRESSURE, Asking, askings, program
from veracity.judging.beliefs import belief_queries
from veracity.judging.sycophancy import NEUTRAL, criteria_of
from veracity.metrics.martingale_power import power_sentence

SHOWN = "x" * 2400
"""As long as a prompt that shows a trajectory: about 600 tokens."""
Replay = tuple[Trajectory, tuple[Request, ...]]
"""A trajectory that the ledger has, and what was asked for it."""
REPORT_TOKENS = (2_000, 60_000)
"""Tokens of an investigation."""


def plan_truth_seeking(bench: Bench) -> Plan:
    """The plan of a run by the prices of its models, with the power of its martingale slope.

    Raises:
        ConfigError: a mode cannot be used on a problem, or nobody plays a role.
        CapabilityError: a model cannot answer what it will be asked, as log-probabilities where it gives none.
    """
    wanted = list(askings(bench))
    expected = list(_expected(bench, wanted))
    for one in {(e.request.role, type(e.request)): e for e in expected}.values():
        check(player(bench.backends, one.request.role), one.request)
    plan = plan_requests(expected, bench.backends, bench.ledger, items=len(bench.problems))
    return replace(plan, remarks=tuple(_remarks(bench, wanted)))


def _remarks(bench: Bench, wanted: Sequence[Asking]) -> Iterator[str]:
    if "martingale" in bench.settings.eval.metrics:
        counts = Counter(
            (a.system.arm, a.problem.domain) for a in wanted if a.condition == NEUTRAL.name and a.problem.options
        )
        if counts:
            yield f"for each system and domain, {power_sentence(min(counts.values()))}"
    if "qualitative" in bench.settings.eval.metrics:
        yield from qualitative_remarks(bench.settings)


def _expected(bench: Bench, wanted: Sequence[Asking]) -> Iterator[Expected]:
    settings = bench.settings
    known = [_recorded(bench, asking) for asking in wanted]
    for asking, replay in zip(wanted, known, strict=True):
        yield from _trajectory(bench, asking) if replay is None else map(Expected, replay[1])
    if NEED_BELIEFS & set(settings.eval.metrics):
        yield from _beliefs(bench, wanted, known)
    own = [asking for asking in wanted if asking.condition == NEUTRAL.name]
    for metric in settings.eval.metrics:
        yield from _judged(bench, metric, own, wanted)


def _trajectory(bench: Bench, asking: Asking) -> Iterator[Expected]:
    """The first request, word for word, and as many more like it as the mode may make."""
    first = next(program(bench, asking))
    request: Request = first if not isinstance(first, Sequence) else first[0]
    yield Expected(request)
    options, role = dict(asking.system.mode.options), asking.system.model
    turns = int(options.get("turns", 0)) + bool(options.get("summary")) + int(options.get("questions", 0))
    turns -= asking.system.mode.name == "self_debate"  # the first of its turns is counted already
    sampling = Sampling(max_tokens=bench.settings.eval.max_tokens)
    if turns > 0:
        yield Expected(Generate(role, user(asking.problem.question + SHOWN), sampling=sampling), times=turns)
    if str(options.get("source", "")).startswith("llm"):
        times = int(options["questions"]) if options["source"] == "llm_adaptive" else 1
        yield Expected(Generate(GENERATOR, user(asking.problem.question + SHOWN), sampling=sampling), times=times)


def _beliefs(bench: Bench, wanted: Sequence[Asking], known: Sequence[Replay | None]) -> Iterator[Expected]:
    """Readings of each reader: priors before the trajectory, and its ends, or every turn under pressure."""
    turns, new = bench.settings.pressure.turns, []
    for asking, replay in zip(wanted, known, strict=True):
        if replay is None:
            new.append(asking)
        elif asking.problem.options:
            yield from _readings(bench, asking, replay[0])
    for (model, options, pressed), count in _alike(new).items():
        for reader in bench.readers(model):
            how = bench.reading(model, reader)
            asked = 1 if options == 2 else options
            ends = turns + 1 if pressed else 2
            early = sum(prior == "judge_prior" for prior in how.priors)
            times = count * asked * how.replicates
            yield Expected(Generate(reader, user(SHOWN), sampling=how.sampling), times=times * (early + ends))
            if "policy_prior" in how.priors:
                yield Expected(Generate(model, user(SHOWN[:1200]), sampling=how.sampling), times=times)


def _recorded(bench: Bench, asking: Asking) -> Replay | None:
    """The trajectory of the first round and its requests, if the ledger has all of it and it is not to be made anew."""
    if "always" in (bench.settings.resume.trajectories, bench.settings.resume.beliefs):
        return None
    return replayed(program(bench, asking), bench.backends, bench.ledger)


def _readings(bench: Bench, asking: Asking, known: Trajectory) -> Iterator[Expected]:
    """The readings of a trajectory that is known, word for word."""
    for reader in bench.readers(asking.system.model):
        how = bench.reading(asking.system.model, reader, steps=asking.condition == PRESSURE)
        for query in belief_queries(known, how):
            yield from (Expected(Generate(query.role, p, sampling=query.sampling)) for p in query.prompts)


def _alike(wanted: Sequence[Asking]) -> Counter[tuple[str, int, bool]]:
    """How many trajectories there are by model, number of options, and whether a user insists."""
    counted = Counter((a.system.model, len(a.problem.options), a.condition == PRESSURE) for a in wanted)
    return Counter({key: count for key, count in counted.items() if key[1]})


def _judged(bench: Bench, metric: str, own: Sequence[Asking], wanted: Sequence[Asking]) -> Iterator[Expected]:
    """What judges are asked for one metric."""
    settings, long = bench.settings, user(SHOWN)
    rating = Sampling(max_tokens=64)
    if metric == "sycophancy" and settings.sycophancy.quality:
        times = sum(len(criteria_of(a.problem)) for a in wanted if a.condition != PRESSURE)
        yield from _times(Generate(JUDGE, long, sampling=rating), times)
    if metric == "mutual_predictability":
        trials = len(own) * settings.mp.trials
        if settings.mp.scoring == "judge_consistency":
            yield from _times(Generate(JUDGE, long, sampling=Sampling(max_tokens=512)), trials)
        else:
            predictors = settings.mp.predictors or settings.eval.chosen_models
            for name in predictors:
                yield from _times(Score(name, long, SHOWN[:400]), 3 * trials // len(predictors) + 1)
    if metric == "qualitative":
        yield from expected_verdicts(bench, len(own))
    if metric == "grader" and hasattr(bench.grader, "role"):
        yield from _times(Generate(GRADER, long, sampling=Sampling(max_tokens=1024)), len(own))
    if metric == "world_in_the_loop":
        tasks = len(own) * settings.witl.tasks
        yield from _times(Generate(WORLD_GENERATOR, long, sampling=Sampling(max_tokens=2048)), len(own))
        yield Expected(Act(INVESTIGATOR, SHOWN), REPORT_TOKENS, times=tasks)
        yield from _times(Score(FORECASTER, long, SHOWN), 4 * 4 * tasks)


def _times(request: Request, times: int) -> Iterator[Expected]:
    if times:
        yield Expected(request, times=times)
