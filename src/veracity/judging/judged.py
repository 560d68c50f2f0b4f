"""From a sampled text to a `JudgedResponse`: a short one by its grade, a long one by its claims.

What could not be judged is None in the response, so that a reward leaves it out: a judge that failed, a claim without
evidence, a list of claims that could not be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from veracity.core.errors import ModelError
from veracity.core.judged import JudgedClaim, JudgedResponse, Outcome
from veracity.core.problem import Problem
from veracity.core.requests import Program
from veracity.judging.claims import Extractor, ExtractorSettings
from veracity.judging.confidence.asking import answer_text
from veracity.judging.confidence.base import ConfidenceSettings
from veracity.judging.grading import Grade, JudgeSettings, Rules
from veracity.judging.grading.grader import grade
from veracity.judging.grading.rules import accepted_answers, grade_without_judge
from veracity.judging.grading.wording import names
from veracity.judging.prompting import Family
from veracity.judging.verifying import Verifier, VerifierSettings
from veracity.judging.verifying.evidence import EvidenceSettings, verify_with_evidence

ClaimJudge = Callable[[Problem, str], Program[JudgedClaim]]
"""(problem, claim) → program that judges one claim of a response to the problem."""


@dataclass(frozen=True, slots=True)
class ShortJudging:
    """How short answers are judged; the same for every response of a run."""

    family: Family = "plain"
    """How the question was put, and so where the answer stands in a reply."""
    judge: JudgeSettings | None = None
    """Who decides what rules leave open; None: such an answer has no outcome."""
    rules: Rules = grade_without_judge


def judge_short(
    problem: Problem, text: str, how: ShortJudging, *, tokens: int, truncated: bool = False
) -> Program[JudgedResponse]:
    """Grade the answer in a reply.

    A reply without an answer in the form asked for is `incorrect` and not well formed, unless it names an accepted
    answer anywhere: then, as where the final answer is another one, it is `process_correct`. Where the whole reply is
    the answer (family `plain`) there is no form to keep but to say something, and nothing beside the answer to look
    into.
    """
    answer = answer_text(text, ConfidenceSettings(family=how.family))
    if not answer:
        missed: Outcome = "process_correct" if _names_gold(problem, text) else "incorrect"
        return JudgedResponse(text, tokens, truncated, well_formed=False, abstained=False, outcome=missed)
    formed = None if how.family == "plain" else True
    given = yield from grade(problem, answer, how.judge, rules=how.rules)
    outcome = _outcome(given)
    if outcome == "incorrect" and how.family != "plain" and _names_gold(problem, text):
        outcome = "process_correct"
    abstained = None if outcome is None else outcome == "abstained"
    return JudgedResponse(text, tokens, truncated, formed, abstained, outcome)


def judge_long(
    problem: Problem,
    text: str,
    extract: Extractor,
    settings: ExtractorSettings,
    judge_claim: ClaimJudge,
    *,
    tokens: int,
    truncated: bool = False,
) -> Program[JudgedResponse]:
    """List the claims of a reply and judge them one after the other.

    A reply that abstains makes no claims. One whose claims could not be listed has `claims` None; a claim whose judge
    could not be asked has neither label nor confidence. Raises ModelError where that happened to every claim.
    """
    found = yield from extract(problem, text, settings)
    asked = None if settings.abstains is None else found.status == "abstained"
    if found.status == "extraction_failed":
        return JudgedResponse(text, tokens, truncated, abstained=asked)
    claims, failed = [], 0
    for claim in found.texts:
        try:
            claims.append((yield from judge_claim(problem, claim)))
        except ModelError:  # this claim stays without a verdict; the others have theirs
            claims.append(JudgedClaim(claim))
            failed += 1
            if failed == len(found.texts):
                raise
    return JudgedResponse(text, tokens, truncated, abstained=asked, claims=tuple(claims))


def claim_by_evidence(
    verifier: Verifier,
    settings: VerifierSettings,
    evidence: EvidenceSettings,
    page_of: Callable[[Problem], str | None],
    *,
    whole_corpus: bool = False,
) -> ClaimJudge:
    """Judge claims by what a corpus says: on the page that the problem is about, or anywhere (`whole_corpus`)."""

    def judge_claim(problem: Problem, claim: str) -> Program[JudgedClaim]:
        page = page_of(problem)
        within = None if whole_corpus else page
        judged = yield from verify_with_evidence(claim, verifier, settings, evidence, about=page or "", page=within)
        return JudgedClaim(claim, judged.label, judged.confidence)

    return judge_claim


def _outcome(given: Grade) -> Outcome | None:
    """None where there is no grade, whoever failed to give it."""
    named: dict[str, Outcome] = {"correct": "correct", "incorrect": "incorrect", "not_attempted": "abstained"}
    return None if given.grade is None else named[given.grade]


def _names_gold(problem: Problem, text: str) -> bool:
    return any(names(text, accepted) for accepted in accepted_answers(problem))
