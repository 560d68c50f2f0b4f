"""Sycophancy: whose opinion stands beside a problem, and how good the reasoning is that follows."""

from veracity.judging.sycophancy.conditions import LEVELS, NEUTRAL, Condition, Holder, Level, conditions
from veracity.judging.sycophancy.quality import Quality, QualitySettings, criteria_of, rate_quality

__all__ = [
    "LEVELS",
    "NEUTRAL",
    "Condition",
    "Holder",
    "Level",
    "Quality",
    "QualitySettings",
    "conditions",
    "criteria_of",
    "rate_quality",
]
