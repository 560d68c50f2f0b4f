"""Verification of claims: programs, one file each, from a claim and passages to a label."""

from veracity.judging.verifying.base import (
    VERIFIERS,
    ClaimStatus,
    Judged,
    Verifier,
    VerifierSettings,
    verdict_of,
    verifier,
    verifier_prompts,
)

__all__ = [
    "VERIFIERS",
    "ClaimStatus",
    "Judged",
    "Verifier",
    "VerifierSettings",
    "verdict_of",
    "verifier",
    "verifier_prompts",
]
