"""A Hugging Face causal language model in this process, as a backend: many short texts drawn or scored at once.

It keeps no cache between calls and no random state: what is computed twice is the ledger's business, and noise is a
pure function of the request (see `_sampling`). One call may hold thousands of requests; they are regrouped by length
and shared context, and answered group by group.
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch

from veracity.core.errors import CapabilityError, ContextLengthError, ModelError, NonFiniteError
from veracity.core.requests import (
    Ability,
    Call,
    Generate,
    Generated,
    Prompt,
    Reply,
    Sample,
    Sampling,
    Score,
    Scored,
    Usage,
)
from veracity.models.local import decoding, scoring
from veracity.models.local.cache import Limits, bytes_per_position
from veracity.models.local.decoding import Drawn, Want
from veracity.models.local.identity import model_identity, weights_version
from veracity.models.local.loading import choose_threads, read, running
from veracity.models.local.rendering import Joined, Rendered, Renderer
from veracity.models.local.sampling import noise_keys
from veracity.models.local.scoring import Tree
from veracity.models.local.stopping import Stopper
from veracity.models.price import FREE, Price

T = TypeVar("T")
Answer = tuple[int, Reply | Exception]

_ROWS = {"cpu": 1024, "cuda": 2048}
_TOKENS = {"cpu": 1024, "cuda": 65536}
"""Rows drawn, and tokens run, at once: on a CPU as much as stays near the processor."""
_LOGITS = {"cpu": 1 << 24, "cuda": 1 << 28}
"""Cells of logits held at once in scoring."""
_MEMORY_SHARE = 0.3
"""Share of the free memory that the key/value cache may take."""


class LocalModel:
    """A causal language model with its tokenizer; make one with `load` or `wrap`.

    Attributes:
        name: for people to read.
        threads: CPU threads used while this model runs.
        model: the torch module.
        tokenizer: its tokenizer.
    """

    def __init__(self, model: Any, tokenizer: Any, *, name: str, threads: int | None = None) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self._weights = tuple(model.parameters())  # once: walking the modules costs more than a cached answer
        parameters = sum(p.numel() for p in self._weights)
        self.threads = threads or choose_threads(parameters, model.device)
        self._small = parameters < 50_000_000
        self._renderer = Renderer(tokenizer, name)
        self._ends = _end_marks(model, tokenizer)
        self._computing = threading.Lock()
        self._vocabulary = int(model.get_output_embeddings().weight.shape[0])
        self._identity: tuple[int, str] | None = None
        self._context_length = getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)

    @classmethod
    def load(
        cls,
        path_or_id: str | Path,
        *,
        device: str | None = None,
        dtype: str | None = None,
        attention: str | None = None,
        threads: int | None = None,
        name: str | None = None,
    ) -> LocalModel:
        """Read a Hugging Face folder, or fetch a hub id.

        Args:
            path_or_id: folder with config.json, weights and tokenizer; or an id like `org/name`.
            device: `cuda` where there is one, else `cpu`.
            dtype: `bfloat16` on CUDA (`float16` where it lacks that), `float32` on a CPU.
            attention: the library's name of an attention kernel; its own choice for this model by default.
            threads: one for models under 50 million parameters, else the measured idle cores.
            name: what people call it; `path_or_id` by default.

        Raises:
            ModelError: no such folder, no weights, no tokenizer, or the library cannot read them.
        """
        model, tokenizer = read(str(path_or_id), device, dtype, attention)
        return cls(model, tokenizer, name=name or str(path_or_id), threads=threads)

    @classmethod
    def wrap(cls, model: Any, tokenizer: Any, *, name: str, threads: int | None = None) -> LocalModel:
        """Use a model that is in memory, as between two epochs of its training; it is left in its training mode."""
        return cls(model, tokenizer, name=name, threads=threads)

    @property
    def identity(self) -> str:
        """Content hash of weights, configuration, tokenizer and chat template; made when first asked for.

        Made anew if the weights were trained since.
        """
        version = weights_version(self._weights)
        if self._identity is None or self._identity[0] != version:
            self._identity = (version, model_identity(self.model, self.tokenizer, self._ends))
        return self._identity[1]

    @property
    def abilities(self) -> frozenset[Ability]:
        """Generation and scoring; conversations where there is a chat template."""
        return frozenset({"generate", "score", "chat"} if self._renderer.has_chat else {"generate", "score"})

    @property
    def batch_size(self) -> int:
        """Calls wanted at once: many, since they are sorted by length and grouped by context."""
        return 2048 if self._small else 256

    @property
    def parallel(self) -> int:
        """One: the model is in this process."""
        return 1

    @property
    def context_length(self) -> int | None:
        """Most tokens of prompt and text together; None where the configuration names no limit."""
        return self._context_length

    @property
    def price(self) -> Price:
        """Nothing is charged for a model in this process."""
        return FREE

    def count_tokens(self, prompt: Prompt) -> int:
        """Tokens of `prompt` as the model sees it, template and start mark included."""
        return len(self._renderer.encode([self._renderer.render(prompt)])[0])

    async def answer(self, calls: Sequence[Call]) -> AsyncIterator[Answer]:
        """Answer each call once, in groups as they are ready; an error concerns its own call alone."""
        groups = self._answers(calls)
        while (group := await asyncio.to_thread(self._next, groups)) is not None:
            for item in group:
                yield item

    def generate(
        self,
        prompts: Sequence[Prompt],
        n: int = 1,
        sampling: Sampling | None = None,
        replicates: Sequence[int] | None = None,
    ) -> list[list[Sample]]:
        """Draw `n` texts a prompt (or those numbered `replicates`); the first error of any prompt is raised.

        Returns:
            For each prompt, its samples in the order of the replicates.
        """
        numbers = tuple(range(n) if replicates is None else replicates)
        sampling = sampling or Sampling()
        calls = [Call(i, Generate("", p, len(numbers), sampling), numbers) for i, p in enumerate(prompts)]
        return [list(reply.samples) for reply in self._all(calls, Generated)]

    def continued(
        self, prompts: Sequence[Sequence[int]], keys: Sequence[int], sampling: Sampling
    ) -> list[tuple[int, ...]]:
        """Token ids drawn after each row of token ids, end mark included; for trainers, which have rendered before.

        Args:
            prompts: token ids, as the model is to see them; equal rows share their prefill.
            keys: what names each row's noise, 63 bits; the same key and prompt give the same tokens.
            sampling: how to draw; its seed plays no part.

        Raises:
            ContextLengthError: a prompt leaves no room for one token.
            NonFiniteError: the model gave NaN or infinity.
        """
        rooms = [
            self._check_length(len(ids) + 1, f"a prompt of {len(ids)} tokens and one for the answer") for ids in prompts
        ]
        wants = [
            Want(tuple(ids), key, min(1 + room, sampling.max_tokens))
            for ids, key, room in zip(prompts, keys, rooms, strict=True)
        ]
        stopper = Stopper(self._renderer, sampling.stop, self._ends, self._vocabulary, self.model.device)
        found: dict[int, Drawn] = {}
        with self._computing, running(self.model, self.threads):
            for batch in decoding.batches(wants, self._limits()):
                rows = [wants[i] for i in batch]
                found.update(
                    zip(batch, decoding.decode(self.model, rows, sampling, stopper, self._renderer), strict=True)
                )
        if any(drawn.finish == "failed" for drawn in found.values()):
            raise NonFiniteError(_not_finite(self.name))
        return [found[i].ids for i in range(len(wants))]

    def score(self, pairs: Sequence[tuple[Prompt, str]]) -> list[Scored]:
        """Token log-probabilities of (prompt, continuation) pairs, in order; the first error of any is raised."""
        calls = [Call(i, Score("", prompt, continuation)) for i, (prompt, continuation) in enumerate(pairs)]
        return self._all(calls, Scored)

    def _next(self, groups: Iterator[list[Answer]]) -> list[Answer] | None:
        """The next group, computed when no other thread computes: one that was abandoned may still be at work."""
        with self._computing:
            return next(groups, None)

    def _all(self, calls: Sequence[Call], kind: type[T]) -> list[T]:
        replies: dict[int, T] = {}
        groups = self._answers(calls)
        while (group := self._next(groups)) is not None:
            for i, reply in group:
                if isinstance(reply, Exception):
                    raise reply
                if isinstance(reply, kind):
                    replies[i] = reply
        return [replies[c.id] for c in calls]

    def _answers(self, calls: Sequence[Call]) -> Iterator[list[Answer]]:
        """Groups of answers; generation first, one pass for each way of sampling (the seed is no part of it)."""
        ways: dict[Sampling, list[Call]] = {}
        scores: list[Call] = []
        refused: list[Answer] = []
        for call in calls:
            if isinstance(call.request, Generate):
                ways.setdefault(replace(call.request.sampling, seed=0), []).append(call)
            elif isinstance(call.request, Score):
                scores.append(call)
            else:
                kind = type(call.request).__name__
                refused.append((call.id, CapabilityError(f"{self.name} generates and scores; it cannot {kind}")))
        if refused:
            yield refused
        for sampling, members in ways.items():
            yield from self._generations(members, sampling)
        if scores:
            yield from self._scores(scores)

    def _rendered(self, calls: Sequence[Call]) -> tuple[list[tuple[Call, Rendered]], list[Answer]]:
        """Calls with their prompts as text, and the answers to those whose prompt cannot be rendered."""
        good: list[tuple[Call, Rendered]] = []
        errors: list[Answer] = []
        memory: dict[Prompt, Rendered] = {}
        for call in calls:
            prompt: Prompt = call.request.prompt  # type: ignore[union-attr]
            try:
                if prompt not in memory:
                    memory[prompt] = self._renderer.render(prompt)
                good.append((call, memory[prompt]))
            except CapabilityError as error:
                errors.append((call.id, error))
        return good, errors

    def _check_length(self, tokens: int, what: str) -> int:
        """How many more tokens fit after these; ContextLengthError where they do not fit themselves."""
        limit = self.context_length
        if limit is None:
            return sys.maxsize
        if tokens > limit:
            raise ContextLengthError(
                f"{what} is longer than the context of {self.name}, {limit} tokens; "
                "shorten it or use a model with a longer context (nothing is cut silently)"
            )
        return limit - tokens

    def _generations(self, calls: Sequence[Call], sampling: Sampling) -> Iterator[list[Answer]]:
        """Answer `Generate` calls that sample alike; a call is answered when its last text is drawn."""
        good, refused = self._rendered(calls)
        wants: list[Want] = []
        owners: list[tuple[_Job, int]] = []
        for (call, prompt), ids in zip(good, self._renderer.encode([p for _, p in good]), strict=True):
            try:
                room = 1 + self._check_length(len(ids) + 1, f"a prompt of {len(ids)} tokens and one for the answer")
            except ContextLengthError as error:
                refused.append((call.id, error))
                continue
            job = _Job(call, len(ids), [None] * len(call.replicates))
            keys = noise_keys(_sampling(call).seed, prompt.text, call.replicates)
            wants += [Want(tuple(ids), key, min(room, sampling.max_tokens)) for key in keys]
            owners += [(job, place) for place in range(len(keys))]
        if refused:
            yield refused
        stopper = Stopper(self._renderer, sampling.stop, self._ends, self._vocabulary, self.model.device)
        for batch in decoding.batches(wants, self._limits()):
            with running(self.model, self.threads):
                drawn = decoding.decode(self.model, [wants[i] for i in batch], sampling, stopper, self._renderer)
            for i, text in zip(batch, drawn, strict=True):
                job, place = owners[i]
                job.drawn[place] = text
            touched = {owners[i][0].call.id: owners[i][0] for i in batch}
            if ready := [(key, job.reply(self.name)) for key, job in touched.items() if None not in job.drawn]:
                yield ready

    def _scores(self, calls: Sequence[Call]) -> Iterator[list[Answer]]:
        """Answer `Score` calls; those with the same prompt share its run."""
        good, answers = self._rendered(calls)
        pairs = [(prompt, _continuation(call)) for call, prompt in good]
        kept: list[tuple[Call, Rendered, Joined]] = []
        for (call, prompt), joined in zip(good, self._renderer.join(pairs), strict=True):
            try:
                if isinstance(joined, CapabilityError):
                    raise joined
                self._check_length(len(joined.ids), f"a prompt with its continuation, {len(joined.ids)} tokens,")
            except ModelError as error:
                answers.append((call.id, error))
                continue
            if joined.start < len(joined.ids):
                kept.append((call, prompt, joined))
            else:
                answers.append((call.id, Scored((), (), Usage(len(joined.ids)))))
        if answers:
            yield answers
        trees = scoring.grow_trees([joined for _, _, joined in kept], [prompt for _, prompt, _ in kept])
        for values in self._score_trees(trees):
            yield [(kept[i][0].id, self._scored(kept[i][2], logprobs)) for i, logprobs in values.items()]

    def _score_trees(self, trees: Sequence[Tree]) -> Iterator[dict[int, list[float]]]:
        """Log-probabilities by sequence: packed where the attention allows it, else through an expanded cache."""
        packable, others = scoring.packable(trees, self.model.config)
        limits = self._limits()
        for batch in scoring.batches(packable, limits):
            with running(self.model, self.threads):
                values = scoring.score_packed(self.model, batch)
            yield values
        for batch in scoring.batches(others, limits, equal_prefix=True):
            with running(self.model, self.threads):
                values = scoring.score_expanded(self.model, batch)
            yield values

    def _scored(self, joined: Joined, logprobs: Sequence[float]) -> Reply | Exception:
        if not all(map(math.isfinite, logprobs)):
            return NonFiniteError(_not_finite(self.name))
        tokens = tuple(self._renderer.piece(i) for i in joined.ids[joined.start :])
        return Scored(tokens, tuple(logprobs), Usage(len(joined.ids)))

    def _limits(self) -> Limits:
        """What fits at once on this device at this moment."""
        device = self.model.device
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
        position = bytes_per_position(self.model.config, self.model.dtype)
        kind = "cuda" if device.type == "cuda" else "cpu"
        return Limits(
            rows=_ROWS[kind],
            tokens=_TOKENS[kind],
            positions=max(1, int(_MEMORY_SHARE * free) // position),
            reads=max(1, _LOGITS[kind] // self._vocabulary),
        )


@dataclass(slots=True)
class _Job:
    """A `Generate` call under way: its texts arrive in any order."""

    call: Call
    prompt_tokens: int
    drawn: list[Drawn | None]

    def reply(self, name: str) -> Reply | Exception:
        """The answer, when every text is there."""
        texts = [d for d in self.drawn if d is not None]
        if any(d.finish == "failed" for d in texts):
            return NonFiniteError(_not_finite(name))
        samples = tuple(Sample(d.text, d.finish, d.tokens) for d in texts if d.finish != "failed")
        return Generated(samples, Usage(self.prompt_tokens, sum(d.tokens for d in texts)))


def _sampling(call: Call) -> Sampling:
    return call.request.sampling if isinstance(call.request, Generate) else Sampling()


def _continuation(call: Call) -> str:
    return call.request.continuation if isinstance(call.request, Score) else ""


def _not_finite(name: str) -> str:
    return (
        f"{name} gave logits that are not finite (NaN or infinity): its training diverged, or its dtype is too narrow; "
        "try dtype='float32' or an earlier checkpoint"
    )


def _end_marks(model: Any, tokenizer: Any) -> frozenset[int]:
    """Token ids that end a text, from generation settings, configuration and tokenizer together."""
    found: set[int] = set()
    sources = (getattr(model, "generation_config", None), model.config.get_text_config(decoder=True), tokenizer)
    for source in sources:
        ids = getattr(source, "eos_token_id", None)
        found.update(ids if isinstance(ids, list | tuple) else [] if ids is None else [ids])
    return frozenset(found)
