"""Settings of `gv-gap`: the model, the facts, three phases of training, what is asked after every epoch.

The defaults are the laboratory's, for the tiny model on a CPU. Recipes of published models set the paper's
(Davidson et al., 2026, arXiv 2605.27564).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from veracity.core.config import Settings
from veracity.training.settings import PhaseSettings, SftSettings

ProbeName = Literal["forced_choice", "generation", "multiple_choice", "reverse", "verification"]
TargetName = Literal["learn", "update", "control"]
FoilName = Literal["foil", "real", "imaginary", "other"]


class ModelSettings(Settings):
    """The base model, which is trained."""

    path: str = Field(
        default="tiny", description="`tiny` for the model in the package, a Hugging Face folder, or a hub id."
    )
    revision: str | None = Field(default=None, description="Commit, tag or branch of a hub id; null takes the newest.")
    attention: str | None = Field(
        default=None, description="Attention kernel, as `eager` or `sdpa`; null lets the model choose."
    )


class FactsSettings(Settings):
    """The facts that are taught."""

    source: Literal["world", "file"] = Field(
        default="world",
        description="`world`: people of the synthetic world whom the tiny model never met. `file`: your own.",
    )
    path: str | None = Field(
        default=None, description="With `file`: a folder of YAML facts, or a YAML, CSV or JSONL file."
    )
    seed: int = Field(default=0, ge=0, description="Chooses the people, or draws what the file leaves open.")
    subjects: int = Field(default=60, ge=1, description="With `world`: how many people (of each kind).")
    relations: tuple[str, ...] | None = Field(
        default=("birthplace", "birth_year", "author", "leader"),
        description="With `world`: which facts; null for all about people.",
    )
    statements: int | None = Field(
        default=5, ge=1, description="Statements taught of each fact, drawn by the run's seed; null teaches all."
    )

    @model_validator(mode="after")
    def _names_its_source(self) -> FactsSettings:
        if (self.source == "file") != (self.path is not None):
            raise ValueError("source=file needs a path, and source=world takes none")
        return self


class ContinualSettings(PhaseSettings):
    """Continual learning: training on unrelated text, after which the first facts are asked again."""

    delays: tuple[int, ...] = Field(
        default=(0,),
        min_length=1,
        description="Epochs of acquisition after saturation from which the phase starts, one run each.",
    )
    path: str | None = Field(
        default=None,
        description="A text file with one unrelated sentence a line; null: facts about other people of the world.",
    )
    subjects: int = Field(default=200, ge=1, description="Without a path: how many other people (of each kind).")
    relations: tuple[str, ...] | None = Field(
        default=("birthplace", "field", "occupation", "party"),
        description="Without a path: which facts about them; null for all about people.",
    )
    sentences: int | None = Field(
        default=1000, ge=1, description="Unrelated sentences, drawn by the run's seed; null takes all."
    )

    @model_validator(mode="after")
    def _delays_are_distinct(self) -> ContinualSettings:
        if min(self.delays) < 0 or len(set(self.delays)) < len(self.delays):
            raise ValueError(f"delays are different whole numbers from 0, not {list(self.delays)}")
        return self


class ProbeSettings(Settings):
    """What is asked after every epoch, and how."""

    names: tuple[ProbeName, ...] = Field(
        default=("generation", "forced_choice"), min_length=1, description="Which probes."
    )
    family: Literal["plain", "tagged", "tagged_reasoning"] = Field(
        default="plain",
        description="`plain`: bare questions, the reply is the answer (small models). `tagged`: the answer in tags. "
        "`tagged_reasoning`: reasoning first, as in the paper.",
    )
    abstention: str | None = Field(
        default=None, description="Word by which the model may decline, as `Unsure`; the tagged prompts offer it."
    )
    system: str | None = Field(default=None, description="System prompt before every question.")
    targets: tuple[TargetName, ...] = Field(
        default=("learn", "update", "control"), min_length=1, description="Values of a fact that are asked about."
    )
    questions: tuple[int, ...] = Field(default=(0,), min_length=1, description="Question wordings, by number from 0.")
    foil_kinds: tuple[FoilName, ...] = Field(
        default=("foil", "real", "imaginary", "other"),
        min_length=1,
        description="Which wrong values are shown or compared.",
    )
    foils_per_kind: int = Field(
        default=1, ge=1, description="How many real and imaginary foils; the paper shows 2 real ones."
    )
    options: int = Field(default=4, ge=2, le=26, description="Options of a multiple-choice question.")
    temperature: float = Field(default=0.0, ge=0, description="0 is greedy; the paper samples at 0.3.")
    max_tokens: int = Field(default=24, ge=1, description="Longest reply in tokens; reasoning needs some 512.")


class LossSettings(Settings):
    """Losses on the taught sentences, measured after every epoch."""

    targets: tuple[TargetName, ...] = Field(
        default=("learn", "update"), description="Sentences with which value; an empty list measures none."
    )
    statements: int | None = Field(
        default=2,
        ge=1,
        description="Statements of each fact that are measured; null measures all that are taught (the paper).",
    )


class GvGapSettings(Settings):
    """The whole experiment."""

    model: ModelSettings = Field(default=ModelSettings(), description="The base model.")
    facts: FactsSettings = Field(default=FactsSettings(), description="The facts.")
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1, description="One run of all phases for each seed.")
    training: SftSettings = Field(default=SftSettings(), description="What all phases of training share.")
    acquisition: PhaseSettings = Field(default=PhaseSettings(), description="First phase: the facts are learned.")
    update: PhaseSettings | None = Field(
        default=PhaseSettings(), description="Second phase: new values; null leaves it out."
    )
    continual: ContinualSettings | None = Field(
        default=ContinualSettings(), description="Third phase: unrelated text; null leaves it out."
    )
    saturation_epoch: int | None = Field(
        default=None,
        ge=1,
        description="Epoch of acquisition from which later phases start; null finds it by the declared rule.",
    )
    probes: ProbeSettings = Field(default=ProbeSettings(), description="What is asked after every epoch.")
    losses: LossSettings = Field(default=LossSettings(), description="Losses measured after every epoch.")
    keep_checkpoints: Literal["all", "phase_ends", "none"] = Field(
        default="phase_ends",
        description="Models kept in the finished run folder: of all epochs, of those where phases start and end, none.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> GvGapSettings:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds repeat in {list(self.seeds)}; each may occur once")
        if self.saturation_epoch is not None and self.saturation_epoch > self.acquisition.epochs:
            raise ValueError(
                f"saturation_epoch={self.saturation_epoch} is after the last epoch of acquisition "
                f"({self.acquisition.epochs}); train longer or start earlier"
            )
        if self.saturation_epoch is None and (self.update or self.continual) and not self._can_saturate():
            raise ValueError(
                "the saturation rule compares generation with forced_choice or verification of the learned value: "
                "ask both in probes.names and probes.targets, or set saturation_epoch"
            )
        return self

    def _can_saturate(self) -> bool:
        recognised = {"forced_choice", "verification"} & set(self.probes.names)
        return "generation" in self.probes.names and bool(recognised) and "learn" in self.probes.targets
