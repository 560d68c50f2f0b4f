"""The Python API: `veracity.load(spec)` gives a `Model`; ask it in a line, in a notebook or by the thousand.

What is asked is a text, a conversation, a `Problem`, or a (domain, n) pair; an agent is given a task. Every method that
waits has an async twin with an `a` before its name. The waiting ones may be called anywhere, in a notebook's running
event loop too: the work is done in a loop of Veracity's own.

Nothing paid is lost: replies are written to the ledger as they arrive (`.veracity/ledger.sqlite` in the working folder
unless told otherwise), so asking the same again costs nothing and gives the same. Nothing is an empty string: one
question that fails raises its error; among many, it gives a `Failure` in its place and leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, Unpack, cast, overload

from veracity._questions import (
    Asked,
    Conversation,
    Drawn,
    Question,
    SamplingOptions,
    all_asked,
    as_asked,
    changed_sampling,
    is_drawn,
    places_of,
)
from veracity._running import LedgerChoice, Running, raised, shared
from veracity.core.conversation import conversation
from veracity.core.errors import ConfigError, EmptyReplyError
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import (
    Ability,
    Act,
    Acted,
    Backend,
    Embed,
    Embedded,
    FinishReason,
    Generate,
    Generated,
    Message,
    Program,
    Sample,
    Sampling,
    Score,
    Scored,
)
from veracity.engine import Budget, Plan, Progress, Tally
from veracity.engine.background import BACKGROUND
from veracity.engine.steps import failure
from veracity.models.resolve import open_model
from veracity.models.wrapped import Example, with_examples, with_system

T = TypeVar("T")

_ROLE = "assistant"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said to a problem."""

    problem: Problem
    messages: tuple[Message, ...]
    """What it was asked; a system prompt or examples of the model itself come before these."""
    text: str
    """Without the white space around it."""
    finish: FinishReason
    reasoning: str
    """Reasoning that a provider returns apart from the answer; empty where there is none."""
    model: str
    """Identity of the model."""


def load(
    spec: str,
    *,
    ledger: LedgerChoice = "default",
    budget: Budget | None = None,
    progress: Callable[[Progress], None] | None = None,
    **sampling: Unpack[SamplingOptions],
) -> Model:
    """The model that `spec` names.

    `tiny`, `hf/<folder or hub id>`, `openai/<id>`, `human`, …; options follow the name, as in `tiny?system=careful`.

    Args:
        spec: The model's name.
        ledger: Where replies are recorded: a ledger or the path of one; by default the project's own. None records
            nothing: each call asks anew.
        budget: What this model may spend.
        progress: Hears how each call goes on, at most ten times a second.
        **sampling: How text is drawn unless a call says otherwise: temperature, top_p, top_k, max_tokens, stop, seed.

    Raises:
        ConfigError: no such model, option or way of sampling; or there is no key for its provider.
        ModelError: the model exists and cannot be loaded.
    """
    drawn = changed_sampling(Sampling(), sampling)  # a wrong option is found before a model is read
    return Model(open_model(spec), ledger=ledger, budget=budget, progress=progress, sampling=drawn, spec=spec)


class Model:
    """A backend with a ledger and a way of drawing; make one with `veracity.load`, or around a backend of your own.

    Models work side by side: `await asyncio.gather(a.ainfer_many(xs), b.ainfer_many(xs))`. Calls of one model that
    overlap share its batches. Asked the same twice, a model gives the same answer from the ledger; for another draw
    give another `seed`, or repeat the question within one `infer_many`.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        ledger: LedgerChoice = "default",
        budget: Budget | None = None,
        progress: Callable[[Progress], None] | None = None,
        sampling: Sampling | None = None,
        spec: str | None = None,
    ) -> None:
        self.spec = spec
        """The name that it was loaded by; None for a backend of one's own, and for what `with_…` makes."""
        self._backend = shared(backend)
        self._sampling = Sampling() if sampling is None else sampling
        self._limits = {"budget": budget, "progress": progress}
        self._running = Running({_ROLE: self._backend}, ledger, budget, progress)

    def __repr__(self) -> str:
        return f"Model({self.name})"

    @property
    def name(self) -> str:
        """For people to read."""
        return self._backend.name

    @property
    def identity(self) -> str:
        """Content hash that the ledger records its answers under."""
        return self._backend.identity

    @property
    def abilities(self) -> frozenset[Ability]:
        """What may be asked of it."""
        return self._backend.abilities

    @property
    def backend(self) -> Backend:
        """Whoever answers."""
        return self._backend

    @property
    def spent(self) -> Tally:
        """Calls, tokens and US dollars that this model has cost; what the ledger gave is free."""
        return self._running.engine.spent

    def like(self, spec: str) -> Model:
        """The model that `spec` names, with this one's ledger, limits and way of drawing. Errors as of `load`."""
        return self._wrapped(open_model(spec), spec)

    def with_system(self, prompt: str) -> Model:
        """This model under the system prompt with the id `prompt`, as `careful` or `careful.v1`; `none` takes it away.

        It has the same ledger, and a budget of its own of the same size. Raises ConfigError if there is no such prompt.
        """
        return self._wrapped(with_system(self._backend, prompt))

    def with_examples(self, rows: Iterable[Example] | Path | str) -> Model:
        """This model with worked examples before each conversation, after those that it may have.

        Args:
            rows: (question, answer) pairs, problems whose answer is known, rows `{"question": …, "answer": …}` or
                `{"messages": […]}`, or a JSONL file of such rows.

        Raises:
            DataError: a row that is no example.
        """
        return self._wrapped(with_examples(self._backend, rows))

    # Asking

    @overload
    def infer(self, x: str | Conversation, **sampling: Unpack[SamplingOptions]) -> str: ...
    @overload
    def infer(self, x: Problem, **sampling: Unpack[SamplingOptions]) -> Answer: ...
    @overload
    def infer(self, x: Drawn, **sampling: Unpack[SamplingOptions]) -> list[Answer | Failure]: ...
    def infer(self, x: Question | Drawn, **sampling: Unpack[SamplingOptions]) -> str | Answer | list[Answer | Failure]:
        """The answer to one question: a text to a text or a conversation, an `Answer` to a problem.

        A (domain, n) pair gives what `infer_many` gives.

        Raises:
            ConfigError: the question or the sampling is malformed.
            CapabilityError: the model cannot be asked so.
            EmptyReplyError: it said nothing.
            BudgetExceededError: the budget is spent.
            ModelError: whatever else went wrong with the model.
        """
        return cast("str | Answer | list[Answer | Failure]", BACKGROUND.run(self._infer(x, sampling)))

    @overload
    async def ainfer(self, x: str | Conversation, **sampling: Unpack[SamplingOptions]) -> str: ...
    @overload
    async def ainfer(self, x: Problem, **sampling: Unpack[SamplingOptions]) -> Answer: ...
    @overload
    async def ainfer(self, x: Drawn, **sampling: Unpack[SamplingOptions]) -> list[Answer | Failure]: ...
    async def ainfer(
        self, x: Question | Drawn, **sampling: Unpack[SamplingOptions]
    ) -> str | Answer | list[Answer | Failure]:
        """`infer`, awaited."""
        return cast("str | Answer | list[Answer | Failure]", await self._infer(x, sampling))

    @overload
    def infer_many(  # type: ignore[overload-overlap]  # an empty list is a list of either
        self, xs: Iterable[str | Conversation], **sampling: Unpack[SamplingOptions]
    ) -> list[str | Failure]: ...
    @overload
    def infer_many(
        self, xs: Iterable[Problem] | Drawn, **sampling: Unpack[SamplingOptions]
    ) -> list[Answer | Failure]: ...
    def infer_many(
        self, xs: Iterable[Question] | Drawn, **sampling: Unpack[SamplingOptions]
    ) -> list[str | Failure] | list[Answer | Failure]:
        """Answers to many questions, in their order, asked together; a question that failed gives a `Failure`.

        A failure names the problem's id, or the question's place in `xs` (from 0). A question that stands in `xs`
        several times is drawn as often. When the budget is spent, the questions still open fail with
        BudgetExceededError; asked again with a larger one, the others cost nothing.

        Raises:
            ConfigError: a question or the sampling is malformed; nothing was asked.
            CapabilityError: the model cannot be asked so.
            StoreError: the ledger cannot be written.
        """
        return BACKGROUND.run(self._infer_many(xs, sampling))  # type: ignore[return-value]

    @overload
    async def ainfer_many(  # type: ignore[overload-overlap]  # an empty list is a list of either
        self, xs: Iterable[str | Conversation], **sampling: Unpack[SamplingOptions]
    ) -> list[str | Failure]: ...
    @overload
    async def ainfer_many(
        self, xs: Iterable[Problem] | Drawn, **sampling: Unpack[SamplingOptions]
    ) -> list[Answer | Failure]: ...
    async def ainfer_many(
        self, xs: Iterable[Question] | Drawn, **sampling: Unpack[SamplingOptions]
    ) -> list[str | Failure] | list[Answer | Failure]:
        """`infer_many`, awaited."""
        return await self._infer_many(xs, sampling)  # type: ignore[return-value]

    def plan(self, xs: Iterable[Question] | Drawn, **sampling: Unpack[SamplingOptions]) -> Plan:
        """What `infer_many` of the same would ask and cost, less what the ledger holds; asks nothing.

        Raises:
            ConfigError: a question or the sampling is malformed.
        """
        asked, drawn = all_asked(xs), changed_sampling(self._sampling, sampling)
        draws = [Generate(_ROLE, messages, len(places), drawn) for messages, places in places_of(asked).items()]
        return self._running.engine.plan(draws, items=len(asked))

    # Log-probabilities and vectors

    def logprobs(self, messages: Conversation) -> float:
        """Log-probability (natural) of the last turn, which is the assistant's, given the turns before it.

        The model's own chat template renders what comes before; the answer's tokens alone are summed, without the mark
        that ends a turn. So the difference between two answers to one question is the logarithm of their odds, and
        that between two contexts of one answer is how much more the one makes the model expect it.

        Raises:
            ConfigError: the last turn is not the assistant's, or has no words.
            CapabilityError: the model gives no log-probabilities of given text.
        """
        return self.token_logprobs(messages).total

    async def alogprobs(self, messages: Conversation) -> float:
        """`logprobs`, awaited."""
        return (await self.atoken_logprobs(messages)).total

    def logprobs_many(self, conversations: Iterable[Conversation]) -> list[float | Failure]:
        """`logprobs` of many conversations, in their order, asked together; one that failed gives a `Failure`."""
        return BACKGROUND.run(self.alogprobs_many(conversations))

    async def alogprobs_many(self, conversations: Iterable[Conversation]) -> list[float | Failure]:
        """`logprobs_many`, awaited."""
        scored = await self._ask({str(i): _scoring(messages) for i, messages in enumerate(conversations)})
        return [failure(i, s) if isinstance(s, Exception) else s.total for i, s in scored.items()]

    def token_logprobs(self, messages: Conversation) -> Scored:
        """The tokens of the last turn with a log-probability each; `logprobs` is their sum, and raises the same."""
        return BACKGROUND.run(self.atoken_logprobs(messages))

    async def atoken_logprobs(self, messages: Conversation) -> Scored:
        """`token_logprobs`, awaited."""
        scored = await self._ask({"0": _scoring(messages)})
        return cast(Scored, raised(scored["0"]))

    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """One vector a text, in their order.

        Raises:
            CapabilityError: the model makes no vectors.
            ModelError: whatever else went wrong; the vectors that did arrive are in the ledger.
        """
        return BACKGROUND.run(self.aembed(texts))

    async def aembed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """`embed`, awaited."""
        if isinstance(texts, str):
            raise ConfigError("embed takes a list of texts: put the one text into a list")
        vectors = await self._ask({str(i): _embedding(text) for i, text in enumerate(texts)})
        return [raised(vector) for vector in vectors.values()]

    # Work

    def act(
        self, task: str, *, seconds: float | None = None, turns: int | None = None, dollars: float | None = None
    ) -> Acted:
        """What an agent makes of a task: its `answer`, the `transcript` of its work, and the `usage`.

        Args:
            task: What to do, in words.
            seconds: How long it may work; ten minutes by default.
            turns: How many answers the model that drives it may give; any number by default.
            dollars: How much it may spend, checked between turns; any sum by default. `budget` of `load` is another
                limit: that of all that this model is asked.

        Raises:
            ConfigError: there is no task, or a limit is not above zero.
            CapabilityError: the model is no agent.
            AgentError: it ended without an answer, or (AgentLimitError) was stopped at a limit; what it had said and
                done is in the error's `transcript`.
        """
        return BACKGROUND.run(self.aact(task, seconds=seconds, turns=turns, dollars=dollars))

    async def aact(
        self, task: str, *, seconds: float | None = None, turns: int | None = None, dollars: float | None = None
    ) -> Acted:
        """`act`, awaited."""
        acted = await self._ask({"0": _acting(task, {"seconds": seconds, "turns": turns, "dollars": dollars})})
        return cast(Acted, raised(acted["0"]))

    # The way to the engine and back

    async def _infer(self, x: Question | Drawn, options: SamplingOptions) -> Any:
        if is_drawn(x):
            return await self._infer_many(cast(Drawn, x), options)
        answers = await self._answers([as_asked(cast(Question, x))], options)
        return raised(answers[0])

    async def _infer_many(
        self, xs: Iterable[Question] | Drawn, options: SamplingOptions
    ) -> list[str | Answer | Failure]:
        asked = all_asked(xs)
        answers = await self._answers(asked, options)
        items = [problem.id if problem else str(i) for i, (problem, _) in enumerate(asked)]
        return [failure(i, a) if isinstance(a, Exception) else a for i, a in zip(items, answers, strict=True)]

    async def _answers(self, asked: Sequence[Asked], options: SamplingOptions) -> list[str | Answer | Exception]:
        """An answer or an error a question. Equal conversations are one request for as many samples."""
        sampling = changed_sampling(self._sampling, options)
        places = places_of(asked)
        programs = {str(of[0]): _asking(messages, len(of), sampling) for messages, of in places.items()}
        results = await self._ask(programs)
        answers: dict[int, str | Answer | Exception] = {}
        for of in places.values():
            result = results[str(of[0])]
            for draw, place in enumerate(of):
                answers[place] = result if isinstance(result, Exception) else self._said(asked[place], result[draw])
        return [answers[place] for place in range(len(asked))]

    def _said(self, asked: Asked, sample: Sample) -> str | Answer | Exception:
        (problem, messages), text = asked, sample.text.strip()
        if not text:
            hint = "give it more max_tokens" if sample.finish == "length" else "ask in other words, or draw again"
            return EmptyReplyError(f"{self.name} answered without any text (it ended by {sample.finish}): {hint}")
        if problem is None:
            return text
        return Answer(problem, messages, text, sample.finish, sample.reasoning, self.identity)

    async def _ask(self, programs: Mapping[str, Program[T]]) -> dict[str, T | Exception]:
        """Run programs; each one's value or the error that ended it, in their order."""
        return await self._running.results(programs)

    def _wrapped(self, backend: Backend, spec: str | None = None) -> Model:
        ledger = self._running.ledger if self._running.records else None
        return Model(backend, ledger=ledger, sampling=self._sampling, spec=spec, **self._limits)  # type: ignore[arg-type]


def _asking(messages: tuple[Message, ...], n: int, sampling: Sampling) -> Program[tuple[Sample, ...]]:
    reply: Generated = yield Generate(_ROLE, messages, n, sampling)
    return reply.samples


def _scoring(turns: Conversation) -> Program[Scored]:
    """A program for the last turn given the others; ConfigError here and now where that makes no sense."""
    messages = conversation(turns)
    if not messages or messages[-1].role != "assistant" or not messages[-1].content:
        raise ConfigError(
            "a log-probability is that of an answer: end the conversation with an assistant's turn that has words "
            "(it is conditional on the turns before, so nothing is left to subtract)"
        )
    return _scored(messages)


def _scored(messages: tuple[Message, ...]) -> Program[Scored]:
    reply: Scored = yield Score(_ROLE, messages[:-1], messages[-1].content)
    return reply


def _acting(task: str, limits: Mapping[str, float | None]) -> Program[Acted]:
    """A program for one task; ConfigError here and now where that makes no sense."""
    if not isinstance(task, str) or not task.strip():
        raise ConfigError("there is no task; say in words what the agent shall do")
    given = tuple((name, limit) for name, limit in limits.items() if limit is not None)
    for name, limit in given:
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0:
            raise ConfigError(f"an agent's limit of {limit!r} {name} leaves it nothing: give a number above zero")
    return _acted(Act(_ROLE, task, given))


def _acted(request: Act) -> Program[Acted]:
    reply: Acted = yield request
    return reply


def _embedding(text: str) -> Program[tuple[float, ...]]:
    reply: Embedded = yield Embed(_ROLE, (text,))
    return reply.vectors[0]
