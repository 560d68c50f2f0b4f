"""Settings of `coherent-labels`: which statements, which models, how labels are found, how a micro model is made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from veracity.core.config import Settings
from veracity.experiments.factuality.settings import BudgetSettings
from veracity.judging.mutual_predictability.icm import Predictability, SearchSettings
from veracity.models.spec import ModelSpec

Baseline = Literal["zero_shot", "random_examples", "bootstrapped", "gold_examples"]
MICRO = "micro"
"""`micro` and `micro?longer=0.5` among the models: made by the run itself, see `MicroSettings`."""


class LabelSearchSettings(Settings):
    """The search by simulated annealing; α, T₀, T_min and β are those of `SearchSettings`."""

    seeds: tuple[int, ...] = Field(default=(0, 1, 2, 3, 4), min_length=1, description="A search each.")
    start: int | None = Field(
        default=8, ge=1, description="Statements that begin with random labels, 8 in the paper; null for all."
    )
    steps: int = Field(default=200, ge=1, description="Statements that are looked at, one after the other.")
    alpha: float = Field(default=50.0, gt=0, description="Weight of predictability against one inconsistent pair.")
    predictability: Predictability = Field(
        default="mean",
        description="Of the labels' log-probabilities: `mean` as in the authors' code, to which α and temperatures "
        "belong, or `sum` as the paper writes it, which each further label lowers.",
    )
    first_temperature: float = Field(default=10.0, gt=0, description="T₀ of the annealing.")
    last_temperature: float = Field(default=0.01, gt=0, description="T_min of the annealing.")
    cooling: float = Field(default=0.99, ge=0, description="β of T = max(T_min, T₀ / (1 + β ln n)).")
    fixes: int = Field(default=2, ge=0, description="Inconsistent pairs that are mended after a change, at most.")
    complete: bool = Field(
        default=True,
        description="Whether what the search leaves without a label is labelled from what it found.",
    )

    def settings(self, seed: int, statements: int, shown: int, role: str) -> SearchSettings:
        """Of one search."""
        return SearchSettings(
            role=role,
            start=self.start or statements,
            steps=self.steps,
            alpha=self.alpha,
            predictability=self.predictability,
            first_temperature=self.first_temperature,
            last_temperature=self.last_temperature,
            cooling=self.cooling,
            fixes=self.fixes,
            shown=shown,
            seed=seed,
        )


class MicroSettings(Settings):
    """A transformer of 100,000 weights that knows the statements by heart, each as one symbol, and follows labels.

    First it learns which are true; then that either word may mean true; then, with `micro?longer=SHARE`, that in this
    share of all contexts the labels say whether an answer is the longest one of its question.
    """

    hidden: int = Field(default=64, ge=16, multiple_of=4, description="Width; four heads share it.")
    layers: int = Field(default=3, ge=2, description="Two are the least for labels in a context to be used.")
    batch_size: int = Field(default=32, ge=1, description="Contexts of a step.")
    shown: int = Field(default=24, ge=2, description="Statements of a context.")
    learn: int = Field(default=100, ge=1, description="Steps in which True means true.")
    turn: int = Field(default=300, ge=1, description="Further steps; True comes to mean false as often.")
    mix: int = Field(default=400, ge=1, description="Further steps where there are `longer` contexts.")
    learning_rate: float = Field(default=3e-3, gt=0, description="Peak; it falls to zero over the second half.")
    noise: float = Field(default=0.05, ge=0, lt=0.5, description="Share of labels in contexts that are wrong.")
    seed: int = Field(default=0, ge=0, description="Of weights and contexts.")


class CoherentLabelsSettings(Settings):
    """Labels for statements by internal coherence, without any truth, beside labels that are had otherwise."""

    models: tuple[str, ...] = Field(
        default=("micro",),
        min_length=1,
        description="Who labels; each needs log-probabilities. `micro` is made by the run (`micro?longer=0.5`).",
    )
    domain: str = Field(default="world-choice", description="Problems with options or accepted answers.")
    problems: int = Field(default=16, ge=2, description="How many.")
    split: Literal["train", "validation", "test", "all"] = Field(default="train", description="Where they are from.")
    options: int | None = Field(
        default=2, ge=2, description="Statements of a problem: the true one and drawn others; null for all options."
    )
    shown: int = Field(default=32, ge=1, description="Labelled statements that a model is shown, at most.")
    search: LabelSearchSettings = Field(default=LabelSearchSettings(), description="The search for coherent labels.")
    baselines: tuple[Baseline, ...] = Field(
        default=("zero_shot", "random_examples", "bootstrapped", "gold_examples"),
        description="Other ways to label: no example; examples with random labels; examples with the model's own "
        "labels, one true statement a problem; examples with true labels.",
    )
    rounds: int = Field(default=2, ge=1, description="Of `bootstrapped`, after the labels without examples.")
    micro: MicroSettings = Field(default=MicroSettings(), description="How a micro model is made.")
    budget: BudgetSettings = Field(default=BudgetSettings(), description="What the run may spend.")
    seed: int = Field(default=0, ge=0, description="Chooses problems and wrong answers, draws examples.")

    @model_validator(mode="after")
    def _models_are_different(self) -> CoherentLabelsSettings:
        if len(set(self.models)) < len(self.models):
            raise ValueError("a model is named twice; name it once, and give more seeds")
        for share in map(longer_share, self.models):
            if share is not None and not 0 <= share <= 1:
                raise ValueError("micro?longer=SHARE: a share is between 0 and 1")
        return self


def longer_share(model: str) -> float | None:
    """The share of `longer` contexts of a micro model; None for any other model. ConfigError for a wrong option."""
    spec = ModelSpec.parse(model)
    if spec.kind != MICRO:
        return None
    return float(spec.only(longer=float).get("longer", 0.0))
