"""Settings of `truth-seeking-train`: on which problems, by which grader, from which start, and by which methods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from veracity.core.config import Settings
from veracity.experiments.desk import RoleSettings
from veracity.training.demonstrations import DemonstrationSettings
from veracity.training.few_shot import FewShotSettings
from veracity.training.rl_settings import GrpoSettings
from veracity.training.selection import SelectionSettings

Method = Literal["sft", "few_shot", "grpo"]


class TeacherSettings(Settings):
    """A cold start: the form of answers is taught by another model's, whatever they are worth."""

    model: str = Field(default="sim/bayesian?facts=none&noise=0.3", description="Whose answers are imitated.")
    problems: int = Field(default=200, ge=1, description="Training problems that it answers.")
    samples: int = Field(default=2, ge=1, description="Answers to each, drawn at temperature 1.")
    training: DemonstrationSettings = Field(
        default=DemonstrationSettings(batch_size=16, epochs=3, learning_rate=1e-3), description="How they are taught."
    )


class TruthTrainSettings(Settings):
    """Training on rewards for beliefs: the best of a model's own answers, examples of them, and GRPO."""

    model: str = Field(default="tiny", description="The model to train: `tiny`, a folder, a hub id.")
    domain: str = Field(default="forecasting?worlds=dice&n=800", description="Problems with two options.")
    problems: int = Field(default=120, ge=1, description="Of its training split, whose answers are sampled.")
    test_problems: int | None = Field(default=100, ge=1, description="Of its test split; null takes all.")
    grader: str = Field(default="python_brier", description="The reward: a grader with its options.")
    instruct: bool = Field(
        default=True,
        description="Whether problems ask for the form that the grader reads; a teacher may have taught it.",
    )
    teacher: TeacherSettings | None = Field(default=None, description="A cold start; null for none.")
    methods: tuple[Method, ...] = Field(
        default=("sft", "few_shot", "grpo"), min_length=1, description="Each makes a model of its own from the start."
    )
    samples: int = Field(default=4, ge=1, description="Answers to each training problem, at `temperature`.")
    test_samples: int = Field(default=2, ge=1, description="Answers to each test problem, at `temperature`.")
    temperature: float = Field(default=1.0, gt=0, description="Of the answers.")
    max_tokens: int = Field(default=16, ge=1, description="Tokens of an answer, at most.")
    selection: SelectionSettings = Field(default=SelectionSettings(), description="Which answers `sft` learns from.")
    sft: DemonstrationSettings = Field(
        default=DemonstrationSettings(batch_size=16, epochs=2, learning_rate=2e-4), description="On the best answers."
    )
    few_shot: FewShotSettings = Field(default=FewShotSettings(count=4), description="The best answers as examples.")
    misformed: float | None = Field(
        default=None,
        description="GRPO's reward of an answer without the form that `python_brier` reads; null leaves such answers "
        "out, and then nothing holds the form.",
    )
    grpo: GrpoSettings = Field(
        default=GrpoSettings(batch_size=32, group_size=8, learning_rate=1e-4), description="On the grader's reward."
    )
    roles: RoleSettings = Field(
        default=RoleSettings(corpus=None), description="`judge` grades where the grader asks a model."
    )
    seed: int = Field(default=0, ge=0, description="Chooses problems, draws answers, orders rows.")

    @model_validator(mode="after")
    def _form_is_known(self) -> TruthTrainSettings:
        if not self.instruct and self.teacher is None:
            raise ValueError("instruct=false without a teacher: nobody tells the model in which form to answer")
        if self.misformed is not None and not self.grader.startswith("python_brier"):
            raise ValueError("misformed is for python_brier, which reads answers itself; leave it out")
        return self
