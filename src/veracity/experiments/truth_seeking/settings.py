"""Settings of `truth-seeking`: who reasons, about what, in which modes; how beliefs are read; what is measured of them.

Models, domains, modes, system prompts and metrics are lists, and every combination is run. Modes, domains and graders
carry their options behind their names, as everywhere: `self_debate?turns=6`, `forecasting?reports=4`.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from veracity.core.config import Settings
from veracity.experiments.factuality.settings import BudgetSettings, SplitName
from veracity.judging.beliefs import Owner, PriorKind, View
from veracity.judging.sycophancy import Level

MetricName = Literal[
    "truth_accuracy",
    "martingale",
    "sycophancy",
    "pressure",
    "mutual_predictability",
    "world_in_the_loop",
    "qualitative",
    "grader",
]
NEED_BELIEFS = frozenset({"truth_accuracy", "martingale", "sycophancy", "pressure"})
RecomputePolicy = Literal["never", "missing", "always"]
"""`never`: what is stored is all there is. `missing`: what is not stored, or failed, is asked. `always`: all of it."""


class EvalSettings(Settings):
    """Who reasons about what, and which metrics are computed."""

    models: tuple[str, ...] = Field(
        default=("sim/bayesian?facts=none", "sim/overconfident?facts=none"),
        min_length=1,
        description="Policies: `openai/gpt-…`, `hf/org/name`, `tiny`, `sim/bayesian`, …; each is asked everything.",
    )
    exclude: tuple[str, ...] = Field(default=(), description="Models whose name contains one of these are left out.")
    domains: tuple[str, ...] = Field(
        default=("forecasting?reports=4",), min_length=1, description="Problem sets, with their options."
    )
    modes: tuple[str, ...] = Field(
        default=("chain_of_thought",), min_length=1, description="Reasoning modes, with their options."
    )
    metrics: tuple[MetricName, ...] = Field(
        default=("truth_accuracy", "martingale"), min_length=1, description="What is computed."
    )
    system_prompts: tuple[str, ...] = Field(
        default=("none",), min_length=1, description="System prompts by id; `none` is no system prompt."
    )
    reference: str | None = Field(
        default=None, description="One of the models, with which all others are compared problem by problem; or none."
    )
    n: int | None = Field(default=100, ge=1, description="Problems of each domain; null takes all of the split.")
    split: SplitName = Field(default="test", description="Which split of each domain; `all` joins the three.")
    replicates: int = Field(default=1, ge=1, description="Trajectories of each problem, mode and condition.")
    temperature: float = Field(default=1.0, ge=0, description="Of reasoning.")
    max_tokens: int = Field(default=2048, ge=1, description="Tokens of a turn, at most.")
    shuffle: bool = Field(
        default=True, description="Show options in an order of their own; beliefs are always in canonical order."
    )

    @model_validator(mode="after")
    def _nothing_twice(self) -> EvalSettings:
        for name in ("models", "domains", "modes", "metrics", "system_prompts"):
            listed = getattr(self, name)
            if twice := [one for one in listed if listed.count(one) > 1]:
                raise ValueError(f"{name} lists {twice[0]!r} twice; name each once")
        if not self.chosen_models:
            raise ValueError(f"exclude={list(self.exclude)} leaves none of the models; name fewer")
        if self.reference is not None and self.reference not in self.chosen_models:
            raise ValueError(f"reference {self.reference!r} is none of the models that are run")
        return self

    @property
    def chosen_models(self) -> tuple[str, ...]:
        """The models that are not excluded."""
        return tuple(name for name in self.models if not any(part in name for part in self.exclude))


class JudgeSettings(Settings):
    """Fixed judges: who reads beliefs and rates."""

    models: tuple[str, ...] = Field(
        default=("sim/judge?facts=none",),
        description="The first judges everything; the beliefs that further ones read are compared with its own.",
    )
    max_tokens: int = Field(default=1024, ge=1, description="Tokens of a reading, at most.")
    temperature: float = Field(default=1.0, ge=0, description="Of readings; each replicate has its own noise.")


class BeliefReadingSettings(Settings):
    """How beliefs are read."""

    judge: Literal["fixed", "policy"] = Field(
        default="fixed", description="Who reads: the fixed judges, or each policy its own trajectories."
    )
    owner: Owner = Field(
        default="policy_expressed",
        description="Whose belief is read: what the policy's words express, or the judge's own after reading them.",
    )
    granularity: Literal["ends", "step"] = Field(
        default="ends", description="After the first and the last step alone, or after every step."
    )
    view: View = Field(
        default="prefix",
        description="`prefix`: each reading sees the steps up to its own. `hindsight`: one request sees them all, so "
        "that a judge knows the end when it says how it began.",
    )
    priors: tuple[PriorKind, ...] = Field(
        default=("judge_prior", "first_step"), min_length=1, description="Kinds of prior that are read."
    )
    prior: PriorKind = Field(default="judge_prior", description="The prior that metrics begin with; one of `priors`.")
    replicates: int = Field(
        default=2, ge=1, description="Readings of each belief; with one, noise cannot be told from a change of mind."
    )
    system_prompt: str = Field(default="none", description="System prompt by id for whoever reads.")

    @model_validator(mode="after")
    def _prior_is_read(self) -> BeliefReadingSettings:
        if self.prior not in self.priors:
            raise ValueError(f"prior={self.prior} is not read: priors are {', '.join(self.priors)}; add it there")
        return self


class TruthSettings(Settings):
    """Ground-truth accuracy."""

    losses: tuple[Literal["brier", "cross_entropy"], ...] = Field(
        default=("brier",), min_length=1, description="How far a belief is from the truth."
    )
    modes: tuple[Literal["initial", "eventual", "difference"], ...] = Field(
        default=("eventual", "difference"), min_length=1, description="Loss of which belief, or its change."
    )


class MartingaleOptions(Settings):
    """The martingale score."""

    belief_change_type: Literal["total", "step", "to_go"] = Field(
        default="total", description="From first to last, from one step to the next, or from each step to the last."
    )
    sample_granularity: Literal["trajectory", "step"] = Field(
        default="trajectory", description="One change of each trajectory, or all of them pooled."
    )
    estimator: Literal["ols", "iv", "noise_corrected"] = Field(
        default="iv", description="Slope that the loss is made of; `ols` is the published one, biased by noise."
    )
    regularization_type: Literal["none", "l1", "l2"] = Field(
        default="none", description="Penalty on the slope, for few trajectories; the unpenalised one is told beside it."
    )
    regularization_strength: float = Field(default=0.0, ge=0, description="Of the penalty.")
    informative_coef: float = Field(default=0.0, ge=0, description="What a unit of information takes from the loss.")
    minimum: int = Field(default=20, ge=3, description="Fewest trajectories of which a slope is told.")


class SycophancyOptions(Settings):
    """Sycophantic reasoning: what a user's opinion does to beliefs and to the quality of reasoning."""

    mode: Literal["agree", "disagree", "both", "difference"] = Field(
        default="both", description="A user who shares the neutral answer, one who does not, both, or their difference."
    )
    level: Level = Field(default="claim", description="How hard the opinion presses.")
    third_party: bool = Field(default=True, description="Whether the same opinions of a third party are the control.")
    quality: bool = Field(
        default=True, description="Whether a blinded judge rates reasoning, where problems have criteria."
    )


class PressureOptions(Settings):
    """Pressure over several turns."""

    turns: int = Field(default=3, ge=1, le=32, description="Turns in which the user insists.")


class MutualOptions(Settings):
    """Mutual predictability."""

    predictors: tuple[str, ...] = Field(
        default=(), description="Models with log-probabilities; none: those of eval.models are the predictors."
    )
    predictor: Literal["evaluated", "random_non_evaluated", "random_any"] = Field(
        default="random_non_evaluated", description="Who predicts: the model that is scored, another, or any."
    )
    predicted: Literal["evaluated", "random_non_evaluated", "random_any"] = Field(
        default="evaluated", description="Whose answer is predicted."
    )
    target: Literal["evaluated_question", "random_non_evaluated_question", "random_any_question"] = Field(
        default="evaluated_question", description="The question whose answer is predicted."
    )
    context: Literal["k_random_non_evaluated", "evaluated_question"] = Field(
        default="k_random_non_evaluated", description="Answers that are shown: to `k` other questions, or to the same."
    )
    scoring: Literal["uplift", "conditional_only", "judge_consistency"] = Field(
        default="uplift",
        description="Log-probability with the context less that without, that with it alone, or a judge's word.",
    )
    k: int = Field(default=3, ge=1, description="Context questions.")
    trials: int = Field(default=3, ge=1, description="Valid trials of one answer.")
    examples: int = Field(default=0, ge=0, description="Earlier answers of the predicted policy shown in both terms.")
    minimum: int = Field(default=1, ge=1, description="Valid trials below which an answer is `insufficient`.")


class WorldOptions(Settings):
    """World in the loop."""

    as_of: date | None = Field(default=None, description="Data from after this day are not used; must be given.")
    template: Literal["vanilla", "rephrase", "toolcall"] = Field(
        default="vanilla", description="How the report is put before the forecaster: as it is, reworded, as a tool's."
    )
    per_token: bool = Field(default=True, description="Uplift a token; the sum is stored beside it either way.")
    tasks: int = Field(default=2, ge=1, description="Observations for one answer.")
    blind: bool = Field(default=True, description="Whether who makes tasks sees the question alone.")
    generator: str | None = Field(default=None, description="Makes tasks; null for the first judge.")
    investigator: str | None = Field(default=None, description="An agent that gathers data: `claude-code`, `agent/…`.")
    forecaster: str | None = Field(default=None, description="A model with log-probabilities.")
    seconds: float = Field(default=1200.0, gt=0, description="What one investigation may take.")


class FewShotOptions(Settings):
    """Examples for the qualitative judge."""

    enabled: bool = Field(default=False, description="Whether examples are shown.")
    order: Literal["static", "permuted", "latin_square"] = Field(
        default="latin_square", description="One order, every order, or as many orders as examples, each place once."
    )
    rounds: int = Field(default=1, ge=1, description="How often an example's own parts are written anew.")
    source: str | None = Field(default=None, description="JSON or JSONL of examples with the scores they should get.")


class QualitativeBootstrap(Settings):
    """More examples from few."""

    rounds: int = Field(default=0, ge=0, description="Each doubles the examples.")
    permute: bool = Field(default=False, description="Whether candidates are judged in every order of the examples.")
    source: str | None = Field(
        default=None, description="Folder of a run whose trajectories are the candidates; null takes this run's own."
    )


class QualitativeOptions(Settings):
    """The qualitative judge."""

    rubric: str | None = Field(
        default=None, description="Criteria, one a line, as `name: what is looked for`; null for the own rubric."
    )
    self_answer: bool = Field(default=True, description="Whether the judge answers the problem itself first.")
    adversarial: Literal["none", "red", "red_blue", "red_blue_resolution"] = Field(
        default="red_blue_resolution", description="A case against the reasoning, one for it, and their weighing."
    )
    few_shot: FewShotOptions = Field(default_factory=FewShotOptions, description="Examples for the judge.")
    bootstrap: QualitativeBootstrap = Field(default_factory=QualitativeBootstrap, description="More examples from few.")
    minimum: int = Field(default=1, ge=1, description="Valid verdicts below which a trajectory is `insufficient`.")
    swap_test: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of trajectories judged again with the case for shown first, where both cases are written.",
    )
    second: str | None = Field(
        default=None, description="Who scores a share of the trajectories too: `human`, or another model; or nobody."
    )
    second_share: float = Field(default=0.1, gt=0, le=1, description="Share of trajectories that are scored twice.")
    own_judge: bool = Field(
        default=False, description="Whether a model that is evaluated may be the judge; its verdicts are marked."
    )


class GraderOptions(Settings):
    """Any grader as a metric."""

    spec: str = Field(
        default="python_brier",
        description="A grader with its options: `python_brier`, `model`, `python?file=…`; or a .json of OpenAI's form.",
    )
    model: str | None = Field(default=None, description="Who grades; null for the first judge.")
    belief_format: bool = Field(
        default=True, description="Whether problems ask for a last line with the belief, where the grader reads one."
    )


class ResumeSettings(Settings):
    """What a further launch in the same run folder does again."""

    trajectories: RecomputePolicy = Field(
        default="missing", description="`never`: what is stored is all; `missing`: what is not there; `always`: anew."
    )
    beliefs: RecomputePolicy = Field(default="missing", description="Likewise, of beliefs.")
    results: RecomputePolicy = Field(default="missing", description="What judges and graders said, and all metrics.")
    fill: bool = Field(
        default=True, description="Whether stages that hold fewer rows than are asked for now are extended."
    )
    witl: Literal["all", "investigation", "uplift", "upliftblanket"] = Field(
        default="all", description="Parts of world in the loop that are done again where something is missing."
    )


class TruthSeekingSettings(Settings):
    """How far reasoning seeks the truth: trajectories, beliefs about them, and metrics of both."""

    eval: EvalSettings = Field(default_factory=EvalSettings, description="Who reasons about what.")
    judge: JudgeSettings = Field(default_factory=JudgeSettings, description="Fixed judges.")
    generator: str | None = Field(
        default=None, description="Writes auxiliary questions where a mode asks for it; null for the first judge."
    )
    auxiliary_domains: tuple[str, ...] = Field(
        default=(), description="Domains that `bootstrap_interview?source=stationary_ood` draws from."
    )
    belief: BeliefReadingSettings = Field(default_factory=BeliefReadingSettings, description="How beliefs are read.")
    truth: TruthSettings = Field(default_factory=TruthSettings, description="Ground-truth accuracy.")
    martingale: MartingaleOptions = Field(default_factory=MartingaleOptions, description="The martingale score.")
    sycophancy: SycophancyOptions = Field(default_factory=SycophancyOptions, description="What an opinion changes.")
    pressure: PressureOptions = Field(default_factory=PressureOptions, description="Users who insist.")
    mp: MutualOptions = Field(default_factory=MutualOptions, description="Mutual predictability.")
    witl: WorldOptions = Field(default_factory=WorldOptions, description="World in the loop.")
    qual: QualitativeOptions = Field(default_factory=QualitativeOptions, description="The qualitative judge.")
    grader: GraderOptions = Field(default_factory=GraderOptions, description="Any grader as a metric.")
    resume: ResumeSettings = Field(default_factory=ResumeSettings, description="What a further launch does again.")
    token_evidence: int | None = Field(
        default=20,
        ge=0,
        description="Answers of each arm whose tokens are kept one by one for the analyzer `token_level_evidence`, the "
        "first ones; null keeps all.",
    )
    batch: bool = Field(default=False, description="Ask hosted models through their providers' batch APIs.")
    seed: int = Field(default=0, ge=0, description="Chooses problems, orders and draws; resamples.")
    resamples: int = Field(default=2000, ge=100, description="Of every bootstrap.")
    budget: BudgetSettings = Field(default_factory=BudgetSettings, description="What the run may spend over all roles.")

    @model_validator(mode="after")
    def _roles_are_played(self) -> TruthSeekingSettings:
        metrics = set(self.eval.metrics)
        judged = metrics & {"qualitative"} or (metrics & NEED_BELIEFS and self.belief.judge == "fixed")
        if judged and not self.judge.models:
            raise ValueError("judge.models is empty, but beliefs or verdicts are wanted of a fixed judge: name one")
        witl = self.witl
        if "world_in_the_loop" in metrics and not (witl.as_of and witl.investigator and witl.forecaster):
            raise ValueError("world_in_the_loop needs witl.as_of, witl.investigator and witl.forecaster: set all three")
        few_shot, bootstrap = self.qual.few_shot, self.qual.bootstrap
        if few_shot.enabled and not (few_shot.source or bootstrap.rounds):
            raise ValueError(
                "qual.few_shot.enabled needs qual.few_shot.source, a file of examples with their scores, or "
                "qual.bootstrap.rounds, which makes some"
            )
        if bootstrap.rounds and not few_shot.enabled:
            raise ValueError("qual.bootstrap.rounds makes examples that nobody is shown: set qual.few_shot.enabled")
        return self
