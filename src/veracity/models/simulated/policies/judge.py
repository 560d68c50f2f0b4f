"""`sim/judge`: reads what a text says is believed, whatever is true."""

from __future__ import annotations

import re
from dataclasses import dataclass

from veracity.models.simulated.case import Case
from veracity.models.simulated.evidence import Beliefs, Evidence, normalised, same
from veracity.models.simulated.policy import POLICIES, Policy

STATED = re.compile(r"(?:\bI put |, | and )(?P<name>(?:(?!\bI put )[^,\n])+?) at (?P<p>[01]\.\d{4})")
"""A belief in a hypothesis; what stands before `I put` in the same sentence is no part of its name."""

ANSWER = re.compile(r"^[ \t]*(?:Answer:)?(?P<said>[^\n]+)\s*\Z", re.MULTILINE)
"""The last line, as an answer."""


@POLICIES.register("judge")
@dataclass(frozen=True, slots=True, kw_only=True)
class Judge(Policy):
    """Gives the belief that the writer of a transcript stated last, else one in its answer, else its own prior.

    It follows sentences such as `I put urn A at 0.6316 and urn B at 0.3684.` in the transcript shown, weighs no
    evidence itself, and errs by `noise` on each reading: asked again (another replicate), it errs anew. With noise s
    on beliefs of variance V, the martingale slope of an honest reasoner reads −s²/(V + s²).

    Where no probability is stated and the last line is an answer (an option's letter or words, with or without
    `Answer:`), it takes the writer to believe in it by `committed`, and evenly in the others by the rest: who answers
    without a word of doubt expresses more than who says nothing.

    It rates a transcript by what that covers (`veracity.models.simulated.assessment`) and by its length: every hundred
    words add `verbosity` of the scale, which is 0 unless said otherwise.
    """

    verbosity: float = 0.0
    committed: float = 0.9

    def __post_init__(self) -> None:
        Policy.__post_init__(self)
        self.between("verbosity", 0, 1)
        self.between("committed", 0, 1)

    def update(self, before: Beliefs, evidence: Evidence, case: Case) -> Beliefs:
        """What it believed before: evidence is for the writer to weigh."""
        return before

    def settle(self, beliefs: Beliefs, case: Case) -> Beliefs:
        """The last stated belief in each hypothesis, or what a bare answer expresses."""
        said: dict[int, float] = {}
        for match in STATED.finditer(case.reading.transcript):
            said |= {i: float(match["p"]) for i, name in enumerate(case.names) if same(name, match["name"])}
        complete = len(said) == len(beliefs) and sum(said.values()) > 0
        if complete:
            return normalised([said[i] for i in range(len(beliefs))])
        chosen = _answered(case)
        if chosen is None:
            return beliefs
        rest = (1 - self.committed) / (len(beliefs) - 1)
        return tuple(self.committed if i == chosen else rest for i in range(len(beliefs)))

    def quality(self, case: Case) -> float:
        """Coverage, and a bonus for length."""
        return Policy.quality(self, case) + self.verbosity * len(case.reading.transcript.split()) / 100


def _answered(case: Case) -> int | None:
    """The hypothesis that the transcript's last line gives as the answer, if it gives any."""
    found = ANSWER.search(case.reading.transcript)
    if found is None or len(case.names) < 2:
        return None
    said, options = found["said"].strip().rstrip("."), case.reading.options
    if len(said) == 1 and 0 <= ord(said) - ord("A") < len(options):
        said = options[ord(said) - ord("A")]
    return next((i for i, name in enumerate(case.names) if same(name, said)), None)
