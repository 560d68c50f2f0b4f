"""A person as a model: questions are shown one at a time, and what the person writes is the answer.

How questions reach a person is a `Desk`'s affair: the terminal is one, a page in a browser can be another. The model
around it keeps the protocol: an empty answer is asked again, a skipped question is a named failure, and leaving stops
the run as Ctrl-C does: what was answered is in the ledger, and the same run later goes on with the next question.

Who answers is part of the identity, so that one person's answers are never taken for another's; so is whether the
person was blinded. A blinded person sees neither system prompts nor the role that is being played, and hence not which
part of an experiment a question comes from; names within the conversation's own text are shown as they stand.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from veracity.core.errors import CapabilityError, SkippedError
from veracity.core.identity import content_hash
from veracity.core.requests import (
    Ability,
    Call,
    Generate,
    Generated,
    Message,
    PartialReplyError,
    Prompt,
    Reply,
    Sample,
)
from veracity.models.price import FREE, Price

if TYPE_CHECKING:
    from rich.console import Console

END, SKIP, QUIT = ".", ":skip", ":quit"
"""Lines that a person types by themselves: the answer is complete; no answer to this question; no more questions."""

_NO_ROLES = ("", "assistant")
"""Roles that are not shown: whoever answers is the protocol's assistant, also who plays the user of a conversation."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is shown."""

    number: int
    """From 1, in the order in which this desk was asked."""
    messages: tuple[Message, ...]
    """The conversation to answer, without what a blinded person may not see."""
    role: str = ""
    """The role that the person plays; empty if the person is blinded."""
    note: str = ""
    """Why it is asked again; empty the first time."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a person did with a question; `text` counts only for an answer."""

    act: Literal["answer", "skip", "quit"]
    text: str = ""


class Desk(Protocol):
    """Where a person sits: shows one question and waits for what the person does."""

    async def ask(self, question: Question) -> Response:
        """Show `question`; cancelling the wait takes it back."""
        ...


@dataclass(slots=True)
class HumanModel:
    """A person who plays a role. Stop strings, lengths and temperatures mean nothing to a person and are ignored."""

    desk: Desk
    who: str = ""
    """A name or a pseudonym that tells this person from others; kept in the identity as a hash only."""
    blind: bool = False
    """Hide system prompts and the role's name."""
    abilities: frozenset[Ability] = frozenset({"chat"})
    batch_size: int = 1
    parallel: int = 1
    samples_per_call: int = 1
    _asked: int = 0

    @property
    def name(self) -> str:
        """For people to read."""
        return f"human {self.who}".strip()

    @property
    def identity(self) -> str:
        """Hash of who answers, and whether blinded."""
        return content_hash(["human", self.who, self.blind])

    @property
    def price(self) -> Price:
        """Nothing that Veracity pays for."""
        return FREE

    @property
    def uses_terminal(self) -> bool:
        """Whether the person reads and types at a terminal, on which nothing else should be drawn."""
        return isinstance(self.desk, Terminal)

    async def answer(self, calls: Sequence[Call]) -> AsyncIterator[tuple[int, Reply | Exception]]:
        """Yield each call's reply, one after the other.

        Raises:
            KeyboardInterrupt: the person leaves.
        """
        for call in calls:
            yield call.id, await self._reply(call)

    async def _reply(self, call: Call) -> Reply | Exception:
        if not isinstance(call.request, Generate):
            return CapabilityError(f"{self.name} can write answers only, not serve a {type(call.request).__name__}")
        prompt, role = call.request.prompt, call.request.role
        parts = {replicate: await self._one(prompt, role) for replicate in call.replicates}
        samples = [part.samples[0] for part in parts.values() if isinstance(part, Generated)]
        if len(samples) == len(parts):
            return Generated(tuple(samples))
        return PartialReplyError(parts) if len(parts) > 1 else next(iter(parts.values()))

    async def _one(self, prompt: Prompt, role: str) -> Generated | Exception:
        """One answer that is not empty, or that the person skipped the question."""
        self._asked += 1
        messages, note = self._visible(prompt), ""
        while True:
            response = await self.desk.ask(Question(self._asked, messages, "" if self.blind else role, note))
            if response.act == "quit":
                raise KeyboardInterrupt
            if response.act == "skip":
                return SkippedError(f"{self.name} skipped question {self._asked}")
            if response.text.strip():
                return Generated((Sample(response.text.strip(), "stop", 0),))
            note = "That was empty. Write an answer, or skip the question."

    def _visible(self, prompt: Prompt) -> tuple[Message, ...]:
        messages = (Message("user", prompt),) if isinstance(prompt, str) else prompt
        return tuple(m for m in messages if not (self.blind and m.role == "system"))


class Terminal:
    """A desk at a terminal, or at the ends of two pipes.

    An answer has as many lines as it needs and ends with a line that holds one dot, or with the end of the input; a
    line of it that begins with a dot is written with two. `:skip` and `:quit` count on the first line only. The end of
    the input in place of an answer is a `:quit`.
    """

    def __init__(self, descriptor: int = 0, console: Console | None = None) -> None:
        self._lines = _Lines(descriptor)
        self._console = console

    async def ask(self, question: Question) -> Response:
        """Draw the conversation, and read until the answer ends."""
        console = self._console = self._console or _console()
        show(question, console)
        lines: list[str] = []
        async for line in self._lines.read():
            if not lines and line.strip() in (SKIP, QUIT):
                return Response("skip" if line.strip() == SKIP else "quit")
            if line.rstrip() == END:
                return Response("answer", "\n".join(lines))
            lines.append(line.removeprefix(".") if line.startswith("..") else line)
        if lines:
            return Response("answer", "\n".join(lines))
        with suppress(OSError):  # a terminal that was hung up shows nothing any more
            console.print(
                f"The input ended before question {question.number} was answered, which ends the run. What was "
                "answered is kept where there is a ledger: the same again goes on from there.",
                style="yellow",
            )
        return Response("quit")


def show(question: Question, console: Console) -> None:
    """The conversation with one panel a turn; after a note, the note alone."""
    from rich.panel import Panel
    from rich.text import Text

    if question.note:
        console.print(Text(question.note, style="yellow"))
        return
    role = "" if question.role in _NO_ROLES else f" · you are the {question.role}"
    console.rule(f"Question {question.number}{role}")
    titles = {"system": "instructions", "user": "to you", "assistant": "your side", "tool": "tool"}
    for message in question.messages:
        console.print(Panel(Text(message.content), title=titles[message.role], title_align="left"))
    console.print(Text(f"Your answer; a line with {END} ends it, {SKIP} skips the question, {QUIT} leaves.", "dim"))


@dataclass(slots=True)
class _Lines:
    """Lines of a file descriptor as they come, without a thread: a wait for a person can be taken back."""

    descriptor: int
    _rest: bytearray = field(default_factory=bytearray)

    async def read(self) -> AsyncIterator[str]:
        """Lines without their ends, until the input ends; what is left after a line is kept for the next read."""
        while True:
            while (end := self._rest.find(b"\n")) >= 0:
                line = self._rest[:end].decode("utf-8", "replace")
                del self._rest[: end + 1]
                yield line.rstrip("\r")
            piece = await self._piece()
            if not piece:
                break
            self._rest += piece
        if self._rest:
            line = self._rest.decode("utf-8", "replace")
            self._rest.clear()
            yield line

    async def _piece(self) -> bytes:
        """What can be read now; empty at the end. A terminal that was hung up has ended."""
        await self._readable()
        with suppress(OSError):
            return os.read(self.descriptor, 65536)
        return b""

    async def _readable(self) -> None:
        """Wait until there is something; an ordinary file always has."""
        if stat.S_ISREG(os.fstat(self.descriptor).st_mode):
            return
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        try:
            loop.add_reader(self.descriptor, ready.set)
        except (NotImplementedError, PermissionError):  # event loops of Windows, /dev/null: wait in the read itself
            return
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self.descriptor)


def _console() -> Console:
    """On the error stream: standard output belongs to the command's results and its progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)
