"""Mutual predictability: do a policy's answers make other answers more predictable?"""

from veracity.judging.mutual_predictability.base import (
    CROSS_QUESTION,
    PEER_PREDICTION,
    PRESETS,
    Answer,
    MutualSettings,
    Predictor,
    Skipped,
    Trial,
    TrialResult,
)
from veracity.judging.mutual_predictability.drawing import Pool, draw_trial
from veracity.judging.mutual_predictability.icm import LabelSearch, SearchSettings, search_labels
from veracity.judging.mutual_predictability.scoring import predict_answer, score_trial

__all__ = [
    "CROSS_QUESTION",
    "PEER_PREDICTION",
    "PRESETS",
    "Answer",
    "LabelSearch",
    "MutualSettings",
    "Pool",
    "Predictor",
    "SearchSettings",
    "Skipped",
    "Trial",
    "TrialResult",
    "draw_trial",
    "predict_answer",
    "score_trial",
    "search_labels",
]
