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
    shots: int = Field(
        default=0,
        ge=0,
        description="Earlier problems with answers that stand before one, from none to so many in turn, so that it is "
        "known what `few_shot` shows; those that the context has no room for are left out.",
    )
    training: DemonstrationSettings = Field(
        default=DemonstrationSettings(batch_size=16, epochs=3, learning_rate=1e-3), description="How they are taught."
    )


class SourceSettings(Settings):
    """Trajectories that a run of `truth-seeking` has made and measured: the best by one of its metrics are learnt from.

    Taken are complete trajectories under no opinion, each turn after all that the policy saw before it.
    """

    run: str = Field(description="A finished run on the training split (`eval.split=train`): its name or its folder.")
    metric: str = Field(
        description="A metric of that run with a value a trajectory and a better side: `truth_accuracy.brier.eventual`."
    )
    policies: tuple[str, ...] = Field(default=(), description="Whose trajectories, by name; everybody's by default.")
    modes: tuple[str, ...] = Field(default=(), description="Reasoning modes to take; all of the run by default.")
    one_an_item: bool = Field(default=True, description="Whether of each problem the best trajectory alone is taken.")
    test: bool = Field(
        default=True,
        description="Whether start and trained models are measured by that metric on test problems, as the run was.",
    )


class TruthTrainSettings(Settings):
    """Training on rewards for beliefs: the best of a model's own answers, examples of them, and GRPO."""

    model: str | None = Field(
        default="tiny",
        description="The model to train: `tiny`, a folder, a hub id, `trained/<run>/<name>`; null for the policy of "
        "`source`.",
    )
    source: SourceSettings | None = Field(
        default=None,
        description="Learn from the best trajectories of another run by any of its metrics; null samples and grades.",
    )
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
    def _source_is_enough(self) -> TruthTrainSettings:
        if self.source is None and self.model is None:
            raise ValueError("model is null, and there is no source whose policy it could be; name a model")
        if self.source is not None and "grpo" in self.methods:
            raise ValueError(
                "grpo learns from rewards of what it writes itself, not from trajectories that are there: "
                "with a source, set methods=[sft, few_shot]"
            )
        return self

    @model_validator(mode="after")
    def _form_is_known(self) -> TruthTrainSettings:
        if not self.instruct and self.teacher is None and self.source is None:
            raise ValueError("instruct=false without a teacher: nobody tells the model in which form to answer")
        if self.misformed is not None and not self.grader.startswith("python_brier"):
            raise ValueError("misformed is for python_brier, which reads answers itself; leave it out")
        return self
