"""What `gv-gap` teaches: the facts, their sentences, unrelated text, and the model that starts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from veracity.core.errors import ConfigError, DataError, ModelError
from veracity.core.identity import content_hash, derive_seed, folder_hash
from veracity.experiments.gv_gap.settings import ContinualSettings, FactsSettings, ModelSettings
from veracity.judging.probes import Target
from veracity.judging.probes.base import value_of
from veracity.stats.proportion import wilson_bounds
from veracity.training.examples import TrainingText, answer_spans
from veracity.world import tiny
from veracity.world.facts import FactSet
from veracity.world.imports import read_facts
from veracity.world.tiny import experiment_facts

SUBJECTS_WANTED = 50
"""With fewer, an interval around one half spans more than 28 points."""
_MODEL_FILES = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.model", "*.txt")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model on disk."""

    folder: Path
    identity: str
    """Content hash of its files; of a hub id the commit."""
    name: str
    """For people to read."""


def gather_facts(settings: FactsSettings) -> FactSet:
    """The facts that are taught; ConfigError or DataError when there are none, or a fact cannot be taught or asked."""
    if settings.path is not None:
        if not Path(settings.path).exists():
            raise ConfigError(f"facts.path={settings.path}: there is no such file or folder")
        facts = read_facts(Path(settings.path), seed=settings.seed)
    else:
        facts = experiment_facts(settings.seed, settings.subjects, settings.relations)
    for fact in facts:
        for need, has in (("statement", fact.statements), ("question", fact.questions)):
            if not has:
                raise DataError(f"fact {fact.id!r} has no {need}; give each fact at least one", path=facts.origin)
    return facts


def caution(facts: FactSet) -> str:
    """A warning where there are too few subjects for numbers to say much; else the empty string."""
    subjects = len({fact.subject for fact in facts})
    if subjects >= SUBJECTS_WANTED:
        return ""
    low, high = wilson_bounds(0.5, subjects, 1.96)
    return (
        f"{len(facts)} facts about {subjects} subjects: a share near one half will have a 95 % interval of about "
        f"{low:.0%} to {high:.0%}; bring {SUBJECTS_WANTED} subjects or more to compare shares"
    )


def taught_texts(facts: FactSet, target: Target, limit: int | None, seed: int) -> list[TrainingText]:
    """The sentences that teach the values named by `target`, at most `limit` a fact, drawn by `seed`.

    The same templates are drawn for every target, so that phases differ in the values alone.
    """
    texts = []
    for fact in facts:
        templates = list(fact.statements)
        random.Random(derive_seed(seed, "statements", fact.id)).shuffle(templates)
        for template in templates[:limit]:
            value = value_of(fact, target)
            texts.append(
                TrainingText(
                    template.format(subject=fact.subject, value=value),
                    answer_spans(template, fact.subject, value),
                    request=f"Write one sentence about {fact.subject}.",
                )
            )
    return texts


def unrelated_texts(settings: ContinualSettings, facts: FactsSettings, seed: int) -> list[TrainingText]:
    """Sentences that have nothing to do with the facts, at most `settings.sentences`, drawn by `seed`."""
    texts = _lines(Path(settings.path)) if settings.path is not None else _other_people(settings, facts)
    random.Random(derive_seed(seed, "unrelated")).shuffle(texts)
    if settings.sentences is not None and len(texts) < settings.sentences:
        raise ConfigError(
            f"continual.sentences={settings.sentences}, but there are {len(texts)}; "
            "ask for fewer, or give more text (continual.path, continual.subjects)"
        )
    return texts[: settings.sentences]


def texts_identity(texts: Sequence[TrainingText]) -> str:
    """Content hash of sentences in their order."""
    return content_hash(list(texts))


def find_model(settings: ModelSettings) -> ModelSource:
    """Where the base model lies and what it is; a hub id is fetched. ModelError when there is none."""
    if settings.path == "tiny":
        return ModelSource(tiny.folder(), folder_hash(tiny.folder(), _MODEL_FILES), "tiny")
    folder = Path(settings.path).expanduser()
    if folder.is_dir():
        return ModelSource(folder, folder_hash(folder, _MODEL_FILES), folder.name)
    return _from_hub(settings)


def _from_hub(settings: ModelSettings) -> ModelSource:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        snapshot = snapshot_download(settings.path, revision=settings.revision, allow_patterns=list(_MODEL_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"model.path={settings.path}: neither a folder nor a model that could be fetched ({error}); "
            "give a folder with config.json, or a hub id that this machine can reach"
        ) from error
    folder = Path(snapshot)
    return ModelSource(folder, f"{settings.path}@{folder.name}", settings.path)


def _lines(path: Path) -> list[TrainingText]:
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot be read as UTF-8 text ({error}); give a file with one sentence a line", path=path
        ) from error
    texts = [TrainingText(line, request="Write one sentence.") for line in dict.fromkeys(lines) if line]
    if not texts:
        raise DataError("holds no sentence; give one a line", path=path)
    return texts


def _other_people(settings: ContinualSettings, facts: FactsSettings) -> list[TrainingText]:
    """Statements about people whom neither the base model nor the facts know."""
    taken = facts.subjects if facts.source == "world" else 0
    others = experiment_facts(facts.seed, settings.subjects, settings.relations, offset=taken)
    return taught_texts(others, "learn", None, facts.seed)
