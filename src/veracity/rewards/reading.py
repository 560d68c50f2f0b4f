"""What rewards read of one judged response: counts of its claims and of its checklist, or that they are not known.

Everything here is None where a judge failed or was not asked: one unknown claim of twenty leaves a response without
counts, since leaving it out would reward answers whose claims are hard to judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from veracity.core.judged import JudgedResponse

NoClaims = Literal["zero", "undefined"]
"""What a response that makes no claim earns where the formula would divide by their number."""


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    """Of one response's claims; irrelevant ones are in none of these."""

    supported: int
    refuted: int
    judged: int
    """Supported, refuted and undecided ones."""


@dataclass(frozen=True, slots=True)
class Covered:
    """How many items of a checklist a response states, contradicts and leaves out."""

    consistent: int
    contradictory: int
    missing: int

    @property
    def items(self) -> int:
        """Length of the checklist."""
        return self.consistent + self.contradictory + self.missing


def claim_counts(response: JudgedResponse) -> ClaimCounts | None:
    """Counts of the labels; None without claims that were extracted, or where any of them has no label."""
    if response.claims is None:
        return None
    labels = [claim.label for claim in response.claims]
    if None in labels:
        return None
    undecided = labels.count("not_enough")
    supported, refuted = labels.count("supported"), labels.count("refuted")
    return ClaimCounts(supported, refuted, supported + refuted + undecided)


def covered(response: JudgedResponse) -> Covered | None:
    """Counts of the coverage; None without a checklist, for an empty one, or where the judge of any item failed."""
    found = response.checklist
    if not found or None in found:
        return None
    return Covered(found.count("consistent"), found.count("contradictory"), found.count("missing"))


def precision(counts: ClaimCounts, no_claims: NoClaims) -> float | None:
    """Supported over judged claims."""
    if counts.judged:
        return counts.supported / counts.judged
    return 0.0 if no_claims == "zero" else None
