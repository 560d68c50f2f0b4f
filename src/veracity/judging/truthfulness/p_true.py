"""P_true of a claim: the softmax over the two label tokens that a truthfulness model chooses between.

    P_true = σ((log P("true") − log P("false")) / T)

KLCF (Li et al., 2025, arXiv 2509.23765) trains a verifier on the base model's claims; that it answers by one of two
label tokens, and the temperature T, are reconstructions. The same program asked of the untuned base model is its
zero-shot ablation, P(True) of Kadavath et al. (2022, arXiv 2207.05221); only who plays the role differs. T is fitted on
held-out claims (`veracity.metrics.truthfulness_quality`) and changes no ranking.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import expit, logit

from veracity.core.errors import ConfigError
from veracity.core.judged import JudgedClaim
from veracity.core.problem import Problem
from veracity.core.requests import Message, Program, Score, user
from veracity.judging.confidence.p_true import SPACES, two_way
from veracity.judging.judged import ClaimJudge
from veracity.judging.prompting import render
from veracity.judging.truthfulness.examples import LabelledClaim

TRUE, FALSE = "true", "false"
"""The two labels, as they are trained."""
SPELLINGS = tuple(
    tuple(space + word for space in SPACES for word in (label, label.capitalize())) for label in (TRUE, FALSE)
)


@dataclass(frozen=True, slots=True)
class TruthSettings:
    """How a truthfulness model is asked; the same for training and for use. ConfigError unless T is positive."""

    role: str = "truthfulness"
    prompt: str = "truthfulness.claim.v1"
    """`verification.plain.v1` for small models that know `True or false?` alone."""
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ConfigError(f"temperature={self.temperature}; a temperature is positive")


def truth_prompt(problem: Problem, claim: str, settings: TruthSettings) -> tuple[Message, ...]:
    """The conversation that the label answers."""
    question = problem.messages()[0].content
    return user(render(settings.prompt, question=question, claim=claim, abstention=None))


def truth_dialogue(example: LabelledClaim, settings: TruthSettings) -> tuple[tuple[Message, ...], str]:
    """(conversation, label): what a truthfulness model is trained to answer."""
    return truth_prompt(example.problem, example.text, settings), TRUE if example.true else FALSE


def p_true_of_claim(problem: Problem, claim: str, settings: TruthSettings) -> Program[float]:
    """In [0, 1]: eight scores after one prompt, each label with and without a capital and a blank before it.

    Raises NonFiniteError if the model gives neither label any probability.
    """
    prompt = truth_prompt(problem, claim, settings)
    scored = yield [Score(settings.role, prompt, word) for words in SPELLINGS for word in words]
    half = len(scored) // 2
    return float(expit(logit(two_way(scored[:half], scored[half:])) / settings.temperature))


def claim_by_p_true(settings: TruthSettings) -> ClaimJudge:
    """Judge claims by P_true: a confidence, no label."""

    def judge_claim(problem: Problem, claim: str) -> Program[JudgedClaim]:
        return JudgedClaim(claim, None, (yield from p_true_of_claim(problem, claim, settings)))

    return judge_claim
