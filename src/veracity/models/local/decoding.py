"""Generation in batches: one prefill a prompt, a row a sample, and rows that end leave the batch.

Batches hold prompts of nearly equal length (sorted), so left padding is rare and small; without any, no mask is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import DynamicCache

from veracity.core.requests import Sampling
from veracity.models.local.cache import Limits, drop_rows, empty_cache
from veracity.models.local.rendering import Renderer
from veracity.models.local.sampling import draw
from veracity.models.local.stopping import Stopper


@dataclass(frozen=True, slots=True)
class Want:
    """One sample wanted: after which prompt, with which noise key, and how many tokens at most."""

    prompt: tuple[int, ...]
    key: int
    room: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """One text and the tokens drawn for it, end mark included; `failed`: the logits were not finite."""

    text: str
    ids: tuple[int, ...]
    finish: Literal["stop", "length", "failed"]

    @property
    def tokens(self) -> int:
        """How many were drawn."""
        return len(self.ids)


def batches(wants: Sequence[Want], limits: Limits) -> Iterator[list[int]]:
    """Split wants (by index) into batches of nearly equal prompt length; every want is in exactly one."""
    order = sorted(range(len(wants)), key=lambda i: (len(wants[i].prompt), wants[i].prompt))
    batch: list[int] = []
    prompts = 0
    for i in order:
        length = len(wants[i].prompt)
        new = not batch or wants[batch[-1]].prompt != wants[i].prompt
        full = (
            len(batch) >= limits.rows
            or (prompts + new) * length > limits.tokens
            or (len(batch) + 1) * (length + wants[i].room) > limits.positions
        )
        if batch and (full or length > 1.25 * len(wants[batch[0]].prompt) + 8):
            yield batch
            batch, prompts, new = [], 0, True
        batch.append(i)
        prompts += new
    if batch:
        yield batch


def decode(model: Any, wants: Sequence[Want], sampling: Sampling, stopper: Stopper, renderer: Renderer) -> list[Drawn]:
    """Draw every want of one batch; wants of the same prompt share its prefill."""
    rows = _Rows(model, wants)
    for step in range(rows.longest):
        tokens, finite = draw(rows.logits, rows.keys, step, sampling)
        if not rows.write(step, tokens, finite, stopper):
            break
        rows.advance(model, tokens)
    return rows.results(stopper, renderer)


class _Rows:
    """The batch while it is drawn: row r belongs to want `self.want[r]`."""

    def __init__(self, model: Any, wants: Sequence[Want]) -> None:
        device = model.device
        places: dict[tuple[int, ...], int] = {}
        owner = torch.tensor([places.setdefault(w.prompt, len(places)) for w in wants], device=device)
        self.length = max(len(p) for p in places)
        self.longest = max(w.room for w in wants)
        self.padding = torch.tensor([self.length - len(p) for p in places], device=device)
        self.padded = len({len(p) for p in places}) > 1
        self.cache, self.logits = self._prefill(model, list(places))
        self.keys = torch.tensor([w.key for w in wants], device=device)
        self.want = torch.arange(len(wants), device=device)
        self.alive = torch.ones(len(wants), dtype=torch.bool, device=device)
        self.room = torch.tensor([w.room for w in wants], device=device)
        self.written = torch.zeros(len(wants), self.longest, dtype=torch.long, device=device)
        self.lengths = torch.zeros(len(wants), dtype=torch.long, device=device)
        self.stopped = torch.zeros(len(wants), dtype=torch.bool, device=device)
        self.failed = torch.zeros(len(wants), dtype=torch.bool, device=device)
        if len(places) < len(wants):
            self.cache.batch_select_indices(owner)
            self.logits, self.padding = self.logits[owner], self.padding[owner]

    def _prefill(self, model: Any, prompts: list[tuple[int, ...]]) -> tuple[DynamicCache, Tensor]:
        ids = torch.tensor([[0] * (self.length - len(p)) + list(p) for p in prompts], device=model.device)
        cache = empty_cache(model.config)
        return cache, self._forward(model, ids, cache, 0)

    def _forward(self, model: Any, ids: Tensor, cache: DynamicCache, first: int) -> Tensor:
        """Run `ids` (rows, new) at positions from `first` on; logits (rows, vocabulary) after the last of them."""
        place = torch.arange(first, self.length, device=ids.device)[None, :]
        mask = None
        if self.padded:
            mask = torch.arange(self.length, device=ids.device)[None, :] >= self.padding[:, None]
            place = (place - self.padding[:, None]).clamp_min(0)
        out = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=place,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return torch.as_tensor(out.logits[:, -1])

    def write(self, step: int, tokens: Tensor, finite: Tensor, stopper: Stopper) -> bool:
        """Record a step's tokens; rows that ended leave. Whether any row is still alive."""
        live = torch.nonzero(self.alive).flatten()
        here, tokens, finite = self.want[live], tokens[live], finite[live]
        self.written[here, step] = tokens
        self.lengths[here] = step + 1
        self.failed[here] = ~finite
        ended = stopper.ended(tokens, self.written[here, : step + 1])
        self.stopped[here] = ended
        self.alive[live] = ~ended & finite & (self.room[live] > step + 1)
        return bool(self.alive.any())

    def advance(self, model: Any, tokens: Tensor) -> None:
        """Let rows that ended leave, and run the last tokens of the others."""
        if not bool(self.alive.all()):
            keep = drop_rows(self.cache, self.alive)
            self.want, self.keys, self.room = self.want[keep], self.keys[keep], self.room[keep]
            self.padding, self.alive, tokens = self.padding[keep], self.alive[keep], tokens[keep]
        self.length += 1
        self.logits = self._forward(model, tokens[:, None], self.cache, self.length - 1)

    def results(self, stopper: Stopper, renderer: Renderer) -> list[Drawn]:
        """What was drawn, in the order of the wants."""
        lengths, stopped, failed = self.lengths.tolist(), self.stopped.tolist(), self.failed.tolist()
        rows = [row[:n] for row, n in zip(self.written.tolist(), lengths, strict=True)]
        return [
            Drawn(stopper.cut(text), tuple(row), "failed" if bad else "stop" if stop else "length")
            for text, row, stop, bad in zip(renderer.decode(rows), rows, stopped, failed, strict=True)
        ]
