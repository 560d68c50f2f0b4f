"""A truthfulness model without training of a language model: how probable the base model finds a claim, token by token.

What a model says of things that it knows comes with high probability in every token; what it makes up has a token or
two that could as well have been another. A logistic regression on a few numbers of each claim turns that into P_true.
This is the laptop's stand-in, of our own, for the verifier that KLCF (arXiv 2509.23765) trains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import expit

from veracity.core.errors import ConfigError, DataError
from veracity.core.judged import JudgedClaim
from veracity.core.problem import Problem
from veracity.core.requests import Program, Score, Scored
from veracity.judging.judged import ClaimJudge

FEATURES = ("mean", "lowest", "second_lowest", "tokens")
"""Of a claim's token log-probabilities after its question, nats: their mean, the lowest two, and ln of their number."""
Features = tuple[float, ...]
"""One number for each of `FEATURES`, in that order."""


@dataclass(frozen=True, slots=True)
class ClaimRegression:
    """A fitted regression: P_true = σ((intercept + Σ weight · (feature − mean) / scale) / temperature)."""

    means: Features
    scales: Features
    weights: Features
    intercept: float
    temperature: float = 1.0

    def probability(self, features: Features) -> float:
        """P_true, in [0, 1]."""
        parts = zip(features, self.means, self.scales, self.weights, strict=True)
        log_odds = self.intercept + math.fsum(w * (x - m) / s for x, m, s, w in parts)
        return float(expit(log_odds / self.temperature))


def claim_features(problem: Problem, claim: str, *, role: str = "base") -> Program[Features]:
    """One score: the claim as the answer to its question."""
    scored = yield Score(role, problem.messages(), claim)
    return features_of(scored)


def features_of(scored: Scored) -> Features:
    """The numbers of one claim; a claim of one token has its only one as the second lowest, too."""
    low = sorted(scored.logprobs)
    return (math.fsum(low) / len(low), low[0], low[min(1, len(low) - 1)], math.log(len(low)))


def fit_regression(features: Sequence[Features], true: Sequence[bool], *, penalty: float = 1.0) -> ClaimRegression:
    """Logistic regression on standardised features (scikit-learn, L2).

    Args:
        features: one row a claim.
        true: whether each is.
        penalty: inverse of C; larger keeps weights smaller.

    Raises:
        ConfigError: a penalty that is not positive.
        DataError: no true or no false claim to learn from.
    """
    if not penalty > 0:
        raise ConfigError(f"penalty={penalty}; a penalty is positive")
    if len(set(true)) < 2:
        raise DataError("holds claims of one kind only; it needs true and false ones", path="truthfulness data")
    import numpy as np
    from sklearn.linear_model import LogisticRegression  # heavy: not for who asks for no regression

    table = np.asarray(features, dtype=float)
    means, scales = table.mean(axis=0), table.std(axis=0)
    scales[scales == 0] = 1.0
    fitted = LogisticRegression(C=1 / penalty).fit((table - means) / scales, np.asarray(true, dtype=int))
    return ClaimRegression(
        tuple(means.tolist()), tuple(scales.tolist()), tuple(fitted.coef_[0].tolist()), float(fitted.intercept_[0])
    )


def claim_by_log_probability(regression: ClaimRegression, *, role: str = "base") -> ClaimJudge:
    """Judge claims by a fitted regression: a confidence, no label. `role` is the base model, not the policy."""

    def judge_claim(problem: Problem, claim: str) -> Program[JudgedClaim]:
        features = yield from claim_features(problem, claim, role=role)
        return JudgedClaim(claim, None, regression.probability(features))

    return judge_claim
