"""What a local model is: a hash of everything that decides its numbers, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import torch

from veracity.core.identity import content_hash

_NOT_CONTENT = ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype", "use_cache")
"""Parts of a configuration that say where a model came from or how it is run."""


def model_identity(model: Any, tokenizer: Any, ends: frozenset[int]) -> str:
    """SHA-256 over configuration, weights (in their present precision), tokenizer, chat template and end marks."""
    config = {k: v for k, v in model.config.to_dict().items() if k not in _NOT_CONTENT}
    return content_hash(
        {
            "config": json.dumps(config, sort_keys=True, default=str),
            "weights": _weights_hash(model),
            "tokenizer": _tokenizer_state(tokenizer),
            "chat_template": getattr(tokenizer, "chat_template", None) or "",
            "ends": sorted(ends),
        }
    )


def weights_version(weights: Sequence[torch.nn.Parameter]) -> int:
    """A number that changes whenever an optimiser has written to the weights (torch counts in-place changes)."""
    return sum(weight._version for weight in weights)


def _weights_hash(model: Any) -> str:
    """Names, shapes, types and bytes of the saved weights; one that is tied to another counts by its own name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().contiguous().cpu().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _tokenizer_state(tokenizer: Any) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return json.dumps([type(tokenizer).__name__, sorted(tokenizer.get_vocab().items())])
    state = json.loads(backend.to_str())
    # How the last caller padded or cut is no part of the tokenizer.
    state.pop("padding", None)
    state.pop("truncation", None)
    return json.dumps(state, sort_keys=True)
