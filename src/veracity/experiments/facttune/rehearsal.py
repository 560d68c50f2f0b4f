"""A FactTune recipe made small: the same stages, estimators and trainers on a few prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from veracity.experiments.facttune.settings import FactTuneSettings, PeopleSettings
from veracity.experiments.judged_samples import JudgingSettings
from veracity.experiments.understudies import COMPLETION, of_trainer, small

if TYPE_CHECKING:
    from veracity.experiments.understudies import Understudies

OTHER = {"judge_text": "judge_logits"}
"""What takes the place of a reward's verifier that asks nobody (its verdicts on noise are all alike), by the other
verifier of the recipe."""


def facttune_rehearsal(settings: FactTuneSettings, cast: Understudies) -> FactTuneSettings:
    """Few people, few samples, one seed, and no reward by rule: on a random model's texts it tells nothing apart."""
    changes: dict[str, Any] = {
        "model": cast.model(settings.model),
        "seeds": settings.seeds[:1],
        "people": small_people(settings.people, cast),
        "roles": cast.roles(settings.roles),
        "sampling.n": min(3, settings.sampling.n),
        "sampling.max_tokens": COMPLETION,
        "judging.verifier": asked_verifier(settings.judging, settings.evaluation.judging),
        "confidence.samples": 4,
        "baselines.prompts": settings.baselines.prompts[:1],
        "most_pairs": 6,
        "test_samples": 1,
        **of_trainer("sft", cast.trainer("sft", settings.sft)),
        **of_trainer("dpo", cast.trainer("dpo", settings.dpo)),
    }
    if "mc" in settings.methods and settings.confidence.questions == "rule":
        changes["confidence.questions"] = "asked"
    return small(settings, changes)


def small_people(people: PeopleSettings, cast: Understudies) -> PeopleSettings:
    """Four people to train on and two to test."""
    domain = cast.domain(people.domain)
    return people.model_copy(update={"domain": domain, "min_exposure": None, "train": 4, "test": 2, "unmet": 0})


def asked_verifier(judging: JudgingSettings, other: JudgingSettings) -> str:
    """The verifier itself if it asks a model, else one that does and that `other` has not."""
    if judging.verifier not in ("rule", "world"):
        return judging.verifier
    return OTHER.get(other.verifier, "judge_text")
