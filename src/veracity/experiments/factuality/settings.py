"""Settings of `factuality`: who is tested, who judges, what is asked in short and in long form, what it may cost.

The defaults are the laboratory's: the embedded model, no judge model at all, and the embedded world as the truth.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from veracity.core.config import Settings
from veracity.judging.prompting import Family

SplitName = Literal["train", "validation", "test", "all"]
SAMPLED = ("sample_", "semantic_entropy", "discrete_semantic_entropy", "self_check_")
"""How the names of confidences begin that compare drawn answers with one another."""
FEWEST_SAMPLES = 2
"""Of drawn answers, for these to say anything."""


class BudgetSettings(Settings):
    """What the run may spend; null sets no limit. A run that stops at a limit continues with a larger one."""

    requests: int | None = Field(default=None, ge=1, description="Calls sent to models and corpora.")
    tokens: int | None = Field(default=None, ge=1, description="Input and output tokens together.")
    cost: float | None = Field(default=None, gt=0, description="US dollars.")


class ShortSettings(Settings):
    """Questions with short answers."""

    domains: tuple[str, ...] = Field(default=("world-abstention",), min_length=1, description="Names of domains.")
    problems: int | None = Field(default=300, ge=1, description="Questions of each domain; null takes all.")
    split: SplitName = Field(default="test", description="Which split of each domain; `all` joins the three.")
    arms: tuple[str, ...] = Field(
        default=("none", "careful", "bold"),
        min_length=1,
        description="System prompts by id; each is one system under comparison. `none` is no system prompt.",
    )
    family: Family = Field(default="plain", description="How questions are put and replies read.")
    max_tokens: int = Field(default=32, ge=1, description="Tokens of an answer, at most.")
    samples: int = Field(
        default=10, ge=0, description="Answers drawn at `temperature` beside the greedy one, of each question and arm."
    )
    temperature: float = Field(default=1.0, gt=0, description="Of the drawn answers.")
    confidence: tuple[str, ...] = Field(
        default=("sequence_mean", "sample_answer"),
        description="Confidence programs that are asked about the greedy answers; the first is the one of headlines.",
    )
    confidence_arms: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Arms whose confidence is asked for; null for the first arm alone."
    )

    @model_validator(mode="after")
    def _samples_are_drawn(self) -> ShortSettings:
        if self.samples < FEWEST_SAMPLES and (from_samples := [m for m in self.confidence if m.startswith(SAMPLED)]):
            raise ValueError(
                f"samples={self.samples} is too few for the confidence {', '.join(from_samples)}, which compares drawn "
                f"answers; draw {FEWEST_SAMPLES} or more (10 is usual), or leave it out of confidence"
            )
        return self

    @model_validator(mode="after")
    def _arms_exist(self) -> ShortSettings:
        if unknown := set(self.confidence_arms or ()) - set(self.arms):
            raise ValueError(f"confidence_arms names {', '.join(sorted(unknown))}, which is none of the arms")
        return self


class LongSettings(Settings):
    """Prompts with long answers, whose claims are judged one by one."""

    domains: tuple[str, ...] = Field(default=("world-biographies",), min_length=1, description="Names of domains.")
    problems: int | None = Field(default=100, ge=1, description="Prompts of each domain; null takes all.")
    split: SplitName = Field(default="test", description="Which split of each domain; `all` joins the three.")
    arms: tuple[str, ...] = Field(default=("none",), min_length=1, description="System prompts by id.")
    samples: int = Field(default=1, ge=1, description="Answers to each prompt.")
    temperature: float = Field(default=0.0, ge=0, description="Of these; 0 is greedy, and then one answer is all.")
    max_tokens: int = Field(default=512, ge=1, description="Tokens of an answer, at most.")
    extractor: str = Field(default="rule", description="Extraction program: `rule`, `atomic`, `windowed`, `whole`.")
    verifier: str = Field(
        default="rule",
        description="Verification program: `rule`, `judge_logits`, `judge_text`, `nli`, `nli_two_way`, `world`.",
    )
    scope: Literal["page", "corpus"] = Field(
        default="page", description="Where evidence is looked for: the page that the prompt is about, or everywhere."
    )
    passages: int = Field(default=5, ge=1, description="Passages of evidence a claim.")
    threshold: float = Field(default=0.5, gt=0, le=1, description="Least probability of a label, where there are any.")
    k: tuple[int, ...] = Field(
        default=(32,), min_length=1, description="K of F1@K: how many supported claims make a complete answer."
    )
    gamma: int | None = Field(
        default=10, ge=1, description="Claims below which FActScore's length penalty falls; null for no penalty."
    )
    win_rate_against: str | None = Field(
        default=None,
        description="An arm with whose answers the judge compares those of all others, each pair in both orders; null "
        "for no win rates.",
    )

    @model_validator(mode="after")
    def _greedy_once(self) -> LongSettings:
        if self.temperature == 0 and self.samples > 1:
            raise ValueError("temperature=0 gives the same answer each time; ask for samples=1, or raise it")
        return self

    @model_validator(mode="after")
    def _reference_has_rivals(self) -> LongSettings:
        if self.win_rate_against is None:
            return self
        if self.win_rate_against not in self.arms:
            raise ValueError(f"win_rate_against is {self.win_rate_against!r}, which is none of the arms")
        if len(set(self.arms)) < 2:
            raise ValueError("win_rate_against needs another arm to compare; add one to arms")
        return self


class FactualitySettings(Settings):
    """How truthful a model is: short answers, confidence, abstention, long answers, and how good the judges are.

    Models are named as everywhere: `tiny`, `hf/org/name`, `openai/gpt-…?batch=true`, `vllm/…`.
    """

    model: str = Field(default="tiny", description="The model that is tested.")
    judge: str | None = Field(
        default=None, description="The model that grades what rules leave open; null: such answers have no grade."
    )
    extractor: str | None = Field(default=None, description="The model that lists claims; null for the judge.")
    verifier: str | None = Field(default=None, description="The model that verifies claims; null for the judge.")
    nli: str | None = Field(default=None, description="The NLI model, as `nli/FOLDER`, where a program asks for one.")
    corpus: str = Field(default="world", description="Where evidence is: `world`, a folder, a dump, an SQLite file.")
    batch: bool = Field(
        default=False,
        description="Ask hosted models through their providers' batch APIs: half the price, an answer within a day. "
        "Others are asked as always.",
    )
    seed: int = Field(default=0, ge=0, description="Chooses the questions, draws the answers, resamples.")
    short: ShortSettings | None = Field(default_factory=ShortSettings, description="null leaves the short form out.")
    long: LongSettings | None = Field(default_factory=LongSettings, description="null leaves the long form out.")
    card_items: int = Field(
        default=100,
        ge=0,
        description="Items of the embedded world, whose truth is known, on which each judge is measured; 0: no cards.",
    )
    budget: BudgetSettings = Field(
        default_factory=BudgetSettings, description="What the run may spend over all roles; the ledger is free."
    )

    @model_validator(mode="after")
    def _asks_something(self) -> FactualitySettings:
        if self.short is None and self.long is None:
            raise ValueError("short and long are both null, so nothing would be measured")
        return self
