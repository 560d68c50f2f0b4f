"""A reference model that follows the trained one goes into the checkpoints with it.

TRL's checkpoints leave it out, so that a resumed training would measure itself against the start model again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from veracity.core.errors import ConfigError
from veracity.training.settings import ReferenceSync
from veracity.training.watch import newest_checkpoint

_FILE = "reference.safetensors"


def sync_arguments(sync: ReferenceSync | None) -> dict[str, Any]:
    """Our settings in TRL's words; the same for all of its trainers that keep a reference."""
    if sync is None:
        return {"sync_ref_model": False}
    return {"sync_ref_model": True, "ref_model_mixup_alpha": sync.mixup, "ref_model_sync_steps": sync.every}


def keep_reference(trainer: Any) -> Any:
    """`trainer`, whose moving reference is saved with each checkpoint and read back from the one it goes on from.

    Raises ConfigError when the reference moves and its weights are spread over devices.
    """
    if not trainer.args.sync_ref_model:
        return trainer
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        raise ConfigError("sync_reference cannot be resumed under FSDP or DeepSpeed; set it to null")
    trainer.add_callback(_callback(trainer))
    return trainer


def _callback(trainer: Any) -> Any:
    from safetensors.torch import load_model, save_model
    from transformers import TrainerCallback

    class KeepReference(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            written = newest_checkpoint(Path(args.output_dir))
            if written is not None and (written / _FILE).is_file():
                load_model(_bare(trainer), written / _FILE)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                save_model(_bare(trainer), str(Path(args.output_dir) / f"checkpoint-{state.global_step}" / _FILE))

    return KeepReference()


def _bare(trainer: Any) -> Any:
    return trainer.accelerator.unwrap_model(trainer.ref_model)
