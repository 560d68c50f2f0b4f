"""Belief probes: from a trajectory to queries, and from a query to readings.

Queries are made by a pure function and asked by one program each, so one failed request costs one reading and no other.
A probe asks about the option in words, not by its letter; which of two options it asks about changes from replicate to
replicate, so that a judge who says yes to whatever is named shows up as noise, not as belief. Where a trajectory is
shown, its options stand in the order in which its policy saw them: it may speak of them by letter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random

from veracity.core.errors import AuthenticationError, ConfigError, FilteredError, ModelError
from veracity.core.identity import derive_seed
from veracity.core.requests import Generate, Generated, Message, Program, Sampling, user
from veracity.core.trajectory import Step, Trajectory
from veracity.judging.beliefs.base import BeliefQuery, BeliefSettings, BeliefStatus, PriorKind, Reading
from veracity.judging.beliefs.parsing import ParsedProbability, parse_probability, parse_steps
from veracity.judging.prompting import render

_END = re.compile(r"</(?=\s*transcript\s*>)", re.IGNORECASE)
_SUM = (1e-6, 1.5)
"""Stated probabilities of several options are brought to sum to 1 if their sum lies between these."""


def belief_queries(trajectory: Trajectory, settings: BeliefSettings) -> tuple[BeliefQuery, ...]:
    """All queries for one trajectory: its priors, and its beliefs along the way, `settings.replicates` times each.

    The first point of a trajectory is its `first_step` prior only if a later point follows; else it is its end.

    Raises:
        ConfigError: the problem has no options, so there is nothing to believe.
    """
    problem, points = trajectory.problem, trajectory.points
    if not problem.options:
        raise ConfigError(
            f"problem {problem.domain}/{problem.id} has no options, so no belief over them can be read: "
            "use a domain of choices, or a metric without beliefs"
        )
    later = points[1:] if settings.granularity == "step" else points[1:][-1:]
    path = (*points[:1], *later)
    first: PriorKind | None = "first_step" if len(path) > 1 and "first_step" in settings.priors else None
    kinds = (first, *(None for _ in path[1:]))[: len(path)]
    asked: list[tuple[tuple[int, ...], tuple[PriorKind | None, ...]]]
    asked = [((0,), (kind,)) for kind in settings.priors if kind != "first_step"]
    if settings.view == "prefix":
        asked += [((step,), (kind,)) for step, kind in zip(path, kinds, strict=True)]
    elif path:
        asked.append(((0, *path), (None, *kinds)))
    return tuple(
        _query(trajectory, settings, steps, priors, replicate)
        for replicate in range(settings.replicates)
        for steps, priors in asked
    )


def read_beliefs(query: BeliefQuery) -> Program[tuple[Reading, ...]]:
    """One reading a step of the query; a request that fails gives readings that say so.

    Raises:
        AuthenticationError: whoever reads does not accept the key: nothing can be read at all.
    """
    requests = [Generate(query.role, prompt, sampling=query.sampling) for prompt in query.prompts]
    try:
        replies: list[Generated] = yield requests
    except AuthenticationError:
        raise
    except ModelError as error:
        status: BeliefStatus = "refused" if isinstance(error, FilteredError) else "request_failed"
        return tuple(_reading(query, place, None, status, None, str(error)) for place in range(len(query.steps)))
    texts = [reply.text for reply in replies]
    said = [_said(query, text) for text in texts]
    return tuple(
        _combined(query, place, [s[place] for s in said], "\n\n".join(texts)) for place in range(len(query.steps))
    )


def transcript(steps: Sequence[Step]) -> str:
    """Steps as text for a reader; who speaks is said where more than one does."""
    several = any(step.speaker == "user" for step in steps)
    parts: list[str] = []
    before = None
    for step in steps:
        label = (
            f"{'Interviewer' if step.speaker == 'user' else 'Writer'}: " if several and step.speaker != before else ""
        )
        parts.append(label + step.content.strip())
        before = step.speaker
    return _END.sub("< /", "\n\n".join(parts))


def _query(
    trajectory: Trajectory,
    settings: BeliefSettings,
    steps: tuple[int, ...],
    priors: tuple[PriorKind | None, ...],
    replicate: int,
) -> BeliefQuery:
    problem, bare = trajectory.problem, steps == (0,)
    rng = Random(derive_seed(settings.seed, "belief", f"{problem.domain}/{problem.id}/{replicate}"))
    shuffled = rng.sample(range(len(problem.options)), len(problem.options))
    order = tuple(shuffled) if bare or not trajectory.order else trajectory.order
    asked = tuple(shuffled[:1]) if len(shuffled) == 2 else tuple(range(len(shuffled)))
    of_policy = priors == ("policy_prior",)
    return BeliefQuery(
        steps=steps,
        length=max(trajectory.points, default=0),
        priors=priors,
        replicate=replicate,
        role=settings.policy_role if of_policy else settings.role,
        owner=settings.owner,
        view="prefix" if bare else settings.view,
        asked=asked,
        options=len(shuffled),
        order=order,
        prompts=tuple(_prompt(trajectory, settings, steps, order, problem.options[option]) for option in asked),
        sampling=_drawn(settings.sampling, replicate),
        prompt_hash=settings.prompt_hash,
    )


def _prompt(
    trajectory: Trajectory, settings: BeliefSettings, steps: tuple[int, ...], order: Sequence[int], option: str
) -> tuple[Message, ...]:
    problem = trajectory.problem.messages(order)[0].content
    if steps == (0,):
        text = render("belief.question.v1", problem=problem, option=option)
    elif len(steps) == 1:
        shown = transcript(trajectory.steps[: steps[0]])
        text = render(f"belief.{settings.owner}.v1", problem=problem, option=option, transcript=shown)
    else:
        # each point closes the steps since the point before it, under one number
        parts = [(end, transcript(trajectory.steps[start:end])) for start, end in pairwise(steps)]
        text = render(
            "belief.hindsight.v1", problem=problem, option=option, parts=parts, steps=steps, owner=settings.owner
        )
    return user(text, system=settings.system)


def _drawn(sampling: Sampling, replicate: int) -> Sampling:
    return replace(sampling, seed=derive_seed(sampling.seed, "belief", replicate) % 2**31)


def _said(query: BeliefQuery, text: str) -> tuple[ParsedProbability, ...]:
    """What one reply says of one option, one entry a step."""
    return (parse_probability(text),) if len(query.steps) == 1 else parse_steps(text, query.steps)


def _combined(query: BeliefQuery, place: int, said: Sequence[ParsedProbability], reply: str) -> Reading:
    """What the replies about one step come to: the belief over all options, in canonical order."""
    values = [parsed.probability for parsed in said if parsed.probability is not None]
    if len(values) < len(said):
        status = next(parsed.status for parsed in said if parsed.status != "ok")
        return _reading(query, place, None, status, reply, "no probability where one was asked for")
    if query.options == 2:
        named = values[0]
        both = (named, 1 - named) if query.asked == (0,) else (1 - named, named)
        return _reading(query, place, both, "ok", reply, None)
    total = sum(values)
    if not _SUM[0] < total <= _SUM[1]:
        return _reading(
            query, place, None, "out_of_range", reply, f"the probabilities of all options sum to {total:.3g}"
        )
    return _reading(query, place, tuple(value / total for value in values), "ok", reply, None)


def _reading(
    query: BeliefQuery,
    place: int,
    probabilities: tuple[float, ...] | None,
    status: BeliefStatus,
    reply: str | None,
    reason: str | None,
) -> Reading:
    return Reading(
        step=query.steps[place],
        last=query.steps[place] == query.length > 0,
        prior=query.priors[place],
        replicate=query.replicate,
        role=query.role,
        owner=query.owner,
        view=query.view,
        order=query.order,
        prompt_hash=query.prompt_hash,
        probabilities=probabilities,
        status=status,
        reply=reply,
        reason=reason,
    )
