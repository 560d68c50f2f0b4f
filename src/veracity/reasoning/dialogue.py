"""`Dialogue`: a conversation with the policy while it goes on, kept as the steps of a trajectory.

What the policy is asked with is made from the steps by the same function that later says what it saw, so a trajectory
cannot tell another story than the conversation did.
"""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.core.requests import Generate, Generated, Message, Sample
from veracity.core.trajectory import Step, StepKind, Trajectory, TrajectoryStatus, conversation_of
from veracity.reasoning.base import ReasoningSettings

_THOUGHTS = re.compile(r"\s*<(think|thinking|thought|thoughts|reasoning)>.*?(?:</\1>\s*|\Z)", re.DOTALL | re.IGNORECASE)
_BLOCK = re.compile(r"\s*\S.*?(?:\n[ \t]*\n\s*|\Z)", re.DOTALL)


def shown_order(problem: Problem, settings: ReasoningSettings) -> tuple[int, ...]:
    """Canonical indices of the options in the order to show them, by (seed, problem, replicate)."""
    order = list(range(len(problem.options)))
    if settings.shuffle:
        name = f"{problem.domain}/{problem.id}/{settings.replicate}"
        Random(derive_seed(settings.seed, "order of options", name)).shuffle(order)
    return tuple(order)


def posed(problem: Problem, settings: ReasoningSettings) -> str:
    """The problem in words, every option shown, and the remark of the settings after it."""
    text = problem.messages(shown_order(problem, settings))[0].content
    return f"{text}\n\n{settings.remark}" if settings.remark else text


def steps_of(
    sample: Sample,
    kind: StepKind = "response",
    *,
    trainable: bool = True,
    side: int | None = None,
    blocks: bool = False,
) -> tuple[Step, ...]:
    """A reply as steps: reasoning, returned apart or between tags at the start, and then the text.

    The contents of all steps but the one returned apart, joined, are the text of the reply, character by character.
    With `blocks` each block between blank lines is a step of its own.
    """
    apart = [sample.reasoning] if sample.reasoning.strip() else []
    steps = [Step(text, "reasoning", trainable=trainable, side=side, hidden=True, apart=True) for text in apart]
    thoughts = _THOUGHTS.match(sample.text)
    if thoughts:
        steps.append(Step(thoughts[0], "reasoning", trainable=trainable, side=side, hidden=True))
    text = sample.text[thoughts.end() :] if thoughts else sample.text
    pieces = (_BLOCK.findall(text) if blocks else []) or ([text] if text.strip() else [])
    return (*steps, *(Step(piece, kind, trainable=trainable, side=side) for piece in pieces))


class Dialogue:
    """One trajectory in the making."""

    def __init__(self, problem: Problem, settings: ReasoningSettings, *opening: str) -> None:
        """`opening` are the paragraphs of the user's first turn; none where the first step asks something."""
        system = [Message("system", settings.system)] if settings.system is not None else []
        asked = [Message("user", "\n\n".join(opening))] if opening else []
        self._opening = (*system, *asked)
        self._problem, self._settings = problem, settings
        self._steps: list[Step] = []
        self._status: TrajectoryStatus = "complete"
        self._tokens = 0

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation so far, as the policy sees it."""
        return conversation_of(self._opening, self._steps)

    def tell(self, text: str, kind: StepKind = "instruction", *, side: int | None = None) -> None:
        """A turn of the user."""
        self._steps.append(Step(text, kind, "user", trainable=False, side=side))

    def request(self) -> Generate:
        """The request for the policy's next turn."""
        sampling = self._settings.sampling
        seed = derive_seed(sampling.seed, "trajectory", self._settings.replicate) % 2**31
        return Generate(self._settings.role, self.messages, sampling=replace(sampling, seed=seed))

    def hear(
        self,
        reply: Generated,
        kind: StepKind = "response",
        *,
        trainable: bool = True,
        side: int | None = None,
        blocks: bool = False,
    ) -> None:
        """A turn of the policy; see `steps_of`."""
        sample = reply.samples[0]
        self._steps += steps_of(sample, kind, trainable=trainable, side=side, blocks=blocks)
        self._tokens += sample.output_tokens
        if sample.finish != "stop" and self._status == "complete":
            self._status = "truncated" if sample.finish == "length" else "filtered"

    def trajectory(self, *, target_tokens: int | None = None) -> Trajectory:
        """What came of it."""
        return Trajectory(
            problem=self._problem,
            mode="",  # the name under which it was opened; see `Mode.run`
            replicate=self._settings.replicate,
            opening=self._opening,
            steps=tuple(self._steps),
            order=shown_order(self._problem, self._settings),
            status=self._status,
            tokens=self._tokens,
            target_tokens=target_tokens,
            condition=self._settings.condition,
        )
