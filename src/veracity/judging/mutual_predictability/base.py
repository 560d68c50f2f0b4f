"""Mutual predictability: what is chosen in one trial, and what comes of it.

In a trial a *predictor* says how likely an answer of the *predicted* policy to a *target* question is, once it has seen
answers of the *evaluated* policy to *context* questions. Policies are told apart by model identity, never by name: two
instances of one model are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from veracity.core.errors import ConfigError
from veracity.core.identity import content_hash
from veracity.core.trajectory import Trajectory, TrajectoryStatus
from veracity.judging.prompting import prompt_hashes
from veracity.judging.token_scores import TokenScores

PolicyChoice = Literal["evaluated", "random_non_evaluated", "random_any"]
TargetChoice = Literal["evaluated_question", "random_non_evaluated_question", "random_any_question"]
ContextChoice = Literal["k_random_non_evaluated", "evaluated_question"]
Scoring = Literal["uplift", "conditional_only", "judge_consistency"]
"""`uplift`: log p(answer | context) − log p(answer). `conditional_only`: its first term. `judge_consistency`: a judge's
rating, from 0 to 1, of how well the answer goes with the context."""
SkipReason = Literal[
    "no_predictor",
    "no_predicted",
    "predictor_is_predicted",
    "no_target_answer",
    "empty_answer",
    "refused_answer",
    "filtered_answer",
    "too_few_context_answers",
    "too_few_examples",
    "identical_text",
    "target_in_context",
    "context_overflow",
    "non_finite",
    "no_tokens",
]
"""Why a drawn trial is not one. `target_in_context`: the target question is among the context's, answered by the same
policy. `too_few_examples`: the predicted policy has not answered enough other questions."""
TrialStatus = Literal["ok", "skipped", "request_failed", "parse_failed", "refused", "out_of_range"]


@dataclass(frozen=True, slots=True)
class MutualSettings:
    """The axes of the paradigm; the evaluated policy is the seventh, and gives all context answers."""

    predictor: PolicyChoice = "random_non_evaluated"
    predicted: PolicyChoice = "evaluated"
    target: TargetChoice = "evaluated_question"
    context: ContextChoice = "k_random_non_evaluated"
    scoring: Scoring = "uplift"
    k: int = 3
    """Context questions, where they are drawn."""
    trials: int = 3
    """Valid trials that one answer gets."""
    examples: int = 0
    """Earlier answers of the predicted policy that are shown in both terms, so that its style is known to both."""
    attempts: int = 10
    """Times `trials`: so many draws are made at most."""
    judge_role: str = "judge"
    """Who rates consistency."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.k, self.trials, self.attempts) < 1 or self.examples < 0:
            raise ConfigError(f"mutual predictability needs k, trials and attempts of at least 1, not {self}")

    @property
    def config(self) -> str:
        """Content hash of the axes and the prompts; not of how many trials there are."""
        used = "mutual.consistency." if self.scoring == "judge_consistency" else "mutual.predict."
        files = {name: digest for name, digest in prompt_hashes().items() if name.startswith(used)}
        axes = [self.predictor, self.predicted, self.target, self.context, self.scoring, self.k, self.examples]
        drawn = "common draws, controls unlike the target"
        return content_hash(["mutual predictability", drawn, axes, self.judge_role, self.seed, files])

    @property
    def scores(self) -> int:
        """Log-probabilities that a trial asks for, at most; the base is the same request for all evaluated policies."""
        if self.scoring != "uplift":
            return int(self.scoring == "conditional_only")
        return 3 + (self.context == "evaluated_question")


CROSS_QUESTION = MutualSettings()
"""Coherence across questions: does knowing some answers of a policy help another model to predict a further one?"""
PEER_PREDICTION = MutualSettings(
    predictor="random_any", predicted="random_any", context="evaluated_question", trials=5, examples=3
)
"""The same question: does the evaluated policy's answer help to predict a peer's (Qiu, Carroll and Allen, 2026, arXiv
2601.20299)?"""
PRESETS = {"cross_question": CROSS_QUESTION, "peer_prediction": PEER_PREDICTION}


@dataclass(frozen=True, slots=True)
class Answer:
    """One policy's answer to one question."""

    trajectory: str
    """Id of the trajectory that it ended."""
    model: str
    """Identity of the policy."""
    domain: str
    item: str
    cluster: str
    replicate: int
    question: str
    """With its options."""
    text: str
    status: TrajectoryStatus = "complete"

    @classmethod
    def of(cls, trajectory: Trajectory, model: str) -> Answer:
        """The answer that a trajectory of the policy with identity `model` came to."""
        problem = trajectory.problem
        return cls(
            trajectory.identity(model),
            model,
            problem.domain,
            problem.id,
            problem.cluster or problem.id,
            trajectory.replicate,
            problem.messages(trajectory.order or None)[0].content,
            trajectory.answer,
            trajectory.status,
        )

    @property
    def asked(self) -> tuple[str, str]:
        """Names the question."""
        return self.domain, self.item


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model that can give log-probabilities."""

    role: str
    model: str
    """Its identity."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One draw that can be scored."""

    number: int
    """Of the draw, from 0; skipped draws have numbers too."""
    predictor: Predictor
    target: Answer
    context: tuple[Answer, ...]
    examples: tuple[Answer, ...]
    control: tuple[Answer, ...]
    """As many answers to other questions by another policy as the context has; empty where there are not so many."""
    matched: tuple[Answer, ...] = ()
    """As many answers to other questions by the evaluated policy itself: its style and length, and nothing on the
    question. Empty where the context is on other questions anyway, or where there are not so many."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """One draw that is no trial."""

    number: int
    reason: SkipReason
    predictor: Predictor | None = None
    target: Answer | None = None


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What one draw gave: log-probabilities in nats, or a rating; None where the scoring has none, or it failed."""

    drawn: Trial | Skipped
    status: TrialStatus
    reason: str | None = None
    """Why it is not ok: a `SkipReason`, or the words of an error."""
    conditional: float | None = None
    """log p(answer | question, context, examples)."""
    base: float | None = None
    """log p(answer | question, examples)."""
    control: float | None = None
    """log p(answer | question, control, examples)."""
    matched: float | None = None
    """log p(answer | question, matched, examples)."""
    tokens: int | None = None
    """Of the answer, by the predictor's tokenizer."""
    rating: float | None = None
    """From 0 to 1."""
    by_token: TokenScores | None = None
    """What `conditional` and `base` are sums of; None where the scoring has not both."""
