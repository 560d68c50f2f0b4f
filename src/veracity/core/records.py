"""The typed rows that move through the house, from what is asked to how truthful the answer was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Verdict3 = Literal["supported", "refuted", "not_enough"]
Status = Literal["ok", "abstained", "zero_claims", "no_evidence", "parse_failed", "judge_failed", "request_failed"]
"""Why a row has, or has not, a value. These are different states: each is counted, none becomes a number."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement that a text makes."""

    id: str
    source: str
    """Id of the trajectory it was taken from."""
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of a claim; `verdict` is None unless `status` is ok."""

    claim: str
    verdict: Verdict3 | None
    status: Status
    evidence: tuple[str, ...] = ()
    """Ids of the facts or passages that decided."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A program that ended without a value: data, not a crash."""

    item: str
    """Id of the item that the program worked on."""
    kind: str
    """Name of the exception's class."""
    reason: str

    def as_row(self) -> dict[str, Any]:
        """The row for a failures table."""
        return {"item": self.item, "kind": self.kind, "reason": self.reason}
