"""How true claims are by what a model itself knows: training data, P_true, and a regression on log-probabilities."""

from veracity.judging.truthfulness.examples import LabelledClaim, in_ratio, labelled_claims, split_claims
from veracity.judging.truthfulness.log_probabilities import (
    ClaimRegression,
    claim_by_log_probability,
    claim_features,
    fit_regression,
)
from veracity.judging.truthfulness.p_true import TruthSettings, claim_by_p_true, p_true_of_claim, truth_dialogue

__all__ = [
    "ClaimRegression",
    "LabelledClaim",
    "TruthSettings",
    "claim_by_log_probability",
    "claim_by_p_true",
    "claim_features",
    "fit_regression",
    "in_ratio",
    "labelled_claims",
    "p_true_of_claim",
    "split_claims",
    "truth_dialogue",
]
