"""`SimulatedAgent`: a policy behind the protocol of every other model.

Each reply is a pure function of (the agent's identity, the request's content, the replicate's number), so neither
order nor batching changes anything. It counts words where others count tokens, and costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random

from veracity.core.errors import CapabilityError, EmptyReplyError, ModelError
from veracity.core.identity import content_hash, derive_seed
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
    request_hash,
)
from veracity.models.price import FREE, Price
from veracity.models.simulated.case import Case, consider
from veracity.models.simulated.knowledge import Knowledge, Memory, open_knowledge
from veracity.models.simulated.policy import Policy
from veracity.models.simulated.reading import read
from veracity.models.simulated.scoring import score

PROTOCOL = 5
"""Raised whenever any policy reads or speaks differently, so that recorded replies are not taken for its own."""


@dataclass(frozen=True)
class SimulatedAgent:
    """An agent that follows `policy`, with the facts that the policy names or with `knowledge`."""

    name: str
    policy: Policy
    knowledge: Knowledge | None = None
    abilities: frozenset[Ability] = field(default_factory=lambda: frozenset({"generate", "chat", "score"}))
    batch_size: int = 256
    parallel: int = 1
    price: Price = FREE

    @cached_property
    def memory(self) -> Memory:
        """What the agent remembers. Raises ConfigError or DataError where the facts cannot be had."""
        policy = self.policy
        facts = self.knowledge or open_knowledge(policy.facts)
        return Memory(facts, policy.seed, policy.share, policy.accuracy, policy.exposure)

    @cached_property
    def identity(self) -> str:
        """Content hash of the protocol's version, the policy with its options, and the facts."""
        options = {name: getattr(self.policy, name) for name in self.policy.option_types() if name != "facts"}
        kind = f"{type(self.policy).__module__}.{type(self.policy).__qualname__}"
        return content_hash(["simulated agent", PROTOCOL, kind, options, self.memory.knowledge.identity])

    async def answer(self, calls: Sequence[Call]) -> AsyncIterator[tuple[int, Reply | Exception]]:
        """Yield each call's reply in the order of the calls."""
        for call in calls:
            try:
                yield call.id, self._reply(call)
            except ModelError as error:
                yield call.id, error

    def case(self, prompt: Prompt) -> Case:
        """What the agent makes of a prompt, before its policy; for looking inside."""
        return consider(read(prompt), self.memory, guesses=self.policy.guesses)

    def _reply(self, call: Call) -> Reply:
        request = call.request
        if isinstance(request, Generate):
            case, key = self.case(request.prompt), f"{self.identity} {request_hash(request)}"
            samples = tuple(self._sample(request.sampling, case, key, replicate) for replicate in call.replicates)
            written = sum(s.output_tokens for s in samples)
            return Generated(samples, Usage(_length(request.prompt), written), self.name)
        if isinstance(request, Score):
            pairs = score(self.policy, self.case(request.prompt), request)
            usage = Usage(_length(request.prompt) + len(pairs))
            return Scored(tuple(w for w, _ in pairs), tuple(p for _, p in pairs), usage)
        raise CapabilityError(
            f"{self.name} can generate and score, but not {type(request).__name__.lower()}: use another model for that"
        )

    def _sample(self, sampling: Sampling, case: Case, key: str, replicate: int) -> Sample:
        text = self.policy.reply(case, sampling, Random(derive_seed(self.policy.seed, key, replicate)))
        if not text.strip():
            raise EmptyReplyError(f"{self.name} has nothing to say to this prompt: give it a user's turn")
        return _ended(text, sampling)


def _ended(text: str, sampling: Sampling) -> Sample:
    """The text up to the first stop string and the limit of words."""
    cut = min((at for stop in sampling.stop if (at := text.find(stop)) >= 0), default=len(text))
    words = re.findall(r"\s*\S+", text[:cut])
    if len(words) > sampling.max_tokens:
        return Sample("".join(words[: sampling.max_tokens]), "length", sampling.max_tokens)
    return Sample(text[:cut], "stop", len(words))


def _length(prompt: Prompt) -> int:
    texts = [prompt] if isinstance(prompt, str) else [m.content for m in prompt]
    return sum(len(text.split()) for text in texts)
