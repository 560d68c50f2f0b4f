"""What a run would cost, said before it starts.

What later steps of a program ask depends on earlier replies, so nobody can know it. Two honest ways remain: requests
that are declared (word for word, or one like many), and a sample of the programs that is run and extrapolated:

    samples = [{} for _ in few]
    engine.run({item: measured(program, spent) for (item, program), spent in zip(few.items(), samples)})
    plan = extrapolate(samples, len(rest), backends, items=len(everything))
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from veracity.core.errors import ConfigError
from veracity.core.requests import (
    Act,
    Backend,
    Call,
    Embed,
    Generate,
    Program,
    Prompt,
    Request,
    Retrieve,
    Score,
    Usage,
)
from veracity.engine.abilities import player
from veracity.engine.progress import Tally
from veracity.engine.steps import keyed
from veracity.store.ledger import Ledger

T = TypeVar("T")
Range = tuple[float, float]
"""Least and most."""
CHARACTERS_A_TOKEN = 4
"""English prose under common tokenizers; other languages and code take more tokens."""


class Priced(Protocol):
    """What a provider charges."""

    def of(self, input_tokens: int, output_tokens: int, *, batch: bool = False) -> float:
        """US dollars for so many tokens."""
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """A backend with a tokenizer of its own."""

    def count_tokens(self, prompt: Prompt) -> int:
        """Tokens of `prompt` as the model sees it."""
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """A request that a run will make."""

    request: Request
    output: tuple[int, int] | None = None
    """Fewest and most output tokens a sample; None: from one to the most that the request allows."""
    times: int = 1
    """How many requests *like* this one, at most; a single one is known word for word and looked up in the ledger."""
    least: int | None = None
    """How many at least, where replies decide how many; it is then never looked up. None: as many as `times`."""

    @property
    def literal(self) -> bool:
        """Whether it is known word for word."""
        return self.times == 1 and self.least is None


@dataclass(frozen=True, slots=True)
class Line:
    """What one role would ask and cost."""

    role: str
    model: str
    """The backend's name."""
    calls: Range
    """Calls to send."""
    recorded: int
    """Replies that the ledger has already; they are asked no more and cost nothing."""
    input_tokens: Range
    """From the prompt once a call to the prompt once a sample: providers differ."""
    output_tokens: Range
    cost: Range | None
    """US dollars; None: the price is not known."""
    estimated: bool
    """Whether tokens were estimated from characters, not counted by a tokenizer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would ask and cost."""

    lines: tuple[Line, ...]
    items: int | None = None
    """Questions that the result will rest on."""
    remarks: tuple[str, ...] = ()
    """What else is to be known before it is paid for, a sentence each."""

    @property
    def cost(self) -> Range:
        """US dollars for the roles whose price is known."""
        known = [line.cost for line in self.lines if line.cost is not None]
        return sum(low for low, _ in known), sum(high for _, high in known)

    @property
    def total(self) -> Line:
        """All roles as one line; its cost is None as soon as one of them asks at a price that is not known."""

        def add(ranges: Iterable[Range]) -> Range:
            listed = list(ranges)
            return sum(low for low, _ in listed), sum(high for _, high in listed)

        return Line(
            role="all",
            model=", ".join(dict.fromkeys(line.model for line in self.lines)),
            calls=add(line.calls for line in self.lines),
            recorded=sum(line.recorded for line in self.lines),
            input_tokens=add(line.input_tokens for line in self.lines),
            output_tokens=add(line.output_tokens for line in self.lines),
            cost=None if self.unpriced else self.cost,
            estimated=any(line.estimated and line.input_tokens[1] for line in self.lines),
        )

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Roles that would ask something at a price that is not known."""
        return tuple(line.role for line in self.lines if line.cost is None and line.calls[1] > 0)

    @property
    def costs_money(self) -> bool:
        """Whether it costs something, or may."""
        return self.cost[1] > 0 or bool(self.unpriced)

    @property
    def interval_width(self) -> float | None:
        """Full width of the 95 % interval (Wilson's) of a share of one half, where it is widest, from `items`."""
        if not self.items:
            return None
        from veracity.stats.proportion import wilson_bounds

        low, high = wilson_bounds(0.5, self.items, 1.959964)
        return high - low

    @property
    def detectable_difference(self) -> float | None:
        """Least difference from a share of one half that two runs of `items` find, at 80 % power and the 5 % level."""
        if not self.items:
            return None
        from veracity.stats.power import detectable_difference_unpaired

        return detectable_difference_unpaired(self.items, 0.5)


def plan_requests(
    expected: Iterable[Expected | Request],
    backends: Mapping[str, Backend],
    ledger: Ledger | None = None,
    *,
    items: int | None = None,
    prices: Mapping[str, Priced] | None = None,
    batched: Collection[str] = (),
) -> Plan:
    """The plan for declared requests.

    Args:
        expected: What will be asked; the same request twice is asked once.
        backends: Who plays each role.
        ledger: Where replies may be recorded already.
        items: Questions that the result will rest on, for the width of its interval.
        prices: By role, in place of each backend's own `price`. A backend that states none has an unknown one; what
            costs nothing says so.
        batched: Roles that go through a provider's batch API.

    Raises:
        ConfigError: a role that nobody plays; an `Act` without a range of tokens, which has no bound of its own.
    """
    sums: dict[str, _Sum] = {}
    seen: set[str] = set()
    for entry in expected:
        one = entry if isinstance(entry, Expected) else Expected(entry)
        backend = player(backends, one.request.role)
        total = sums.setdefault(one.request.role, _Sum())
        keys = [key for key in keyed(one.request, backend.identity).keys if not one.literal or key not in seen]
        known = len(ledger.get_many(keys)) if ledger is not None and one.literal and keys else 0
        seen.update(keys if one.literal else ())
        total.recorded += known
        if len(keys) > known:
            total.add(one, _input_tokens(one.request, backend), len(keys) - known)
    return Plan(
        tuple(
            _line(role, backends[role], total, _price(backends[role], role, prices), batch=role in batched)
            for role, total in sums.items()
        ),
        items,
    )


def measured(program: Program[T], spent: dict[str, Tally]) -> Program[T]:
    """`program`, which fills `spent` with what it asks and what that cost by role, as a sample for `extrapolate`.

    A reply from the ledger counts with what it cost when it was asked, so a sample may be run as often as you like. A
    request that several programs share counts in each.
    """
    value: Any = None
    while True:
        try:
            wanted = program.throw(value) if isinstance(value, Exception) else program.send(value)
        except StopIteration as end:
            result: T = end.value
            return result
        try:
            value = yield wanted
        except GeneratorExit:
            program.close()
            raise
        except Exception as error:  # noqa: BLE001 - it is the program's to handle
            value = error
        else:
            _count(spent, wanted, value)


def extrapolate(
    samples: Sequence[Mapping[str, Tally]], programs: int, backends: Mapping[str, Backend], *, items: int | None = None
) -> Plan:
    """The plan for `programs` more programs, from what each of a few like them asked and paid by role.

    Ranges are 95 % prediction intervals (Student's t) of the sum over the programs to come, which holds for programs
    drawn at random from the same kind. Cost is what was paid, so a backend whose price is not known has none.

    Raises:
        ValueError: fewer than two samples, which say nothing of the spread.
    """
    if len(samples) < 2:
        raise ValueError(f"{len(samples)} programs say nothing about how programs differ: run two or more")
    lines = []
    for role in dict.fromkeys(role for sample in samples for role in sample):
        tallies = [sample.get(role, Tally()) for sample in samples]
        cost = _predicted([t.cost for t in tallies], programs)
        lines.append(
            Line(
                role,
                backends[role].name,
                calls=_predicted([t.asked for t in tallies], programs),
                recorded=0,
                input_tokens=_predicted([t.input_tokens for t in tallies], programs),
                output_tokens=_predicted([t.output_tokens for t in tallies], programs),
                cost=None if cost[1] == 0 and _price(backends[role], role, None) is None else cost,
                estimated=False,
            )
        )
    return Plan(tuple(lines), items)


def _count(spent: dict[str, Tally], wanted: Request | Sequence[Request], value: Any) -> None:
    pairs = zip(wanted, value, strict=True) if isinstance(wanted, Sequence) else [(wanted, value)]
    for request, reply in pairs:
        tally = spent.setdefault(request.role, Tally())
        tally.asked += 1
        tally.pay(reply)


@dataclass(slots=True)
class _Sum:
    """What one role would ask, as it adds up."""

    fewest_calls: int = 0
    calls: int = 0
    recorded: int = 0
    input_low: int = 0
    input_high: int = 0
    output_low: int = 0
    output_high: int = 0

    def add(self, one: Expected, input_tokens: int, samples: int) -> None:
        low, high = _output_tokens(one)
        least = one.times if one.least is None else one.least
        self.fewest_calls += least
        self.calls += one.times
        self.input_low += least * input_tokens
        self.input_high += one.times * input_tokens * samples
        self.output_low += least * samples * low
        self.output_high += one.times * samples * high


def _line(role: str, backend: Backend, total: _Sum, price: Priced | None, *, batch: bool) -> Line:
    cost: Range | None = None
    if price is not None:
        low = price.of(total.input_low, total.output_low, batch=batch)
        cost = low, price.of(total.input_high, total.output_high, batch=batch)
    return Line(
        role,
        backend.name,
        (total.fewest_calls, total.calls),
        total.recorded,
        (total.input_low, total.input_high),
        (total.output_low, total.output_high),
        cost,
        estimated=not isinstance(backend, CountsTokens),
    )


def most_of_call(call: Call, backend: Backend) -> Usage:
    """What one call takes at most, as far as that can be told beforehand.

    An agent may take any number of tokens. What the provider charges may be unknown, and then counts as infinite; but a
    batch API is asked a question at a time by nobody, so there it counts as nothing.
    """
    request, samples = call.request, len(call.replicates)
    if isinstance(request, Act):
        return Usage(sys.maxsize, 0, math.inf)
    shown = samples * _input_tokens(request, backend)
    drawn = samples * _output_tokens(Expected(request))[1]
    price = _price(backend, request.role, None)
    unknown = 0.0 if "batch" in backend.abilities else math.inf
    return Usage(shown, drawn, unknown if price is None else price.of(shown, drawn))


def _price(backend: Backend, role: str, prices: Mapping[str, Priced] | None) -> Priced | None:
    """The price given for the role, else the backend's own; None where it is not known."""
    if prices is not None and role in prices:
        return prices[role]
    price: Priced | None = getattr(backend, "price", None)
    return price


def _input_tokens(request: Request, backend: Backend) -> int:
    """Tokens of the prompt (and the continuation, the texts, the task), counted where the backend can, or estimated."""
    count = backend.count_tokens if isinstance(backend, CountsTokens) else _estimated
    match request:
        case Generate(prompt=prompt):
            return count(prompt)
        case Score(prompt=prompt, continuation=continuation):
            return count(prompt) + count(continuation)
        case Embed(texts=texts):
            return sum(count(text) for text in texts)
        case Act(task=task):
            return count(task)
        case Retrieve():
            return 0


def _estimated(prompt: Prompt) -> int:
    characters = len(prompt) if isinstance(prompt, str) else sum(len(message.content) for message in prompt)
    return math.ceil(characters / CHARACTERS_A_TOKEN)


def _output_tokens(one: Expected) -> tuple[int, int]:
    """Fewest and most output tokens of one sample."""
    if one.output is not None:
        return one.output
    if isinstance(one.request, Act):
        raise ConfigError(
            "an Act request has no bound on its tokens: say how many you expect, as Expected(…, (low, high))"
        )
    return (1, one.request.sampling.max_tokens) if isinstance(one.request, Generate) else (0, 0)


def _predicted(values: Sequence[float], more: int) -> Range:
    """95 % prediction interval of the sum of `more` further draws, never below zero.

    The variance of such a sum about more·mean is s²·(more + more²/k) for k draws with sample variance s².
    """
    from scipy import stats as distributions

    count = len(values)
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    reach = float(distributions.t.ppf(0.975, count - 1)) * math.sqrt(variance * (more + more**2 / count))
    return max(0.0, more * mean - reach), more * mean + reach
