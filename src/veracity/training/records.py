"""What trainers are given: prompts, demonstrations, preferences, labels, and how sampled completions come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from veracity.core.judged import Group
from veracity.core.requests import Message
from veracity.rewards.base import Reward


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation to answer; it ends with the turn before the answer."""

    item: str
    """Id of the problem."""
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """An answer to imitate."""

    item: str
    messages: tuple[Message, ...]
    response: str


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two answers to one prompt, of which the first is the better."""

    item: str
    messages: tuple[Message, ...]
    chosen: str
    rejected: str
    margin: float
    """Score of the chosen one less that of the rejected one, > 0, in the scorer's unit."""


@dataclass(frozen=True, slots=True)
class LabelledResponse:
    """An answer that is wanted or not, without another one to compare it with."""

    item: str
    messages: tuple[Message, ...]
    response: str
    desirable: bool


@dataclass(frozen=True, slots=True)
class Completion:
    """A text that the model in training sampled."""

    text: str
    tokens: int
    """Generated tokens, the end mark included."""
    truncated: bool
    """Whether it ended at the token limit."""


@dataclass(frozen=True, slots=True)
class RewardPart:
    """A reward and its weight in the sum."""

    reward: Reward
    weight: float


Judge = Callable[[Sequence[tuple[str, Sequence[Completion]]]], Sequence[Group]]
"""Item ids, each with its completions → the judged groups in that order; called once for a batch of generations."""
