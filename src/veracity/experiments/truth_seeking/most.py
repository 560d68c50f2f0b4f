"""How many requests may come that nobody can know word for word, because replies decide what they say.

All counts are from above: whatever is replied, no more are made, short of requests that fail. What is known word for
word is counted elsewhere and subtracted here. The lower counts hold where no two replies are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace

from veracity.core.problem import Problem
from veracity.core.requests import Act, Generate, Request, Sampling, Score, user
from veracity.core.trajectory import Trajectory
from veracity.engine import Expected
from veracity.experiments.truth_seeking.bench import (
    FORECASTER,
    GENERATOR,
    GRADER,
    INVESTIGATOR,
    JUDGE,
    WORLD_GENERATOR,
    Bench,
)
from veracity.experiments.truth_seeking.judged import mutual_settings
from veracity.experiments.truth_seeking.qualitative import qualitative_settings
from veracity.experiments.truth_seeking.trajectories import PRESSURE, Asking
from veracity.experiments.truth_seeking.world import world_settings
from veracity.judging.beliefs import BeliefQuery, BeliefSettings, belief_queries
from veracity.judging.qualitative import QualitativeSettings, verdict_queries
from veracity.judging.sycophancy import criteria_of
from veracity.judging.world_in_the_loop.base import OUTCOMES

SHOWN = "x" * 2400
"""As long as a prompt that shows a trajectory: about 600 tokens."""
BLOCKS = 12
"""Steps of a chain of thought, and of reasoning before a turn, that are reckoned with: only replies tell."""
REPORT_TOKENS = (2_000, 60_000)
"""Tokens of an investigation."""
Count = tuple[int, int]
"""Least and most."""
Open = Mapping[str, tuple[Request, ...]]
"""By item, what a program asks until a reply is missing."""


def literally(request: Request) -> Expected:
    """A request that is known word for word."""
    return Expected(request, REPORT_TOKENS if isinstance(request, Act) else None)


def rest_of_trajectory(bench: Bench, asking: Asking, asked: Sequence[Request]) -> Iterator[Expected]:
    """The turns of a trajectory beyond those that are known word for word."""
    turns = _turns(asking)
    written = {"llm_preset": 1, "llm_adaptive": turns - 1}.get(str(dict(asking.system.mode.options).get("source")), 0)
    left = Counter({asking.system.model: turns, GENERATOR: written})
    left.subtract(request.role for request in asked)
    sampling = Sampling(max_tokens=bench.settings.eval.max_tokens)
    for role, times in left.items():
        prompt = user(asking.problem.question + SHOWN)
        yield from _between(Generate(role, prompt, sampling=sampling), (times, times))


def priors(asking: Asking, how: BeliefSettings) -> tuple[BeliefQuery, ...]:
    """The readings of a trajectory that is not there yet which do not depend on it: they are known word for word."""
    return belief_queries(Trajectory(asking.problem, asking.system.mode.spec, asking.replicate, (), ()), how)


def beliefs_on_the_way(bench: Bench, coming: Sequence[Asking]) -> Iterator[Expected]:
    """Readings of trajectories that are not there yet, but for priors."""
    counts: Counter[tuple[str, int]] = Counter()
    least: Counter[tuple[str, int]] = Counter()
    tokens: dict[tuple[str, int], Sampling] = {}
    for asking in coming:
        for reader in bench.readers(asking.system.model):
            how = bench.reading(asking.system.model, reader, steps=asking.condition == PRESSURE)
            fewest, most = _read_points(asking, how)
            options = len(asking.problem.options)
            times = how.replicates * (1 if options == 2 else options)
            kind = reader, how.sampling.max_tokens
            tokens[kind] = how.sampling
            least[kind] += times * fewest
            counts[kind] += times * most
    for kind, times in counts.items():
        yield from _between(Generate(kind[0], user(SHOWN), sampling=tokens[kind]), (least[kind], times))


def _read_points(asking: Asking, how: BeliefSettings) -> Count:
    """Requests for one replicate and option: one a point that is read, or one for all of them."""
    turns = _turns(asking)
    fewest, most = (1, BLOCKS) if asking.system.mode.name == "chain_of_thought" else (turns, 2 * turns)
    if how.view == "hindsight":
        return 1, 1
    return (fewest, most) if how.granularity == "step" else (min(fewest, 2), 2)


def _turns(asking: Asking) -> int:
    """Replies of the policy in a trajectory."""
    options = dict(asking.system.mode.options)
    told = int(options.get("turns", 0)) + bool(options.get("summary")) + int(options.get("questions", 0))
    return told + (asking.system.mode.name != "self_debate")  # whose turns are all; others answer the problem, too


def quality(bench: Bench, coming: Sequence[Asking]) -> Iterator[Expected]:
    """Ratings of reasoning: one a criterion."""
    times = sum(len(criteria_of(asking.problem)) for asking in coming if asking.condition != PRESSURE)
    yield from _between(Generate(JUDGE, user(SHOWN), sampling=Sampling(max_tokens=64)), (times, times))


def grades(bench: Bench, coming: Sequence[Problem]) -> Iterator[Expected]:
    """One grade a trajectory, if a model gives it."""
    times = sum(bench.grader.lacks(problem) is None for problem in coming) if bench.grader_asks_model else 0
    yield from _between(Generate(GRADER, user(SHOWN), sampling=Sampling(max_tokens=1024)), (times, times))


def mutual(bench: Bench, models: Sequence[str]) -> Iterator[Expected]:
    """All trials of answers by `models` (a role each), where some of the answers are not there yet."""
    asked = bench.settings.mp
    if asked.scoring == "judge_consistency":
        times = len(models) * asked.trials
        yield from _between(Generate(JUDGE, user(SHOWN), sampling=Sampling(max_tokens=512)), (0, times))
        return
    scores = mutual_settings(bench.settings).scores
    for predictor in asked.predictors or bench.settings.eval.chosen_models:
        same = [bench.identity(predictor) == bench.identity(model) for model in models]
        wanted = {"evaluated": sum(same), "random_non_evaluated": len(same) - sum(same)}.get(asked.predictor, len(same))
        yield from _between(Score(predictor, user(SHOWN), SHOWN[:400]), (0, scores * asked.trials * wanted))


def verdicts(
    how: QualitativeSettings, coming: Sequence[Problem], open_: Open, examples: int, before: Set[Request], parts: int
) -> Iterator[Expected]:
    """Verdicts on trajectories to come, by their problems, and the rest of those that are open.

    Args:
        how: How is judged. A verdict is given in every order of the examples, and twice where its JSON cannot be read.
        coming: Own answers are given once a problem and round, all else once a trajectory and round.
        open_: Trajectories that are known, and what is known of their verdicts.
        examples: How many are shown.
        before: What other tables ask already.
        parts: What is written about a trajectory in a round, beyond what others ask already.
    """
    shown, subjects = len(verdict_queries(examples, how)), len(coming) + len(open_)
    known = len({request for requests in open_.values() for request in requests} - before)
    first = {requests[:1] for requests in open_.values()}
    alike = len(coming) - len(_problems(coming)) + len(open_) - len(first) if how.self_answer and parts > 1 else 0
    fewest = how.rounds if how.bootstrap_rounds else shown  # who is an example is judged without itself among them
    least = subjects * (how.rounds * parts + fewest) - how.rounds * alike - known
    most = subjects * (how.rounds * parts + 2 * shown) + examples * how.rounds * parts - known
    yield from _between(Generate(how.role, user(SHOWN), sampling=how.sampling), (least, most))


def _problems(coming: Sequence[Problem]) -> set[tuple[str, str]]:
    return {(problem.domain, problem.id) for problem in coming}


def bootstrapping(bench: Bench, given: int, asked: Sequence[Request]) -> Iterator[Expected]:
    """The rest of what makes examples, if every candidate gets a verdict."""
    how, count, times = qualitative_settings(bench.settings), given, 0
    for _ in range(how.bootstrap_rounds):
        order = how.few_shot if how.bootstrap_permutes else "static"
        shown = len(verdict_queries(count, replace(how, few_shot=order if count else "disabled")))
        times += max(1, count) * 2 * shown + (count + max(1, count)) * how.rounds * (how.calls - 1)
        count += max(1, count)
    yield from _between(Generate(JUDGE, user(SHOWN), sampling=how.sampling), (0, times - len(set(asked))))


def world(bench: Bench, coming: Sequence[Problem], open_: Open) -> Iterator[Expected]:
    """Tasks, investigations and uplifts of trajectories to come, and the rest of those that are open.

    Blind, tasks are made once a problem and looked into once. A task has 12 outcomes at most, each of which is scored.
    """
    how, long = world_settings(bench.settings), user(SHOWN)
    known = Counter((request.role, type(request)) for request in {one for asked in open_.values() for one in asked})
    begun = len({requests[0] for requests in open_.values()})
    sources = begun + (len(_problems(coming)) if how.blind else len(coming))
    tasks, subjects = how.tasks * sources, len(coming) + len(open_)
    written = (sources, 2 * sources + (tasks if how.template == "rephrase" else 0))
    scores = (1 + OUTCOMES[1]) * (how.tasks * len(how.arms) * subjects + tasks)
    made = Generate(WORLD_GENERATOR, long, sampling=how.sampling)
    for request, count, output in (
        (made, written, None),
        (Act(INVESTIGATOR, SHOWN), (tasks, tasks), REPORT_TOKENS),
        (Score(FORECASTER, long, SHOWN), (0, scores), None),
    ):
        less = known[request.role, type(request)]
        yield from _between(request, (count[0] - less, count[1] - less), output)


def _between(request: Request, count: Count, output: tuple[int, int] | None = None) -> Iterator[Expected]:
    if count[1] > 0:
        yield Expected(request, output, times=count[1], least=max(0, count[0]))
