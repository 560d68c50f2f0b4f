"""Settings of `klcf`: whose prompts, what the model knows of them, who judges, every reward's weight, what is compared.

Published (Li et al., 2025, arXiv 2509.23765) are the parts, the weight 0.1 of the general reward, and the ratio of the
truthfulness data; all else is a reconstruction, and so a setting. The defaults are the laboratory's.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.experiments.desk import RoleSettings
from veracity.experiments.evaluation import EvaluationSettings
from veracity.experiments.facttune.settings import PeopleSettings
from veracity.experiments.judged_samples import JudgingSettings
from veracity.experiments.sampling import SamplingSettings
from veracity.rewards import open_reward
from veracity.training.demonstrations import DemonstrationSettings
from veracity.training.rl_settings import GrpoSettings

TruthKind = Literal["regression", "trained", "zero_shot"]
Coverer = Literal["claims", "rule", "nli", "judge_text"]


class ChecklistSettings(Settings):
    """The facts of a prompt: supported claims of the base model's own samples."""

    k: int | None = Field(
        default=None, ge=1, description="Samples of each prompt that its list is made from; null takes all."
    )
    merging: Literal["text", "world"] = Field(
        default="world", description="Equal claims: the same words (`text`), or the same fact of the embedded world."
    )
    least_importance: float = Field(
        default=0.0, ge=0, le=1, description="Share of the samples that must make a claim for it to be listed."
    )
    most_items: int | None = Field(default=None, ge=1, description="Items of a list, at most; the most important ones.")
    verifier: str = Field(default="rule", description="Checklist verifier of the reward: rule, nli, judge_text.")
    role: str = Field(default="verifier", description="Who plays it: a role of `roles`.")
    window: int = Field(default=3, ge=1, description="Sentences that an NLI model sees at once.")
    threshold: float = Field(default=0.5, gt=0, le=1, description="Least probability of a label, for NLI.")
    empty: Literal["drop", "keep"] = Field(
        default="drop",
        description="Prompts whose list is empty: not trained on, or trained on without the checklist's rewards, whose "
        "weights then go to the others.",
    )


class TruthModelSettings(Settings):
    """The truthfulness model: how probable it is that a claim is true, by the base model's own knowledge."""

    kind: TruthKind = Field(
        default="regression",
        description="`regression` on the base model's log-probabilities; the base model `trained` to say true or "
        "false; or asked as it is, `zero_shot`.",
    )
    ratio: float = Field(default=2.0, gt=0, description="True claims for each false one in the training data.")
    held_out: float = Field(default=0.3, gt=0, lt=1, description="Share of the prompts on which it is measured.")
    penalty: float = Field(default=1.0, gt=0, description="Of the regression; larger keeps weights smaller.")
    prompt: str = Field(
        default="verification.plain.v1", description="How a model is asked; truthfulness.claim.v1 for larger ones."
    )
    training: DemonstrationSettings = Field(
        default=DemonstrationSettings(epochs=3, batch_size=32, learning_rate=3e-4), description="Of kind `trained`."
    )


class ArmSettings(Settings):
    """One training: what it is rewarded for, and what it does otherwise than the recipe."""

    rewards: dict[str, float] | None = Field(
        default=None, description="Its rewards with their weights; null for those of the recipe."
    )
    without: tuple[str, ...] = Field(default=(), description="Names of the recipe's rewards that it leaves out.")
    k: int | None = Field(default=None, ge=1, description="Samples that checklists are made from; null as the recipe.")
    truth: TruthKind | None = Field(default=None, description="Truthfulness model; null for that of the recipe.")


class KlcfTargets(Settings):
    """When a run passes; declared before it."""

    both: tuple[str, ...] = Field(default=("klcf",), description="Arms whose recall and precision must both rise.")
    shorter: tuple[str, ...] = Field(default=("precision only",), description="Arms that must shorten answers.")
    longer: tuple[str, ...] = Field(default=("recall only",), description="Arms that must lengthen answers.")


class KlcfSettings(Settings):
    """Knowledge-level consistency: say all that the base model knows and nothing else, by checklists and GRPO."""

    model: str = Field(default="tiny", description="The base model: `tiny`, a model folder, or a hub id.")
    start: Literal["sft", "base"] = Field(
        default="sft", description="What GRPO starts from: `sft` (KLCF) or the base model itself (KLCF-zero)."
    )
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1, description="One run of all stages for each seed.")
    people: PeopleSettings = Field(default=PeopleSettings(unmet=0), description="Whom the texts are about.")
    roles: RoleSettings = Field(default=RoleSettings(), description="Judges, corpus, budget.")
    general: str | None = Field(
        default=None,
        description="Model whose mean log-probability of a response is its general score; null for the base model.",
    )
    sampling: SamplingSettings = Field(
        default=SamplingSettings(n=8), description="The base model's samples that lists and truth data come from."
    )
    judging: JudgingSettings = Field(default=JudgingSettings(), description="Claims of samples, and who verifies them.")
    most_unjudged: float = Field(
        default=0.25, ge=0, lt=1, description="Share of the samples' claims without a verdict at which the run stops."
    )
    checklist: ChecklistSettings = Field(default=ChecklistSettings(), description="What the model knows of a prompt.")
    truth: TruthModelSettings = Field(default=TruthModelSettings(), description="How true it thinks a claim.")
    format: Literal["text", "think_answer"] | None = Field(
        default="text",
        description="What the reward `format` asks for: a text that ends by itself, or one after its reasoning "
        "(<think>…</think>); null asks for nothing.",
    )
    rewards: dict[str, float] = Field(
        default={
            "checklist_recall": 1.0,
            "checklist_precision": 1.0,
            "truthfulness": 1.0,
            "general": 0.1,
            "format": 1.0,
            "length?longest=128&buffer=32": 1.0,
        },
        min_length=1,
        description="Every reward with its weight.",
    )
    arms: dict[str, ArmSettings] = Field(
        default={
            "klcf": ArmSettings(),
            "precision only": ArmSettings(rewards={"checklist_precision": 1.0}),
            "recall only": ArmSettings(rewards={"checklist_recall": 1.0}),
        },
        min_length=1,
        description="What is trained and compared, by name: the method, and its ablations.",
    )
    sft: DemonstrationSettings = Field(
        default=DemonstrationSettings(epochs=1, batch_size=64, learning_rate=3e-4),
        description="With start=sft: the first training, on the base model's samples.",
    )
    grpo: GrpoSettings = Field(
        default=GrpoSettings(
            batch_size=128,
            group_size=8,
            steps=40,
            learning_rate=1e-4,
            warmup=3,
            beta=0.0,
            multi_objective_aggregation="normalize_then_sum",
            max_completion_length=128,
            max_missing=0.25,
            save_every=20,
        ),
        description="Reinforcement learning.",
    )
    evaluation: EvaluationSettings = Field(default=EvaluationSettings(), description="Who says what is right.")
    evaluated_by: Coverer = Field(
        default="claims",
        description="Who says in the end which items of a list a response states: `claims` compares its supported "
        "claims with the list; or another checklist verifier than the reward's.",
    )
    test_samples: int = Field(default=4, ge=1, description="Answers to each evaluated prompt and seed.")
    targets: KlcfTargets = Field(default=KlcfTargets(), description="When a run passes.")

    @model_validator(mode="after")
    def _fits_together(self) -> KlcfSettings:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds repeats one of {list(self.seeds)}; each may occur once")
        if self.judging.form != "long" or self.evaluation.judging.form != "long":
            raise ValueError("klcf judges claims of long answers; set form=long in judging and evaluation.judging")
        if self.judging.verifier == self.evaluation.judging.verifier or self.evaluated_by == self.checklist.verifier:
            raise ValueError(
                "reward and evaluation share a verifier, so a gain could be its error; let judging.verifier and "
                "evaluation.judging.verifier differ, and checklist.verifier and evaluated_by"
            )
        for name, arm in self.arms.items():
            self._check_arm(name, arm)
        for name in (*self.targets.both, *self.targets.shorter, *self.targets.longer):
            if name not in self.arms:
                raise ValueError(f"targets names the arm {name!r}, which there is not; arms: {', '.join(self.arms)}")
        return self

    def _check_arm(self, name: str, arm: ArmSettings) -> None:
        if "#" in name or name in ("base", "sft"):
            raise ValueError(f"arms.{name}: base and sft are names of what is compared with, and # divides names")
        given = {spec.partition("?")[0] for spec in (self.rewards if arm.rewards is None else arm.rewards)}
        if unknown := [one for one in arm.without if one not in given]:
            raise ValueError(f"arms.{name}.without: {unknown[0]} is none of its rewards: {', '.join(sorted(given))}")
        if (arm.k or 0) > self.sampling.n or (self.checklist.k or 0) > self.sampling.n:
            raise ValueError(f"arms.{name}: k is more than sampling.n={self.sampling.n}; sample more, or lower k")
        rewards = self.rewards_of(name)
        if not any(rewards.values()):
            raise ValueError(f"arms.{name} is rewarded for nothing; leave at least one reward with a weight")
        try:
            needs = {need for spec in rewards for need in open_reward(spec).needs}
        except ConfigError as error:
            raise ValueError(f"arms.{name}.rewards: {error}") from None
        if lacking := needs & {"outcome", "gold", "relevance", "fact_seeking"}:
            raise ValueError(f"arms.{name}.rewards: nobody here gives {', '.join(sorted(lacking))}")
        if "format" in needs and self.format is None:
            raise ValueError(f"arms.{name} rewards the format, but format is null; set it, or leave the reward out")

    def rewards_of(self, arm: str) -> dict[str, float]:
        """The rewards of an arm with their weights, those of weight 0 left out."""
        how = self.arms[arm]
        given = self.rewards if how.rewards is None else how.rewards
        return {spec: w for spec, w in given.items() if w and spec.partition("?")[0] not in how.without}

    def k_of(self, arm: str) -> int:
        """Samples that an arm's checklists are made from."""
        return self.arms[arm].k or self.checklist.k or self.sampling.n

    def truth_of(self, arm: str) -> TruthKind:
        """The kind of an arm's truthfulness model."""
        return self.arms[arm].truth or self.truth.kind
