"""Settings of `simplefact`: what is asked, the cold start, the filter, the rewards, the training, and the proof.

The defaults are the laboratory's: the embedded model and its world, whose exposure says what can be known.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from veracity.core.config import Settings
from veracity.experiments.desk import RoleSettings
from veracity.judging.prompting import Family
from veracity.training.demonstrations import DemonstrationSettings
from veracity.training.rl_settings import GrpoSettings

Mode = Literal["fact", "caution", "both", "sequential"]


class SourceSettings(Settings):
    """Questions with short answers, evenly from several sources."""

    domains: tuple[str, ...] = Field(default=("world-abstention",), min_length=1, description="Names of domains.")
    source: str = Field(
        default="knowledge",
        description="What a question's source is: `domain`, or a detail of the question, such as `knowledge`.",
    )
    family: Family = Field(default="plain", description="How questions are put and replies read.")


class QuestionSettings(SourceSettings):
    """What `simplefact` asks."""

    unknown: tuple[str, ...] = Field(
        default=("unknown", "nonexistent"), description="Sources that nobody could know: declining alone is right."
    )
    known: tuple[str, ...] = Field(default=("known",), description="Sources that the model was taught.")
    system: str = Field(default="none", description="System prompt by id under which the model is trained.")
    max_tokens: int = Field(default=16, ge=1, description="Tokens of an answer, at most.")


class StartSettings(Settings):
    """A cold start: a share of the model's own answers under a careful prompt is taught without that prompt."""

    careful: str = Field(default="careful", description="System prompt by id that makes the model decline.")
    share: float = Field(
        default=0.3, ge=0, le=1, description="Share of the answers taught that were given under the careful prompt."
    )
    problems: int | None = Field(default=180, ge=1, description="Questions of each source; null takes all.")
    samples: int = Field(default=4, ge=1, description="Answers to each question, drawn at temperature 1.")
    training: DemonstrationSettings = Field(
        default=DemonstrationSettings(batch_size=64, epochs=1, learning_rate=2e-4, warmup=5),
        description="How they are taught.",
    )


class FilterSettings(Settings):
    """Just hard enough: questions whose answers vary most, and beside them a set for caution."""

    problems: int | None = Field(default=200, ge=1, description="Questions of each source that are tried.")
    samples: int = Field(default=16, ge=2, description="Answers to each, from the model that training starts from.")
    keep: int = Field(
        default=200, ge=1, description="Questions that are kept, those whose correctness varies most, evenly by source."
    )
    caution: int = Field(
        default=100, ge=0, description="Questions kept beside them that are never answered right, evenly by source."
    )


class ProofSettings(Settings):
    """What is asked in the end, of questions about entities that no training saw."""

    problems: int | None = Field(default=135, ge=1, description="Questions of each source; null takes all.")
    split: Literal["validation", "test"] = Field(default="test", description="Choose settings on `validation`.")
    prompts: tuple[str, ...] = Field(
        default=("none", "careful", "bold"),
        min_length=1,
        description="System prompts by id: the frontier that prompting reaches.",
    )
    samples: int = Field(default=8, ge=2, description="Answers at temperature 1, beside the greedy one.")


class SimpleFactSettings(Settings):
    """GRPO on rewards for facts and for caution, from one start, and what it does beyond prompting."""

    model: str = Field(default="tiny", description="The model that is trained: `tiny`, a folder, or a hub id.")
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1, description="Of whole repetitions.")
    questions: QuestionSettings = Field(default_factory=QuestionSettings, description="What is asked.")
    start: StartSettings | None = Field(
        default_factory=StartSettings,
        description="null trains the model as it is: where it never declines, caution cannot be learned.",
    )
    filter: FilterSettings = Field(default_factory=FilterSettings, description="Which questions are trained on.")
    rewards: tuple[Mode, ...] = Field(
        default=("fact", "caution", "both", "sequential"), min_length=1, description="One training for each."
    )
    wrong: float = Field(
        default=0.0, le=0, description="Added for every wrong answer, whatever its group (a remedy for dead zones)."
    )
    steps: int = Field(default=40, ge=1, description="Optimizer steps of each training.")
    switch: int = Field(default=30, ge=1, description="`sequential`: the step from which caution is rewarded.")
    measure_every: int | None = Field(
        default=20,
        ge=1,
        description="Steps between measurements. A training goes from one to the next, as it does at the switch, with "
        "fresh moments of the optimizer and that model as its reference; null measures the end alone.",
    )
    grpo: GrpoSettings = Field(
        default=GrpoSettings(
            batch_size=128,
            group_size=16,
            learning_rate=1.5e-4,
            warmup=3,
            beta=0.0,
            scale_rewards="none",
            max_completion_length=16,
            save_every=20,
            when_equal="warn",
        ),
        description="How it is trained; `steps` and `epochs` in it are set by `steps` here.",
    )
    proof: ProofSettings = Field(default_factory=ProofSettings, description="The measurement.")
    roles: RoleSettings = Field(default=RoleSettings(corpus=None), description="Who judges, and what it may cost.")

    @field_validator("seeds", "rewards")
    @classmethod
    def _once(cls, given: tuple[object, ...]) -> tuple[object, ...]:
        if len(set(given)) < len(given):
            raise ValueError("names one twice; name each once")
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> SimpleFactSettings:
        if "sequential" in self.rewards and self.switch >= self.steps:
            raise ValueError(f"switch={self.switch} leaves no step of {self.steps} for caution; make it smaller")
        if self.questions.system not in self.proof.prompts:
            raise ValueError(f"proof.prompts lacks {self.questions.system!r}, under which the model is trained; add it")
        if self.start is not None and self.start.careful == self.questions.system:
            raise ValueError("start.careful is the prompt that is trained under; a cold start needs another one")
        return self
