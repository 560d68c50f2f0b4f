"""`hf/<folder or hub id>`: a Hugging Face causal language model in this process."""

from __future__ import annotations

from veracity.core.errors import ConfigError
from veracity.core.requests import Backend
from veracity.models.resolve import KINDS


@KINDS.register("hf")
def open_hf(rest: str) -> Backend:
    """Load `rest`, a folder or a hub id, with everything chosen by capability."""
    if not rest:
        raise ConfigError("hf/ names no model: write hf/<folder> or hf/<org>/<name>")
    from veracity.models.local import LocalModel

    return LocalModel.load(rest)
