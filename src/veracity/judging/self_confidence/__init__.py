"""How sure a model is of a text's claims, without any reference: FactTune-MC (Tian et al., 2023, arXiv 2311.08401).

Each claim becomes one question, an oracle model answers it many times, and how far its answers agree is how sure the
claim is. A response's score is the mean over its claims.
"""

from veracity.judging.self_confidence.agreement import BINNINGS, Agreement, Binning, Measure, agreement
from veracity.judging.self_confidence.claims import (
    ClaimConfidence,
    OracleSettings,
    claim_by_agreement,
    claim_confidence,
)
from veracity.judging.self_confidence.entities import entity_confidences
from veracity.judging.self_confidence.questions import QUESTIONS, Question, parse_question, question_prompts

__all__ = [
    "BINNINGS",
    "QUESTIONS",
    "Agreement",
    "Binning",
    "ClaimConfidence",
    "Measure",
    "OracleSettings",
    "Question",
    "agreement",
    "claim_by_agreement",
    "claim_confidence",
    "entity_confidences",
    "parse_question",
    "question_prompts",
]
