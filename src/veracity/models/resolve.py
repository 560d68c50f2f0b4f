"""From a model's name in a recipe to a backend: `hf/org/name`, a folder, `tiny`, and whatever else is registered.

Each kind is one file in `models/kinds/` with one function from what follows the slash to a backend; third parties add
theirs through the entry point group `veracity.model_kinds`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from veracity.core.errors import ConfigError
from veracity.core.registry import Registry, nearest
from veracity.core.requests import Backend

KINDS: Registry[Callable[[str], Backend]] = Registry("model kinds", package="veracity.models.kinds")


def open_model(spec: str) -> Backend:
    """The backend that `spec` names: `kind`, `kind/rest`, or a model folder.

    Raises:
        ConfigError: no such kind; the message names the nearest.
        ModelError: the kind exists, the model cannot be loaded.
    """
    kind, _, rest = spec.partition("/")
    if kind in KINDS.names():
        return KINDS.get(kind)(rest)
    if kind in ("", ".", "..", "~") or Path(spec).is_dir():
        return KINDS.get("hf")(spec)
    if rest:
        hint = nearest(kind, KINDS.names()) or f"; for a model of the Hugging Face hub write hf/{spec}"
        raise ConfigError(f"{spec!r} names no model kind and no folder{hint}")
    KINDS.get(kind)
    raise ConfigError(f"{spec!r} names no model")  # unreachable: get raises for an unknown kind
