"""Scoring trials: log-probabilities of an answer with and without context, or a judge's rating of their consistency.

lp(a | X) is the sum over the tokens of a alone, after X. It equals the difference LP(X + a) − LP(X) of whole dialogues,
and needs no such difference of large numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from veracity.core.errors import (
    AuthenticationError,
    CapabilityError,
    ContextLengthError,
    ModelError,
    NonFiniteError,
)
from veracity.core.requests import Generate, Generated, Program, Sampling, Score, Scored, user
from veracity.judging.mutual_predictability.base import Answer, MutualSettings, Predictor, Trial, TrialResult
from veracity.judging.mutual_predictability.drawing import Pool, draw_trial
from veracity.judging.prompting import render
from veracity.judging.quoting import quoted
from veracity.judging.rating import parse_rating
from veracity.judging.token_scores import TokenScores


def predict_answer(
    evaluated: Answer, pool: Pool, predictors: Sequence[Predictor], settings: MutualSettings
) -> Program[tuple[TrialResult, ...]]:
    """Draw and score until `settings.trials` trials are valid, or `settings.attempts` times as many were drawn.

    Every draw is in the result, with its reason where it is no valid trial.

    Raises:
        AuthenticationError, CapabilityError: a predictor cannot be asked at all, or has no log-probabilities.
    """
    results: list[TrialResult] = []
    valid = 0
    for number in range(settings.trials * settings.attempts):
        drawn = draw_trial(evaluated, pool, predictors, settings, number)
        result = (
            (yield from score_trial(drawn, evaluated, settings))
            if isinstance(drawn, Trial)
            else TrialResult(drawn, "skipped", drawn.reason)
        )
        results.append(result)
        valid += result.status == "ok"
        if valid == settings.trials:
            break
    return tuple(results)


def score_trial(trial: Trial, evaluated: Answer, settings: MutualSettings) -> Program[TrialResult]:
    """Score one trial by the settings' rule; a failure is a result that says so."""
    try:
        if settings.scoring == "judge_consistency":
            return (yield from _rated(trial, settings))
        return (yield from _scored(trial, evaluated, settings))
    except (AuthenticationError, CapabilityError):
        raise
    except ContextLengthError:
        return TrialResult(trial, "skipped", "context_overflow")
    except NonFiniteError:
        return TrialResult(trial, "skipped", "non_finite")
    except ModelError as error:
        return TrialResult(trial, "request_failed", str(error))


def _scored(trial: Trial, evaluated: Answer, settings: MutualSettings) -> Program[TrialResult]:
    contexts: list[Sequence[Answer]] = [trial.context]
    if settings.scoring == "uplift":
        contexts.append(())
    scored: list[Scored] = yield [_request(trial, context, evaluated) for context in contexts]
    if not all(math.isfinite(one.total) for one in scored):
        return TrialResult(trial, "skipped", "non_finite")
    given = scored[0]
    tokens = len(given.logprobs)
    if tokens == 0:
        return TrialResult(trial, "skipped", "no_tokens")
    if settings.scoring == "conditional_only":
        return TrialResult(trial, "ok", conditional=given.total, tokens=tokens)
    return TrialResult(
        trial,
        "ok",
        conditional=given.total,
        base=scored[1].total,
        control=(yield from _instead(trial, trial.control, evaluated)),
        matched=(yield from _instead(trial, trial.matched, evaluated)),
        tokens=tokens,
        by_token=TokenScores.of(given, scored[1]),
    )


def _instead(trial: Trial, shown: Sequence[Answer], evaluated: Answer) -> Program[float | None]:
    """The answer's log-probability after other answers than the context; None without any, or where they don't fit."""
    if not shown:
        return None
    try:
        scored: Scored = yield _request(trial, shown, evaluated)
    except (ContextLengthError, NonFiniteError):
        return None
    return scored.total if math.isfinite(scored.total) else None


def _rated(trial: Trial, settings: MutualSettings) -> Program[TrialResult]:
    text = render(
        "mutual.consistency.v1",
        context=[(answer.question, quoted(answer.text)) for answer in trial.context],
        question=trial.target.question,
        answer=quoted(trial.target.text),
    )
    reply: Generated = yield Generate(settings.judge_role, user(text), sampling=Sampling(max_tokens=512))
    rating = parse_rating(reply.text)
    reason = None if rating.status == "ok" else f"no rating: {reply.text[:80]!r}"
    return TrialResult(trial, rating.status, reason, rating=rating.value)


def _request(trial: Trial, context: Sequence[Answer], evaluated: Answer) -> Score:
    text = render(
        "mutual.predict.v1",
        examples=[(answer.question, answer.text.strip()) for answer in trial.examples],
        context=[(answer.question, answer.text.strip()) for answer in context],
        same=trial.target.model == evaluated.model,
        question=trial.target.question,
    )
    return Score(trial.predictor.role, user(text), trial.target.text.strip())
