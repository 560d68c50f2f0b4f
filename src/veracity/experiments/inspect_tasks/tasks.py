"""One Inspect task a domain; importing this module registers them. Inspect's `-T` sets what the functions take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, GenerateConfig
from inspect_ai.solver import generate

from veracity.core.problem import Problem
from veracity.core.requests import Message
from veracity.domains import DOMAINS
from veracity.experiments.factuality.asking import Asking, greedy_askings, long_askings
from veracity.experiments.factuality.bench import draw_problems, names_of
from veracity.experiments.factuality.settings import FactualitySettings, LongSettings, ShortSettings, SplitName
from veracity.experiments.inspect_tasks.scoring import Bench, long_answer, short_answer
from veracity.judging.prompting import Family

LONG = frozenset({"eli5", "factory", "factscore-biographies", "kqa", "longfact", "longwiki", "world-biographies"})
"""Domains whose answers are long; every other one has short answers."""


def short_task(domain: str) -> Callable[..., Task]:
    """A function that makes the task of a domain with short answers."""

    def make(
        problems: int | None = None,
        split: SplitName = "test",
        seed: int = 0,
        system: str = "none",
        family: Family = "plain",
        max_tokens: int = 32,
        judge: str | None = None,
        source: str = "",
    ) -> Task:
        """Short answers, graded by rules and by `judge`; `source`: the domain with options, as `simpleqa?path=…`."""
        short = ShortSettings(
            domains=(source or domain,),
            problems=problems,
            split=split,
            arms=(system,),
            family=family,
            max_tokens=max_tokens,
            samples=0,
            confidence=(),
        )
        settings = FactualitySettings(short=short, long=None, judge=judge, seed=seed)
        asked = draw_problems(short, seed)
        return _task(
            asked,
            greedy_askings(short)[0],
            short_answer({p.id: p for p in asked}, short, Bench(_judges(settings), None)),
        )

    return make


def long_task(domain: str) -> Callable[..., Task]:
    """A function that makes the task of a domain with long answers."""

    def make(
        problems: int | None = None,
        split: SplitName = "test",
        seed: int = 0,
        system: str = "none",
        max_tokens: int = 512,
        judge: str | None = None,
        nli: str | None = None,
        corpus: str = "world",
        extractor: str = "rule",
        verifier: str = "rule",
        scope: Literal["page", "corpus"] = "page",
        passages: int = 5,
        k: int = 32,
        source: str = "",
    ) -> Task:
        """Long answers, whose claims are listed by `extractor` and judged by `verifier` with evidence from `corpus`."""
        long = LongSettings(
            domains=(source or domain,),
            problems=problems,
            split=split,
            arms=(system,),
            max_tokens=max_tokens,
            extractor=extractor,
            verifier=verifier,
            scope=scope,
            passages=passages,
            k=(k,),
        )
        settings = FactualitySettings(short=None, long=long, judge=judge, nli=nli, corpus=corpus, seed=seed)
        asked = draw_problems(long, seed)
        return _task(
            asked,
            long_askings(long, seed)[0],
            long_answer({p.id: p for p in asked}, long, Bench(_judges(settings), corpus)),
        )

    return make


def _task(problems: tuple[Problem, ...], asking: Asking, scorer: Any) -> Task:
    """Our requests as Inspect's samples, answered greedily."""
    samples = [
        Sample(id=p.id, input=_chat(asking.request(p).prompt), target=list(p.answers) or p.gold or "") for p in problems
    ]
    drawn = asking.how.sampling
    config = GenerateConfig(temperature=drawn.temperature, max_tokens=drawn.max_tokens)
    return Task(dataset=MemoryDataset(samples), solver=generate(), scorer=scorer, config=config)


def _chat(prompt: Any) -> list[ChatMessage]:
    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}
    turns: tuple[Message, ...] = prompt
    return [kinds[turn.role](content=turn.content) for turn in turns]


def _judges(settings: FactualitySettings) -> dict[str, str]:
    """The roles that are ours to fill; Inspect's model is the one that is tested."""
    return {role: name for role, name in names_of(settings).items() if role != "policy"}


TASKS = {
    domain: task(name=domain.replace("-", "_"))((long_task if domain in LONG else short_task)(domain))
    for domain in DOMAINS.names()
}
"""By domain."""
