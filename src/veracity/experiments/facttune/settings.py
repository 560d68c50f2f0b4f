"""Settings of `facttune`: whose facts, which estimator of truth, how pairs are made and trained on, what is compared.

The defaults are the laboratory's. Recipes of published models set the paper's (Tian et al., 2023, arXiv 2311.08401).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from veracity.core.config import Settings
from veracity.domains import Split
from veracity.experiments.desk import RoleSettings
from veracity.experiments.evaluation import EvaluationSettings
from veracity.experiments.judged_samples import JudgingSettings
from veracity.experiments.sampling import SamplingSettings
from veracity.judging.self_confidence import Binning, Measure, OracleSettings
from veracity.training.demonstrations import DemonstrationSettings
from veracity.training.dpo import DpoSettings
from veracity.training.pairs import PairSettings

Method = Literal["fs", "mc"]


class PeopleSettings(Settings):
    """Whom the texts are about; splits are by entity, so that nobody is in two of them."""

    domain: str = Field(default="world-biographies", description="Name of the domain of long-form prompts.")
    min_exposure: float | None = Field(
        default=0.001,
        gt=0,
        description="Least exposure in the model's training text, where the domain knows it; null takes everybody. The "
        "published people all have a page in the pretraining corpus; about people never met all samples are wrong "
        "alike, so that they make no pairs. They are reported apart.",
    )
    train: int | None = Field(default=None, ge=1, description="Prompts that are sampled for pairs; null takes all.")
    test: int | None = Field(default=None, ge=1, description="Prompts that are evaluated; null takes all.")
    test_split: Split = Field(default="test", description="`validation` while settings are chosen, `test` once.")
    unmet: int = Field(default=50, ge=0, description="People never met, of the test split, who are reported apart.")


class ConfidenceOfClaims(Settings):
    """FactTune-MC: how sure the oracle is of each claim. The oracle is `roles.oracle`, or the base model itself."""

    variant: Literal["atomic", "entity"] = Field(
        default="atomic",
        description="`atomic`: a question of each claim. `entity`: the response is continued anew before each of its "
        "names and numbers.",
    )
    questions: str = Field(default="rule", description="Who turns a claim into a question: `rule`, or `asked` a model.")
    measure: Measure = Field(default="max_conf", description="Which number the agreement of the answers is.")
    binning: Binning = Field(default="strict", description="Which answers are equal.")
    samples: int = Field(default=20, ge=2, description="Answers to each question.")
    temperature: float = Field(default=1.0, gt=0, description="Of these.")
    top_p: float = Field(default=0.9, gt=0, le=1, description="Of these.")
    max_tokens: int = Field(default=15, ge=1, description="Tokens of an answer, at most.")
    few_shot: bool = Field(default=False, description="Ask after examples as raw text, as base models need it.")

    def oracle(self, seed: int) -> OracleSettings:
        """How the oracle is asked."""
        shared = ("questions", "binning", "samples", "temperature", "top_p", "max_tokens", "few_shot")
        return OracleSettings(**{name: getattr(self, name) for name in shared}, seed=seed)


class BaselineSettings(Settings):
    """What the trained models have to beat."""

    prompts: tuple[str, ...] = Field(
        default=("careful", "bold"), description="System prompts under which the base model is asked, too."
    )
    greedy: bool = Field(default=True, description="Whether all trained models are also asked greedily.")


class TargetSettings(Settings):
    """When a run passes; declared before it."""

    fall: dict[Method, float] = Field(
        default={"fs": 0.40, "mc": 0.20},
        description="By what share the share of wrong facts falls against SFT, at least.",
    )
    keep_right: dict[Method, float] = Field(
        default={"fs": 0.80}, description="Right facts a response over those of SFT, at least."
    )


class FactTuneSettings(Settings):
    """Fine-tuning for factuality: an automatic estimate of truth, preference pairs of the model's own samples, DPO."""

    model: str = Field(default="tiny", description="Where it starts: `tiny`, a model folder, or a hub id.")
    methods: tuple[Method, ...] = Field(
        default=("fs",),
        min_length=1,
        description="`fs`: claims are checked in a corpus. `mc`: by the model's agreement.",
    )
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1, description="One run of all stages for each seed.")
    people: PeopleSettings = Field(default=PeopleSettings(), description="Whom the texts are about.")
    roles: RoleSettings = Field(default=RoleSettings(), description="Judges, oracle, corpus, budget.")
    sampling: SamplingSettings = Field(default=SamplingSettings(), description="The samples that pairs are made of.")
    judging: JudgingSettings = Field(
        default=JudgingSettings(), description="Claims of samples, and with `fs` what makes one count as supported."
    )
    reward: str = Field(
        default="factscore", description="With `fs`: the score of a response; `factscore?gamma=10` punishes brevity."
    )
    confidence: ConfidenceOfClaims = Field(default=ConfidenceOfClaims(), description="With `mc`: how sure a claim is.")
    pairs: PairSettings = Field(default=PairSettings(), description="Which samples are put against each other.")
    most_pairs: int | None = Field(
        default=None, ge=1, description="Pairs that are trained on, drawn by the seed; null takes all."
    )
    sft: DemonstrationSettings = Field(
        default=DemonstrationSettings(epochs=1), description="First training: on all samples."
    )
    dpo: DpoSettings = Field(default=DpoSettings(), description="Second training: on the pairs.")
    baselines: BaselineSettings = Field(default=BaselineSettings(), description="What is compared beside them.")
    evaluation: EvaluationSettings = Field(
        default=EvaluationSettings(), description="Who says what is right in the end; never the reward's scorer."
    )
    test_samples: int = Field(default=4, ge=1, description="Answers to each prompt of the evaluation, of each seed.")
    targets: TargetSettings = Field(default=TargetSettings(), description="When a run passes.")

    @model_validator(mode="after")
    def _fits_together(self) -> FactTuneSettings:
        for name in ("methods", "seeds"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} repeats one of {list(getattr(self, name))}; each may occur once")
        if self.judging.form != "long" or self.evaluation.judging.form != "long":
            raise ValueError("facttune judges claims of long answers; set form=long in judging and evaluation.judging")
        if "fs" in self.methods and self.judging.verifier == self.evaluation.judging.verifier:
            raise ValueError(
                f"reward and evaluation both use the verifier {self.judging.verifier!r}, so a gain could be that "
                "verifier's error; choose another in judging or in evaluation.judging"
            )
        return self
