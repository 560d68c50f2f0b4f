"""`Trajectory`: how a model came to its answer, step by step, with what it saw before each step.

A trajectory is a conversation cut into steps. Consecutive steps of the assistant are one turn: joined, their contents
are the reply as it came, so nothing of what the model wrote is lost or reworded. A hidden step (reasoning) is part of
its own turn only: later turns of the conversation do not repeat it, as chat models never see their earlier reasoning.

Training samples are made from steps marked trainable; instructions, interviewers and auxiliary answers are history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from veracity.core.identity import content_hash
from veracity.core.problem import Problem
from veracity.core.requests import Message

StepKind = Literal["instruction", "auxiliary", "reasoning", "response", "argument", "summary"]
"""`instruction`: what the model is told or asked on the way. `auxiliary`: its answer to another question than the
problem's. `reasoning`: thinking that is apart from the answer. `response`: (a block of) its answer. `argument`: a turn
of a debate, for one side. `summary`: its conclusion after a debate."""

TrajectoryStatus = Literal["complete", "truncated", "filtered"]
"""`truncated`: a reply ended at the token limit; `filtered`: a provider withheld part of one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of a trajectory."""

    content: str
    """As it was written, white space at its ends included."""
    kind: StepKind = "response"
    speaker: Literal["user", "assistant"] = "assistant"
    trainable: bool = True
    side: int | None = None
    """Canonical index of the option that the step argues for, or is told to; None outside a debate."""
    hidden: bool = False
    """Whether later turns do not see it: reasoning."""
    apart: bool = False
    """Whether the provider returned it beside the text, so that it stands in no turn of the conversation at all."""

    def __post_init__(self) -> None:
        if self.trainable and self.speaker != "assistant":
            raise ValueError(f"a trainable step of the {self.speaker}; only what the assistant wrote is trained on")


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """A conversation and the assistant's continuation of it; `prompt` may end with a turn that was begun."""

    prompt: tuple[Message, ...]
    completion: str
    reasoning: str = ""
    """Reasoning that was returned beside the completion; empty where there was none."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """How one problem was reasoned about, once."""

    problem: Problem
    mode: str
    """The reasoning mode as it was named, with its options: `self_debate?turns=6`."""
    replicate: int
    opening: tuple[Message, ...]
    """What the policy saw before the first step: the problem, with a system message where the mode was given one."""
    steps: tuple[Step, ...]
    order: tuple[int, ...] = ()
    """Canonical indices of the options in the order in which they were shown."""
    status: TrajectoryStatus = "complete"
    tokens: int = 0
    """Tokens that the policy generated, its reasoning and auxiliary answers included."""
    target_tokens: int | None = None
    """Length that was asked for; None where none was."""
    condition: str = "neutral"
    """What the problem was changed by: `neutral`, or the name of an experimental arm (an opinion that was added)."""
    prompt_hash: str = ""
    """Content hash of the mode, its options and the prompt files that it uses."""

    def identity(self, model: str) -> str:
        """The trajectory's id, given its policy's identity: a content hash of all that was asked and written."""
        return content_hash(["trajectory", model, self])

    @property
    def answer(self) -> str:
        """What the policy answers in the end: its last visible turn; empty where there is none."""
        last = list(_turns(self.steps))[-1:]
        return _visible(last[0]).strip() if last and last[0][0].speaker == "assistant" else ""

    @property
    def points(self) -> tuple[int, ...]:
        """After how many steps a belief can have changed: 1 to `len(steps)`, after each step of the assistant."""
        return tuple(count for count, step in enumerate(self.steps, start=1) if step.speaker == "assistant")

    def seen(self, step: int) -> tuple[Message, ...]:
        """What the policy saw before the step at index `step` (from 0); its own turn may be begun already.

        Raises:
            IndexError: there is no such step.
        """
        if not 0 <= step < len(self.steps):
            raise IndexError(f"step {step} of a trajectory of {len(self.steps)}")
        return conversation_of(self.opening, self.steps[:step], begun=self.steps[step].speaker == "assistant")

    def samples(self) -> tuple[TrainingSample, ...]:
        """One training sample a run of trainable steps within a turn, after all that the policy saw before it."""
        found = []
        for trainable, run in groupby(enumerate(self.steps), key=lambda at: (at[1].trainable, at[1].speaker)):
            places = list(run)
            completion = "".join(step.content for _, step in places if not step.apart)
            if trainable[0] and completion:
                reasoning = "".join(step.content for _, step in places if step.apart)
                found.append(TrainingSample(self.seen(places[0][0]), completion, reasoning))
        return tuple(found)


def conversation_of(opening: Sequence[Message], steps: Sequence[Step], *, begun: bool = False) -> tuple[Message, ...]:
    """`opening` and `steps` as the policy sees them when it speaks next.

    With `begun` the last turn, if it is the assistant's, goes on: its hidden steps are still seen then.
    """
    messages, turns = list(opening), list(_turns(steps))
    for number, turn in enumerate(turns, start=1):
        speaker = turn[0].speaker
        whole = begun and number == len(turns) and speaker == "assistant"
        text = "".join(step.content for step in turn if not step.apart) if whole else _visible(turn)
        if text and speaker == "user" and messages and messages[-1].role == "user":
            messages[-1] = Message("user", f"{messages[-1].content}\n\n{text}")
        elif text:
            messages.append(Message(speaker, text))
    return tuple(messages)


def _turns(steps: Sequence[Step]) -> Iterator[list[Step]]:
    return (list(turn) for _, turn in groupby(steps, key=lambda step: step.speaker))


def _visible(turn: Sequence[Step]) -> str:
    return "".join(step.content for step in turn if not step.hidden)
