"""Settings of `truthful-training`: methods by name, each a few lines of data, and what all of them share.

A method starts from the base model or from another method's model, and says what it learns from: lessons (SFT),
preferences (DPO), labels (KTO), examples (few-shot), or rewards with weights (GRPO, RLOO). Whoever wants a method of
their own into the table writes one more entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.domains import Split
from veracity.experiments.desk import RoleSettings
from veracity.experiments.evaluation import EvaluationSettings
from veracity.experiments.facttune.settings import ConfidenceOfClaims, PeopleSettings
from veracity.experiments.judged_samples import JudgingSettings
from veracity.experiments.klcf.settings import TruthModelSettings
from veracity.experiments.simplefact.settings import SourceSettings
from veracity.judging.prompting import Family
from veracity.rewards import Needs, open_reward
from veracity.training.demonstrations import DemonstrationSettings
from veracity.training.dpo import DpoSettings
from veracity.training.few_shot import FewShotSettings
from veracity.training.kto import KtoSettings
from veracity.training.pairs import PairSettings
from veracity.training.rl_settings import GrpoSettings, RlooSettings
from veracity.training.selection import SelectionSettings

Form = Literal["short", "long", "reading"]
"""Questions with short answers; requests for texts; questions with the answer in front of them (nothing to know)."""
SHORT_GIVES: frozenset[Needs] = frozenset({"outcome", "format", "general"})
GIVES: Mapping[Form, frozenset[Needs]] = {
    "short": SHORT_GIVES,
    "long": frozenset({"claims", "verdicts", "confidence", "general"}),
    "reading": SHORT_GIVES,
}
"""What judges say of a sample of each form. `format`: where the family of questions asks for one; `confidence`: the
agreement of the base model's own answers; `general`: the base model's mean log-probability of the sample."""
ONLINE: frozenset[Needs] = frozenset({"outcome", "format", "claims", "verdicts"})
"""What they also say while a model is trained."""
BASE = "base"


def folder_name(method: str) -> str:
    """What a method's model is called on disk."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", method).strip("-")


class Own(Settings):
    """Imitate the base model's own samples, all or the best."""

    teach: Literal["own"]
    prompts: tuple[Form, ...] = Field(min_length=1, description="Of which prompts.")
    select: SelectionSettings = Field(default=SelectionSettings(choose="all"), description="Which samples.")
    score: str | None = Field(default=None, description="The reward by which samples are the best.")

    @model_validator(mode="after")
    def _best_by_something(self) -> Own:
        if self.select.choose == "top_share" and self.score is None:
            raise ValueError("select.choose=top_share needs a score; name a reward, or choose all")
        return self


class Gold(Settings):
    """Imitate accepted answers."""

    teach: Literal["gold"]
    prompts: tuple[Form, ...] = Field(min_length=1, description="Of which prompts; those without one are left out.")


class Boundary(Settings):
    """R-Tuning: the accepted answer where the model has it, words of refusal where it misses it."""

    teach: Literal["boundary"]
    prompts: tuple[Form, ...] = Field(default=("short",), min_length=1, description="Of which prompts.")
    refusal: str = Field(default="unknown", min_length=1, description="What is taught where the answer is missed.")
    least: float = Field(default=0.5, gt=0, le=1, description="Share of right samples from which the model has it.")


class Distilled(Settings):
    """Imitate the base model's answers under another system prompt, without saying so, beside its own."""

    teach: Literal["distilled"]
    prompts: tuple[Form, ...] = Field(default=("short",), min_length=1, description="Of which prompts.")
    system: str = Field(default="careful", description="System prompt by id.")
    share: float = Field(default=0.3, gt=0, le=1, description="Share of the answers that are given under it.")


Lesson = Annotated[Own | Gold | Boundary | Distilled, Field(discriminator="teach")]


class Preference(Settings):
    """Pairs of the base model's own samples by one score."""

    score: str = Field(description="A reward: of two samples the one with the higher value is preferred.")
    prompts: tuple[Form, ...] = Field(min_length=1, description="Of which prompts.")
    pairs: PairSettings = Field(default=PairSettings(), description="Which samples are put against each other.")
    most: int | None = Field(default=None, ge=1, description="Pairs, drawn by the seed; null takes all.")


class Label(Settings):
    """The base model's own samples as wanted or not, by one score."""

    score: str = Field(description="A reward.")
    prompts: tuple[Form, ...] = Field(min_length=1, description="Of which prompts.")
    threshold: float | None = Field(
        default=None,
        description="Above it a sample is wanted, below it not; null: the mean of the prompt's own samples.",
    )


class FilterSettings(Settings):
    """Just hard enough: which of the prompts are trained on, by samples of the model that training starts from."""

    samples: int = Field(default=16, ge=2, description="Answers to each prompt.")
    keep: int = Field(default=100, ge=1, description="Prompts whose correctness varies most, evenly by source.")
    caution: int = Field(default=50, ge=0, description="Prompts that are never answered right, beside them.")


class MethodSettings(Settings):
    """What every method says."""

    about: str = Field(default="", description="What it is, and what of it is a reconstruction, in a sentence.")
    start: str = Field(default=BASE, description="Whose model it starts from: `base`, or another method.")


class Asked(MethodSettings):
    """Nothing is trained: a model asked in some way."""

    trainer: Literal["none"]
    system: str = Field(default="none", description="System prompt by id.")
    greedy: bool = Field(default=False, description="Whether texts are decoded greedily, too.")


class Shown(MethodSettings):
    """Nothing is trained: the best samples stand before every conversation."""

    trainer: Literal["few_shot"]
    score: dict[Form, str] = Field(
        min_length=1, description="Of which prompts examples are, and the reward by which they are the best."
    )
    training: dict[str, Any] = Field(default={}, description="What it does otherwise than `trainers.few_shot`.")


class Taught(MethodSettings):
    """Supervised fine-tuning."""

    trainer: Literal["sft"]
    lessons: tuple[Lesson, ...] = Field(min_length=1, description="What is imitated, together.")
    training: dict[str, Any] = Field(default={}, description="What it does otherwise than `trainers.sft`.")


class Preferred(MethodSettings):
    """Direct preference optimization."""

    trainer: Literal["dpo"]
    preferences: tuple[Preference, ...] = Field(min_length=1, description="Sets of pairs, together.")
    training: dict[str, Any] = Field(default={}, description="What it does otherwise than `trainers.dpo`.")


class Labelled(MethodSettings):
    """Kahneman-Tversky optimization."""

    trainer: Literal["kto"]
    labels: tuple[Label, ...] = Field(min_length=1, description="Sets of labelled samples, together.")
    training: dict[str, Any] = Field(default={}, description="What it does otherwise than `trainers.kto`.")


class Reinforced(MethodSettings):
    """Rewards by group."""

    trainer: Literal["grpo", "rloo"]
    prompts: tuple[Form, ...] = Field(min_length=1, description="What is answered.")
    rewards: dict[str, float] = Field(min_length=1, description="Every reward with its weight.")
    filter: FilterSettings | None = Field(default=None, description="Which prompts; null takes all.")
    training: dict[str, Any] = Field(default={}, description="What it does otherwise than `trainers`.")


class Consistent(MethodSettings):
    """KLCF: GRPO on the base model's own knowledge, with its checklists and truthfulness model."""

    trainer: Literal["klcf"]
    rewards: dict[str, float] | None = Field(default=None, description="With their weights; null for those of `klcf`.")
    truth: TruthModelSettings = Field(default=TruthModelSettings(), description="How true it thinks a claim.")
    training: dict[str, Any] = Field(default={}, description="What it does otherwise than `trainers.grpo`.")


Method = Annotated[
    Asked | Shown | Taught | Preferred | Labelled | Reinforced | Consistent, Field(discriminator="trainer")
]


class TrainersSettings(Settings):
    """How everybody trains unless their method says otherwise."""

    few_shot: FewShotSettings = Field(default=FewShotSettings(), description="Examples.")
    sft: DemonstrationSettings = Field(default=DemonstrationSettings(), description="Supervised fine-tuning.")
    dpo: DpoSettings = Field(default=DpoSettings(), description="Pairs.")
    kto: KtoSettings = Field(default=KtoSettings(), description="Labels.")
    grpo: GrpoSettings = Field(default=GrpoSettings(), description="Groups, KLCF's too.")
    rloo: RlooSettings = Field(default=RlooSettings(), description="Groups.")

    def of(self, method: MethodSettings) -> Any:
        """The settings of a method's training: those of its trainer with its own over them."""
        trainer = getattr(method, "trainer", "none")
        shared = getattr(self, "grpo" if trainer == "klcf" else trainer)
        return type(shared)(**{**shared.model_dump(), **getattr(method, "training", {})})


class SamplesSettings(Settings):
    """The base model's samples, which every method that trains on samples shares."""

    n: int = Field(default=8, ge=2, description="Of each prompt.")
    temperature: float = Field(default=1.0, gt=0, description="Of all sampling.")
    short_tokens: int = Field(default=16, ge=1, description="Tokens of a short answer, at most.")
    long_tokens: int = Field(default=64, ge=1, description="Tokens of a text, at most.")


class TableSettings(Settings):
    """The evaluation."""

    split: Split = Field(default="test", description="`validation` while settings are chosen, `test` once.")
    questions: int | None = Field(default=100, ge=1, description="Questions of each source; null takes all.")
    drawn: int = Field(default=4, ge=1, description="Answers to each question at temperature, beside the greedy one.")
    texts: int = Field(default=2, ge=1, description="Texts of each request.")
    known_by: int = Field(default=8, ge=1, description="M: the base knows a question if one of M answers is right.")
    judging: JudgingSettings = Field(default=JudgingSettings(verifier="world"), description="Who says what is right.")
    k: int = Field(default=4, ge=1, description="K of F1@K.")
    confidence: str = Field(default="sequence_sum", description="The confidence program that calibration is about.")
    against: str = Field(default="SFT", description="The method that win rates are against.")
    pairwise: Literal["truths", "model"] = Field(
        default="truths",
        description="Who says which of two texts is better. `truths`: more right than wrong facts, by the evaluation's "
        "own verdicts, a rule and no reader. `model`: whoever plays the judge, in both orders.",
    )

    def evaluation(self, form: Literal["short", "long"], question: SourceSettings) -> EvaluationSettings:
        """For the stages of one form."""
        judging = self.judging if form == "long" else JudgingSettings(form="short", family=question.family)
        return EvaluationSettings(judging=judging, k=self.k, confidence=self.confidence)


class MethodsSettings(Settings):
    """Methods that train models to be truthful, on the same prompts, in one table."""

    model: str = Field(default="tiny", description="The base model: `tiny`, a folder, or a hub id.")
    seed: int = Field(default=0, description="Of samples and trainings.")
    methods: dict[str, Method] = Field(min_length=1, description="By name, in the order of the table.")
    questions: SourceSettings = Field(default=SourceSettings(), description="Prompts of short answers.")
    train_questions: int | None = Field(default=60, ge=1, description="Of each source; null takes all.")
    people: PeopleSettings = Field(
        default=PeopleSettings(train=160, test=90, unmet=0), description="Prompts of long answers."
    )
    reading: str = Field(default="world-reading", description="Domain of prompts with the answer in them.")
    train_reading: int = Field(default=80, ge=1, description="How many of them.")
    samples: SamplesSettings = Field(default=SamplesSettings(), description="What training on samples starts from.")
    judging: JudgingSettings = Field(default=JudgingSettings(), description="Claims of texts, for rewards and scores.")
    confidence: ConfidenceOfClaims = Field(default=ConfidenceOfClaims(), description="For scores of confidence.")
    trainers: TrainersSettings = Field(default=TrainersSettings(), description="How everybody trains.")
    table: TableSettings = Field(default=TableSettings(), description="The evaluation, the same for everybody.")
    roles: RoleSettings = Field(default=RoleSettings(), description="Judges, corpus, budget.")

    @model_validator(mode="after")
    def _chains(self) -> MethodsSettings:
        """Every start is there, and stands before."""
        if BASE in self.methods:
            raise ValueError(f"methods: {BASE!r} is the base model's own row; give the method another name")
        known = [BASE]
        for name, method in self.methods.items():
            if method.start not in known or isinstance(self.methods.get(method.start), Shown):
                raise ValueError(
                    f"methods.{name}: start={method.start!r} is no model before it ({', '.join(known)}); list it first"
                )
            known.append(name)
        folders = [folder_name(name) for name in self.methods]
        if twice := [name for name in self.methods if "#" in name or folders.count(folder_name(name)) > 1]:
            raise ValueError(f"methods: {twice[0]!r} holds a #, or makes the same folder as another; rename it")
        if self.table.against not in known:
            raise ValueError(f"table.against={self.table.against!r} is no method; one of {', '.join(known)}")
        if self.table.pairwise == "model" and self.roles.judge is None:
            raise ValueError("table.pairwise=model needs a judge; set roles.judge, or pairwise=truths")
        return self

    @model_validator(mode="after")
    def _trainings(self) -> MethodsSettings:
        """Every method's training settings are valid, and its scores read what judges say of its prompts."""
        for name, method in self.methods.items():
            if not isinstance(method, Asked):
                try:
                    self.trainers.of(method)
                except ValidationError as error:
                    wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
                    raise ValueError(f"methods.{name}.training: {wrong}") from None
            _check_scores(name, method, self.questions.family)
        return self

    @model_validator(mode="after")
    def _one_split(self) -> MethodsSettings:
        if self.people.unmet:
            raise ValueError("people.unmet: the table has no rows of people never met; set it to 0")
        if self.people.test_split != "test":
            raise ValueError("people.test_split: the split of all prompts is table.split; set that instead")
        return self

    @model_validator(mode="after")
    def _scorers_differ(self) -> MethodsSettings:
        if self.judging.form != "long" or self.table.judging.form != "long":
            raise ValueError("judging and table.judging are about texts: set form=long (short answers have their own)")
        if self.judging.verifier == self.table.judging.verifier:
            raise ValueError(
                f"rewards and the table both use the verifier {self.judging.verifier!r}, so a gain could be that "
                "verifier's error; choose another in judging or in table.judging"
            )
        return self


def _check_scores(name: str, method: MethodSettings, family: Family) -> None:
    for score, forms, given in _read(method):
        try:
            needs = open_reward(score).needs
        except ConfigError as error:
            raise ValueError(f"methods.{name}: {error}") from None
        for form in forms:
            said = GIVES[form] & given - ({"format"} if family == "plain" else set())
            if lack := needs - said:
                what = ", ".join(sorted(lack))
                raise ValueError(f"methods.{name}: {score} reads {what}, which nobody says of {form} prompts here")


def _read(method: MethodSettings) -> list[tuple[str, tuple[Form, ...], frozenset[Needs]]]:
    """(score, prompts, what is there to be read) of a method."""
    said = frozenset[Needs]().union(*GIVES.values())
    if isinstance(method, Shown):
        return [(score, (form,), said) for form, score in method.score.items()]
    if isinstance(method, Taught):
        return [(o.score, o.prompts, said) for o in method.lessons if isinstance(o, Own) and o.score]
    if isinstance(method, Preferred):
        return [(one.score, one.prompts, said) for one in method.preferences]
    if isinstance(method, Labelled):
        return [(one.score, one.prompts, said) for one in method.labels]
    if isinstance(method, Reinforced):
        return [(spec, method.prompts, ONLINE) for spec in method.rewards]
    return []
