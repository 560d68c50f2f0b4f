"""What every probe shares: the row that it returns, the context that it is asked in, and the fact's foils.

A probe asks about one fact and returns rows. It knows nothing of training, seeds or epochs: the experiment
adds those. The prompts and the way a reply is read come from the context, so a probe says only what is shown,
what is asked, and what counts as correct.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from veracity.core.identity import derive_seed
from veracity.core.registry import Registry
from veracity.core.requests import Generate, Program, Sampling, user
from veracity.judging.prompting import Family
from veracity.world.facts import Fact

Target = Literal["learn", "update", "control"]
Arm = Literal["target", "control"]
FoilKind = Literal["foil", "real", "imaginary", "other"]
Polarity = Literal["correct", "incorrect"]
RowStatus = Literal["ok", "parse_failed", "unsure", "request_failed"]

POLARITIES: tuple[Polarity, Polarity] = ("correct", "incorrect")


@dataclass(frozen=True, slots=True)
class Foil:
    """A wrong value to show or to score against."""

    kind: FoilKind
    value: str


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """How the probes ask; the same for every fact of a run."""

    family: Family = "plain"
    """Which prompts; see `veracity.judging.prompting`."""
    abstention: str | None = None
    """The word that the prompts (or the system prompt, in the plain family) offer for declining to say."""
    system: str | None = None
    """A system prompt to put before every question."""
    targets: tuple[Target, ...] = ("learn", "update", "control")
    """Which values of a fact are asked about."""
    questions: tuple[int, ...] = (0,)
    """Which question wordings are asked; a fact that has fewer is asked those that it has."""
    foil_kinds: tuple[FoilKind, ...] = ("foil", "real", "imaginary", "other")
    foils_per_kind: int = 1
    """How many real and imaginary foils at most; of the other kinds there is one."""
    options: int = 4
    """Options of a multiple-choice question, the right one included."""
    sampling: Sampling = field(default_factory=Sampling)
    """How replies are drawn; greedy unless said otherwise."""
    seed: int = 0
    """Orders the multiple-choice options."""
    role: str = "policy"
    """Who is asked."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Fact id → a value that another fact of the same relation is trained with: the foil of kind `other`."""


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One scored probe; the columns of the probe table that a probe can know."""

    fact: str
    subject: str
    category: str
    relation: str
    probe: str
    target: Target
    template: str
    """Id of the prompt, `+unsure` where it could decline, `+system` with a system prompt, `#k` for wording k."""
    prompt: str
    reply: str
    status: RowStatus
    correct: bool | None
    """None unless `status` is ok or unsure."""
    arm: Arm = "target"
    foil_kind: FoilKind | Literal[""] = ""
    polarity: Polarity | Literal[""] = ""
    margin: float | None = None
    answer: str | None = None


Probe = Callable[[Fact, ProbeContext], Program[list[ProbeRow]]]
PROBES: Registry[Probe] = Registry("probes", "veracity.judging.probes")


def value_of(fact: Fact, target: Target) -> str:
    """The value of `fact` that `target` names."""
    return {"learn": fact.value, "update": fact.update, "control": fact.control}[target]


def spellings(fact: Fact, target: Target) -> tuple[str, ...]:
    """Accepted spellings of that value."""
    return (fact.value, *fact.aliases) if target == "learn" else (value_of(fact, target),)


def foils_of(fact: Fact, context: ProbeContext) -> list[Foil]:
    """The foils of the kinds asked for that the fact has, none of them one of its own three values."""
    own = {fact.value, fact.update, fact.control}
    other = context.others.get(fact.id)
    pool: dict[FoilKind, Sequence[str]] = {
        "foil": (fact.foil,),
        "real": fact.real_foils[: context.foils_per_kind],
        "imaginary": fact.imaginary_foils[: context.foils_per_kind],
        "other": (other,) if other is not None else (),
    }
    return [Foil(kind, value) for kind in context.foil_kinds for value in pool[kind] if value and value not in own]


def other_values(facts: Sequence[Fact], seed: int) -> dict[str, str]:
    """Fact id → a value that another fact of its relation is trained with, drawn by `seed`; left out if none."""
    by_relation: dict[str, set[str]] = {}
    for fact in facts:
        by_relation.setdefault(fact.relation, set()).add(fact.value)
    drawn = {}
    for fact in facts:
        pool = sorted(by_relation[fact.relation] - {fact.value, fact.update, fact.control, fact.foil})
        if pool:
            drawn[fact.id] = pool[derive_seed(seed, "other foil", fact.id) % len(pool)]
    return drawn


def wordings(fact: Fact, context: ProbeContext) -> list[int]:
    """The question wordings of the context that the fact has."""
    return [k for k in context.questions if k < len(fact.questions)]


def template_id(prompt: str, context: ProbeContext, wording: int | None = None) -> str:
    """What the row's `template` column holds."""
    parts = [prompt, "+unsure" * (context.abstention is not None), "+system" * (context.system is not None)]
    return "".join(parts) + ("" if wording is None else f"#{wording}")


def asking(context: ProbeContext, text: str) -> Generate:
    """The request for one reply to `text`."""
    return Generate(context.role, user(text, system=context.system), sampling=context.sampling)


def row_maker(fact: Fact, probe: str) -> Callable[..., ProbeRow]:
    """A `ProbeRow` with what the fact and the probe's name already say."""
    return partial(
        ProbeRow, fact=fact.id, subject=fact.subject, category=fact.category, relation=fact.relation, probe=probe
    )
