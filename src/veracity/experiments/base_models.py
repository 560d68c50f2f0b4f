"""What is known of base models without their weights: how large they are and how they are built.

`base_models.yaml` holds the ones that recipes name; a model in a folder is read there.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from veracity.core.errors import ConfigError

FILE = Path(__file__).with_name("base_models.yaml")


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a transformer is built; both kinds are the same but for Qwen 2's biases in attention."""

    kind: Literal["llama", "qwen2"]
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    mlp: int
    vocabulary: int
    tied: bool
    """Whether input and output share their embeddings."""
    context: int

    @property
    def parameters(self) -> int:
        """All weights: embeddings, and in each layer attention, gated MLP and two norms, and a last norm."""
        narrow = self.hidden // self.heads * self.kv_heads
        attention = 2 * self.hidden * (self.hidden + narrow)
        biases = self.hidden + 2 * narrow if self.kind == "qwen2" else 0
        layer = attention + biases + 3 * self.hidden * self.mlp + 2 * self.hidden
        embeddings = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return embeddings + self.layers * layer + self.hidden

    def configuration(self, **changed: Any) -> Any:
        """Transformers' configuration of it; `changed` are its own names."""
        from transformers import LlamaConfig, Qwen2Config

        own = {
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "intermediate_size": self.mlp,
            "vocab_size": self.vocabulary,
            "tie_word_embeddings": self.tied,
            "max_position_embeddings": self.context,
        }
        return {"llama": LlamaConfig, "qwen2": Qwen2Config}[self.kind](**own | changed)


def architecture_of(model: str) -> Architecture | None:
    """Of a model that recipes name; None where it is not known."""
    found = _known().get(model)
    return found if isinstance(found, Architecture) else None


def configuration_of(model: str) -> Any:
    """Transformers' configuration of `tiny`, of a folder, or of a known hub id; no weights are read.

    Raises ConfigError for a model whose architecture is not known here.
    """
    from veracity.world import tiny

    known = architecture_of(model)
    if known is not None:
        return known.configuration()
    folder = tiny.folder() if model == "tiny" else Path(model).expanduser()
    if not (folder / "config.json").is_file():
        raise ConfigError(
            f"{model!r} is no folder with a config.json, and its architecture is not among those known without its "
            f"weights ({', '.join(name for name, one in _known().items() if isinstance(one, Architecture))})"
        )
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder)


def count_parameters(model: str) -> int | None:
    """Parameters of a model: of `tiny` or a folder counted in its files, of a known hub id, else None."""
    from veracity.world import tiny

    files = sorted((tiny.folder() if model == "tiny" else Path(model)).glob("*.safetensors"))
    if files:
        return sum(_parameters_in(file) for file in files)
    known = _known().get(model)
    return known.parameters if isinstance(known, Architecture) else known


@cache
def _known() -> dict[str, int | Architecture]:
    import yaml

    read = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: one if isinstance(one, int) else Architecture(**one) for name, one in read.items()}


def _parameters_in(file: Path) -> int:
    """Sum over the tensors named in the JSON head, which follows its own length in eight bytes."""
    with file.open("rb") as handle:
        (length,) = struct.unpack("<Q", handle.read(8))
        head = json.loads(handle.read(length))
    return sum(math.prod(tensor["shape"]) for name, tensor in head.items() if name != "__metadata__")
