"""Where a trained model comes from, in one file beside its weights; and the way a finished model gets its name.

    runs/<run>/models/<name>/    a complete Hugging Face folder
                 lineage.json    parent, data, settings, trainer, steps
                 training.json   the log of its training

A model folder appears under its name when all of it is written, never before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from veracity.core.errors import ModelError
from veracity.core.identity import canonical_json, content_hash, folder_hash
from veracity.store.atomic import atomic_folder
from veracity.training.settings import OptimizationSettings
from veracity.training.watch import TrainingLog, log_from_json, log_to_json

LINEAGE_FILE = "lineage.json"
LOG_FILE = "training.json"
_WITHOUT_EFFECT = ("log_to", "save_every")
"""Settings that change no weight."""
_CONTENT = ("config.json", "*.safetensors", "*.bin", "tokenizer*", "*.jinja", "vocab*", "merges*")


@dataclass(frozen=True, slots=True)
class Lineage:
    """What made a trained model."""

    trainer: str
    """`sft`, `dpo`, `kto`, `grpo`, `rloo`, `few_shot`."""
    parent: str
    """Content hash of the model that training started from (`parent_hash`), or a backend's identity."""
    parent_name: str
    """What that model was called: a folder or a model's name."""
    data: Mapping[str, str]
    """Content hash of each set of rows that it was trained on, by name (`data_hash`)."""
    settings: Mapping[str, Any]
    """Every setting of the trainer, as plain values."""
    seed: int
    run: str = ""
    """The run that it belongs to; empty outside one."""
    recipe: str = ""
    steps: int = 0
    """Optimizer steps taken, the skipped ones included."""
    skipped: int = 0
    """Steps that were left out because their gradient was not finite."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What else a trainer wants to say, as plain values."""

    @property
    def key(self) -> str:
        """Hash of what decides the weights; two trainings with one key give one model."""
        deciding = {name: value for name, value in self.settings.items() if name not in _WITHOUT_EFFECT}
        return content_hash([self.trainer, self.parent, self.data, deciding, self.seed])


def parent_hash(folder: Path) -> str:
    """Content hash of a model folder: its configuration, weights and tokenizer. Raises ModelError if it has none."""
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: there is no config.json, so no model to start from; give a complete model folder")
    return folder_hash(folder, _CONTENT)


def data_hash(rows: Sequence[Any]) -> str:
    """Content hash of rows in their order."""
    return content_hash(list(rows))


def save_trained(
    model: Any,
    tokenizer: Any,
    out: Path,
    lineage: Lineage,
    log: TrainingLog,
    *,
    state: Mapping[str, Any] | None = None,
    settings: OptimizationSettings | None = None,
    start: Path | None = None,
) -> None:
    """Write the finished model to `out`, all of it or nothing; adapters are merged.

    Args:
        model: As the trainer holds it, unwrapped.
        tokenizer: Its tokenizer.
        out: The folder to be; an older one is replaced.
        lineage: What made it; steps are taken from `log`.
        log: Its training.
        state: All weights, where `model` holds a shard of them alone; `settings` and `start` are then needed to merge
            adapters.
        settings: What it was trained with.
        start: Where its base lies.

    Raises:
        StoreError: the place cannot be written.
    """
    from veracity.training.loading import save_model, save_state

    steps = max([*log.steps, *log.skipped], default=0)
    lineage = replace(lineage, steps=steps, skipped=len(log.skipped))
    with atomic_folder(out) as temporary:
        if state is not None and settings is not None and start is not None:
            save_state(model, state, tokenizer, temporary, settings, start)
        else:
            save_model(model, tokenizer, temporary)
        write_lineage(temporary, lineage)
        (temporary / LOG_FILE).write_text(log_to_json(log), "utf-8")


def write_lineage(folder: Path, lineage: Lineage) -> None:
    """Write `lineage.json` into a folder that is being made."""
    plain = json.loads(canonical_json(asdict(lineage)))
    (folder / LINEAGE_FILE).write_text(json.dumps({**plain, "key": lineage.key}, indent=1, sort_keys=True), "utf-8")


def read_lineage(folder: Path) -> Lineage:
    """The lineage of a trained model. Raises ModelError if there is none, or it is damaged."""
    path = folder / LINEAGE_FILE
    try:
        fields = json.loads(path.read_text("utf-8"))
        fields.pop("key", None)
        return Lineage(**fields)
    except FileNotFoundError:
        raise ModelError(f"{folder}: no {LINEAGE_FILE}, so this is no model trained here; give one that is") from None
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path}: damaged ({error}); train the model again") from error


def finished(out: Path, lineage: Lineage) -> TrainingLog | None:
    """The log of the training that `out` is the result of, if it is this very one; None if it has yet to be done."""
    if not (out / LINEAGE_FILE).is_file() or not (out / LOG_FILE).is_file():
        return None
    if read_lineage(out).key != lineage.key:
        return None
    return log_from_json((out / LOG_FILE).read_text("utf-8"))
