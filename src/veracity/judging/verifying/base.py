"""What every verification program shares: its signature, its settings, and the record that it returns.

A verifier is a program from a claim and the passages that were found for it to a label. Finding them is another
program's work (`veracity.judging.verifying.evidence`), so any verifier goes with any corpus. A claim without passages
is `no_evidence`: nobody is asked, and it is neither supported nor refuted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from veracity.core.judged import ClaimLabel
from veracity.core.records import Status, Verdict
from veracity.core.registry import Registry
from veracity.core.requests import Passage, Program
from veracity.judging.prompting import prompt_hashes

ClaimStatus = Literal["judged", "judge_failed", "no_evidence", "request_failed"]
"""As in the claims table. `judge_failed`: the judge answered something that its prompt did not ask for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a verifier says of one claim; `label` is None unless `status` is judged."""

    label: ClaimLabel | None
    status: ClaimStatus
    confidence: float | None = None
    """The verifier's probability of support, 0 to 1; None where it gives none."""
    evidence: tuple[str, ...] = ()
    """Ids of the passages or facts that it was shown, or that decided where it says which."""
    reply: str = ""
    """The judge's words, where it gave any: kept since they were paid for."""


NO_EVIDENCE = Judged(None, "no_evidence")
"""Nothing was retrieved, or the corpus has no page of that title."""


@dataclass(frozen=True, slots=True)
class VerifierSettings:
    """How verification programs ask and decide; the same for every claim of a run."""

    role: str = "verifier"
    threshold: float = 0.5
    """Least probability of a label for it to be given by a verifier that has probabilities; below it: not_enough."""
    guard_numbers: bool = True
    """Whether a claim with a number or date that no passage holds can be no more than not_enough."""
    max_tokens: int = 64
    """Of one reply in words; a batched reply may have as many for each claim."""


Verifier = Callable[[str, Sequence[Passage] | None, VerifierSettings], Program[Judged]]
"""(claim, passages, settings) → program. Passages None: the judge is asked to rely on what it knows; an empty list:
`no_evidence`."""

VERIFIERS: Registry[Verifier] = Registry("verifiers", "veracity.judging.verifying")
_PROMPTS: dict[str, tuple[str, ...]] = {}


def verifier(name: str, *prompts: str) -> Callable[[Verifier], Verifier]:
    """Decorator: register a verifier under `name`, with the ids of the prompts that it uses."""
    _PROMPTS[name] = prompts
    return VERIFIERS.register(name)


def verifier_prompts(name: str) -> dict[str, str]:
    """Id → hash of the prompts of the verifier called `name`, for a result's record. ConfigError if there is none."""
    VERIFIERS.get(name)
    hashes = prompt_hashes()
    return {prompt: hashes[prompt] for prompt in _PROMPTS.get(name, ())}


def verdict_of(claim: str, judged: Judged) -> Verdict:
    """The house's record of it, for the claim with id `claim`.

    An irrelevant claim is judged, but neither true nor false: its status is ok and its verdict not_enough.
    """
    if judged.label is None:
        states: dict[ClaimStatus, Status] = {
            "no_evidence": "no_evidence",
            "request_failed": "request_failed",
        }
        return Verdict(claim, None, states.get(judged.status, "judge_failed"), judged.evidence)
    return Verdict(claim, "not_enough" if judged.label == "irrelevant" else judged.label, "ok", judged.evidence)
