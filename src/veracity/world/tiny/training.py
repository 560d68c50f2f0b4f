"""Training the tiny model from scratch: one readable loop, the same weights from the same seed on one core.

Every step draws its documents from (seed, step), so a killed run resumes from its last checkpoint and ends in
the same weights. One thread: on a machine with few cores PyTorch's second thread slows a model of this size.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veracity.core.errors import ConfigError, NonFiniteError
from veracity.world.tiny.curriculum import Curriculum, Document
from veracity.world.tiny.facts import tiny_world
from veracity.world.tiny.packing import pack
from veracity.world.tiny.tokenizer import CONTEXT, END, build_tokenizer, vocabulary
from veracity.world.world import World

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True)
class TinySettings:
    """Size and schedule; the defaults made the model that ships."""

    hidden: int = 128
    mlp: int = 384
    layers: int = 4
    heads: int = 4
    rows: int = 64
    width: int = 64
    steps: int = 3500
    learning_rate: float = 2e-3
    warmup: int = 100
    """Steps of linear warm-up; then constant for 60 % of `steps`, then linear to 2 % of the rate."""
    settle_steps: int = 300
    """Steps after those, with fewer guesses about strangers (see `curriculum`), linear from `settle_rate` to 0."""
    settle_rate: float = 5e-4
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    clip: float = 1.0
    seed: int = 0
    checkpoint_every: int = 250

    @property
    def total(self) -> int:
        """All steps."""
        return self.steps + self.settle_steps


RECORD = "training.json"


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What a training run has done so far; written beside the weights."""

    settings: dict[str, Any]
    world: str
    """Identity of the world."""
    steps: int = 0
    tokens: int = 0
    """Tokens with loss, over all steps."""
    seconds: float = 0.0
    """Time spent in optimizer steps, over all sessions."""
    loss: float = 0.0
    """Nats a token, of the last step."""

    def after(self, tokens: int, seconds: float, loss: float) -> TrainingRecord:
        """The record one step later."""
        return replace(
            self, steps=self.steps + 1, tokens=self.tokens + tokens, seconds=self.seconds + seconds, loss=loss
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What the caller hears after each step."""

    number: int
    of: int
    loss: float
    tokens: int


def rate(settings: TinySettings, step: int) -> float:
    """Learning rate of a step, counted from 0."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    plateau = int(settings.steps * 0.6)
    if step < plateau:
        return settings.learning_rate
    if step >= settings.steps:
        return settings.settle_rate * (settings.total - step) / settings.settle_steps
    left = (settings.steps - step) / max(1, settings.steps - plateau)
    return settings.learning_rate * (0.02 + 0.98 * left)


def new_model(settings: TinySettings, tokens: int, pad: int, end: int) -> LlamaForCausalLM:
    """A Llama with random weights, drawn from the seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=tokens,
        hidden_size=settings.hidden,
        intermediate_size=settings.mlp,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=pad,
        eos_token_id=end,
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        return LlamaForCausalLM(config)


def train(
    folder: Path,
    settings: TinySettings | None = None,
    *,
    world: World | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Path:
    """Train (or go on training) in `folder`, and write the finished model to `folder/model`.

    Raises:
        ConfigError: the folder holds a run with other settings.
        NonFiniteError: the loss is no longer a number.
    """
    import torch

    settings, world = settings or TinySettings(), world or tiny_world()
    torch.set_num_threads(1)
    tokenizer = build_tokenizer(world.language)
    end = tokenizer.convert_tokens_to_ids(END)
    model = new_model(settings, len(vocabulary(world.language)), int(tokenizer.pad_token_id), int(end))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, betas=settings.betas, weight_decay=settings.weight_decay
    )
    record = _restore(folder, settings, world, model, optimizer)
    model.train()
    for ids, labels, tokens in _batches(Curriculum(world, settings.seed), tokenizer, settings, record.steps):
        started = time.perf_counter()
        loss = _update(model, optimizer, ids, labels, settings, record.steps)
        record = record.after(tokens, time.perf_counter() - started, loss)
        on_step(Step(record.steps, settings.total, loss, tokens))
        if record.steps % settings.checkpoint_every == 0 or record.steps == settings.total:
            _save_state(folder, model, optimizer, record)
            save_model(model, tokenizer, folder / "model")
            (folder / "model" / RECORD).write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
    return folder / "model"


def _update(
    model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, ids: Any, labels: Any, settings: TinySettings, step: int
) -> float:
    import torch

    for group in optimizer.param_groups:
        group["lr"] = rate(settings, step)
    loss = model(input_ids=ids, labels=labels).loss
    if not torch.isfinite(loss):
        raise NonFiniteError(f"the loss of step {step + 1} is {loss.item()}; lower the learning rate")
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.item())


def _batches(
    curriculum: Curriculum, tokenizer: PreTrainedTokenizerFast, settings: TinySettings, start: int
) -> Iterator[tuple[Any, Any, int]]:
    """(ids, labels, tokens with loss) of each step from `start` on; ids and labels are (rows, width)."""
    import torch

    pad = int(tokenizer.pad_token_id)
    enough = settings.rows * settings.width // 12
    for step in range(start, settings.total):
        documents = encode(tokenizer, curriculum.documents(step, enough, settled=step >= settings.steps))
        ids, labels = pack(documents, settings.rows, settings.width, pad)
        yield torch.from_numpy(ids), torch.from_numpy(labels), int((labels >= 0).sum())


def encode(tokenizer: PreTrainedTokenizerFast, documents: list[Document]) -> list[list[int]]:
    """Token ids of documents: raw text gets an end mark, conversations the chat template (which has its own)."""
    texts = [
        d + END if isinstance(d, str) else tokenizer.apply_chat_template([asdict(m) for m in d], tokenize=False)
        for d in documents
    ]
    return [encoding.ids for encoding in tokenizer.backend_tokenizer.encode_batch(texts)]


def save_model(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write weights in half precision and the tokenizer, in Hugging Face format; `model` itself stays as it is."""
    import torch
    from transformers import LlamaForCausalLM

    half = LlamaForCausalLM(model.config).to(torch.float16)
    half.load_state_dict(model.state_dict())
    half.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _save_state(folder: Path, model: Any, optimizer: Any, record: TrainingRecord) -> None:
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / ".state.partial"
    state = {"record": asdict(record), "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, partial)
    partial.replace(folder / "state.pt")


def _restore(folder: Path, settings: TinySettings, world: World, model: Any, optimizer: Any) -> TrainingRecord:
    """Load the last checkpoint if there is one."""
    import torch

    path = folder / "state.pt"
    fresh = TrainingRecord(json.loads(json.dumps(asdict(settings))), world.identity)
    if not path.is_file():
        return fresh
    state = torch.load(path, weights_only=True)
    record = TrainingRecord(**state["record"])
    if (record.settings, record.world) != (fresh.settings, fresh.world):
        raise ConfigError(f"{path} was trained with other settings or on another world; choose another folder")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return record
