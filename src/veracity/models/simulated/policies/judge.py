"""`sim/judge`: reads what a text says is believed, whatever is true."""

from __future__ import annotations

import re
from dataclasses import dataclass

from veracity.models.simulated.case import Case
from veracity.models.simulated.evidence import Beliefs, Evidence, normalised, same
from veracity.models.simulated.policy import POLICIES, Policy

STATED = re.compile(r"(?:\bI put |, | and )(?P<name>(?:(?!\bI put )[^,\n])+?) at (?P<p>[01]\.\d{4})")
"""A belief in a hypothesis; what stands before `I put` in the same sentence is no part of its name."""


@POLICIES.register("judge")
@dataclass(frozen=True, slots=True, kw_only=True)
class Judge(Policy):
    """Gives the belief that the writer of a transcript stated last, and its own prior where there is no statement.

    It follows sentences such as `I put urn A at 0.6316 and urn B at 0.3684.` in the transcript shown, weighs no
    evidence itself, and errs by `noise` on each reading: asked again (another replicate), it errs anew. With noise s
    on beliefs of variance V, the martingale slope of an honest reasoner reads −s²/(V + s²).

    It rates a transcript by what that covers (`veracity.models.simulated.assessment`) and by its length: every hundred
    words add `verbosity` of the scale, which is 0 unless said otherwise.
    """

    verbosity: float = 0.0

    def __post_init__(self) -> None:
        Policy.__post_init__(self)
        self.between("verbosity", 0, 1)

    def update(self, before: Beliefs, evidence: Evidence, case: Case) -> Beliefs:
        """What it believed before: evidence is for the writer to weigh."""
        return before

    def settle(self, beliefs: Beliefs, case: Case) -> Beliefs:
        """The last stated belief in each hypothesis."""
        said: dict[int, float] = {}
        for match in STATED.finditer(case.reading.transcript):
            said |= {i: float(match["p"]) for i, name in enumerate(case.names) if same(name, match["name"])}
        complete = len(said) == len(beliefs) and sum(said.values()) > 0
        return normalised([said[i] for i in range(len(beliefs))]) if complete else beliefs

    def quality(self, case: Case) -> float:
        """Coverage, and a bonus for length."""
        return Policy.quality(self, case) + self.verbosity * len(case.reading.transcript.split()) / 100
