"""Uplift: how much likelier a report, and the outcome it found, are for a forecaster who has read an answer.

    U = lp(report | task, question, answer) − lp(report | task, question)

A report in the answer's style would gain by that alone, and a long one by its length. So the outcome is scored too, as
one of the task's fixed answers, whose probabilities are brought to sum to 1; and the same is measured for answers that
should not help (`irrelevant`) and for another policy's (`other_policy`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from veracity.core.errors import (
    AuthenticationError,
    CapabilityError,
    ConfigError,
    ContextLengthError,
    ModelError,
    NonFiniteError,
)
from veracity.core.problem import Problem
from veracity.core.requests import Generate, Generated, Message, Program, Sampling, Score, Scored, user
from veracity.judging.prompting import render
from veracity.judging.quoting import quoted
from veracity.judging.token_scores import TokenScores
from veracity.judging.world_in_the_loop.base import ArmAnswer, Investigation, Uplift, WorldSettings, WorldTask


def arms_of(
    answer: str, settings: WorldSettings, *, irrelevant: str, other_policy: str | None
) -> tuple[ArmAnswer, ...]:
    """What the forecaster reads in each of the settings' arms.

    Args:
        answer: the one that is measured.
        settings: say which arms.
        irrelevant: answers to other questions, one after the other; cut to as many words as `answer` has.
        other_policy: another policy's answer to the question; None leaves that arm out.

    Raises:
        ConfigError: `irrelevant` is shorter than the answer, so that lengths would differ.
    """
    words = len(answer.split())
    found = [ArmAnswer("answer", answer)]
    if "irrelevant" in settings.arms:
        if len(irrelevant.split()) < words:
            raise ConfigError(f"the irrelevant answers have fewer words than the answer ({words}); give more of them")
        found.append(ArmAnswer("irrelevant", " ".join(irrelevant.split()[:words])))
    if "other_policy" in settings.arms and other_policy is not None:
        found.append(ArmAnswer("other_policy", other_policy))
    return tuple(found)


def measure_uplift(
    problem: Problem, found: Investigation, arms: Sequence[ArmAnswer], settings: WorldSettings
) -> Program[tuple[Uplift, ...]]:
    """One uplift an arm, of an investigation that has a report; all arms are scored on the same report.

    Raises:
        AuthenticationError, CapabilityError: a forecaster cannot be asked at all, or has no log-probabilities.
        ValueError: the investigation has no report.
    """
    if found.report is None or found.outcome is None:
        raise ValueError(f"an investigation that is {found.status} has no report to be scored")
    uplifts: list[Uplift] = []
    try:
        report = yield from _shown_report(found, settings)
        base = yield from _scores(problem, found, report, None, settings)
    except (AuthenticationError, CapabilityError):
        raise
    except ModelError as error:
        return tuple(_failed(arm, error) for arm in arms)
    for arm in arms:
        try:
            given = yield from _scores(problem, found, report, arm.text, settings)
        except (AuthenticationError, CapabilityError):
            raise
        except ModelError as error:  # this arm has no uplift; the others keep theirs
            uplifts.append(_failed(arm, error))
            continue
        uplifts.append(_uplift(arm, given, base))
    return tuple(uplifts)


@dataclass(frozen=True, slots=True)
class _Forecast:
    """What a forecaster makes of a report and an outcome after one prompt."""

    report: Scored
    outcome: float
    """Log-probability of the outcome among the task's outcomes."""


def _uplift(arm: ArmAnswer, given: _Forecast, base: _Forecast) -> Uplift:
    return Uplift(
        arm.arm,
        "ok",
        conditional=given.report.total,
        base=base.report.total,
        tokens=len(base.report.logprobs),
        outcome_conditional=given.outcome,
        outcome_base=base.outcome,
        by_token=TokenScores.of(given.report, base.report),
    )


def _failed(arm: ArmAnswer, error: ModelError) -> Uplift:
    status = "skipped" if isinstance(error, NonFiniteError | ContextLengthError) else "request_failed"
    return Uplift(arm.arm, status, str(error))  # type: ignore[arg-type]


def _shown_report(found: Investigation, settings: WorldSettings) -> Program[str]:
    """The report as the template has it."""
    report = found.report or ""
    if settings.template != "rephrase":
        return report
    text = render("world.rephrase.rewrite.v1", report=quoted(report))
    reply: Generated = yield Generate(settings.rephraser_role, user(text), sampling=Sampling(max_tokens=2048))
    return reply.text.strip()


def _scores(
    problem: Problem, found: Investigation, report: str, answer: str | None, settings: WorldSettings
) -> Program[_Forecast]:
    role, task = settings.forecaster_role, found.task
    asked = _outcome_prompt(problem, task, answer, settings)
    requests = [Score(role, report_prompt(problem, task, answer, settings), report)]
    requests += [Score(role, asked, outcome) for outcome in task.outcomes]
    scored: list[Scored] = yield requests
    totals = [one.total for one in scored]
    if not all(math.isfinite(total) for total in totals) or not scored[0].logprobs:
        raise NonFiniteError("the forecaster gave a log-probability that is not finite, or none; use another model")
    highest = max(totals[1:])
    whole = highest + math.log(math.fsum(math.exp(total - highest) for total in totals[1:]))
    return _Forecast(scored[0], totals[1 + (found.outcome or 0)] - whole)


def report_prompt(
    problem: Problem, task: WorldTask, answer: str | None, settings: WorldSettings
) -> tuple[Message, ...]:
    """The conversation that the report ends, by template; without an answer it is the same but for the answer."""
    return user(_filled(f"world.{settings.template}.v1", problem, task, answer, settings))


def _outcome_prompt(
    problem: Problem, task: WorldTask, answer: str | None, settings: WorldSettings
) -> tuple[Message, ...]:
    return user(_filled("world.outcome.v1", problem, task, answer, settings))


def _filled(prompt: str, problem: Problem, task: WorldTask, answer: str | None, settings: WorldSettings) -> str:
    return render(
        prompt,
        question=problem.messages()[0].content,
        answer=None if answer is None else quoted(answer),
        task=task.question,
        outcomes=task.outcomes,
        as_of=settings.as_of.isoformat(),
        investigator=settings.investigator_role,
    )
