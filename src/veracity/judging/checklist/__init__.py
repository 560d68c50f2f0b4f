"""Fact checklists: building one from a model's own samples, checking a response against it, examples to train on."""

from veracity.judging.checklist.base import (
    CHECKLIST_VERIFIERS,
    ChecklistVerifier,
    CheckSettings,
    Covering,
    checklist_verifier,
    checklist_verifier_prompts,
)
from veracity.judging.checklist.building import Checklist, ChecklistItem, build_checklist, statement_key
from veracity.judging.checklist.covering import cover

__all__ = [
    "CHECKLIST_VERIFIERS",
    "CheckSettings",
    "Checklist",
    "ChecklistItem",
    "ChecklistVerifier",
    "Covering",
    "build_checklist",
    "checklist_verifier",
    "checklist_verifier_prompts",
    "cover",
    "statement_key",
]
