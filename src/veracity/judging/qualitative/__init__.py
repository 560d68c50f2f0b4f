"""Qualitative judging: does reasoning seek the truth, by a rubric, after a case against it and one for it."""

from veracity.judging.qualitative.base import (
    RUBRIC,
    Criterion,
    Example,
    QualitativeSettings,
    Scores,
    Subject,
    Verdict,
    VerdictQuery,
)
from veracity.judging.qualitative.bootstrapping import Bootstrapped, bootstrap_examples, candidates_needed
from veracity.judging.qualitative.judging import judge_once
from veracity.judging.qualitative.kinship import family, same_family
from veracity.judging.qualitative.orders import orders, verdict_queries

__all__ = [
    "RUBRIC",
    "Bootstrapped",
    "Criterion",
    "Example",
    "QualitativeSettings",
    "Scores",
    "Subject",
    "Verdict",
    "VerdictQuery",
    "bootstrap_examples",
    "candidates_needed",
    "family",
    "judge_once",
    "orders",
    "same_family",
    "verdict_queries",
]
