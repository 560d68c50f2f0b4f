"""What a SimpleFact run would train, sample and judge, from its settings alone; and the same run made small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from veracity.core.requests import Generate, Sampling, user
from veracity.engine import Expected
from veracity.experiments.desk import POLICY
from veracity.experiments.factuality.plan import JUDGED
from veracity.experiments.outlook import Outlook, PlannedTraining, steps_of
from veracity.experiments.simplefact.settings import SimpleFactSettings
from veracity.experiments.simplefact.training import stops
from veracity.experiments.understudies import COMPLETION, of_trainer, small
from veracity.training.memory import MemoryShape

if TYPE_CHECKING:
    from veracity.experiments.understudies import Understudies

PROMPT_TOKENS = 256
"""Of a question with its system prompt and instructions, roughly."""


def simplefact_outlook(settings: SimpleFactSettings) -> Outlook:
    """Trainings, samples and judgements of a run; the data are read where a number of questions is not set."""
    sources = sources_of(settings)
    return Outlook(
        settings.model,
        tuple(_trainings(settings, sources)),
        samples=sum(count for count, _ in _sampled(settings, sources)),
        sampled_tokens=sum(count * tokens for count, tokens in _sampled(settings, sources)),
        judged=_judged(settings, sources),
        asked=tuple(_asked(settings, sources)),
        roles=settings.roles.names(),
        items=sources * _count(settings.proof.problems, settings, "proof"),
        corpus=settings.roles.corpus or "no corpus",
    )


def sources_of(settings: SimpleFactSettings) -> int:
    """How many sources the questions come from."""
    from veracity.experiments.simplefact.data import by_source, questions_for

    if settings.questions.source == "domain":
        return len(settings.questions.domains)
    return len(by_source(questions_for(settings, "proof"), settings.questions))


def _count(set_: int | None, settings: SimpleFactSettings, use: Any) -> int:
    """Questions of each source."""
    from veracity.experiments.simplefact.data import questions_for

    return set_ if set_ is not None else len(questions_for(settings, use)) // sources_of(settings)


def _trainings(settings: SimpleFactSettings, sources: int) -> Iterator[PlannedTraining]:
    seeds, grpo = len(settings.seeds), settings.grpo
    if settings.start is not None:
        how = settings.start
        rows = sources * _count(how.problems, settings, "start") * how.samples
        steps = steps_of(rows, how.training.epochs, how.training)
        shape = MemoryShape(1, min(how.training.max_length, PROMPT_TOKENS + settings.questions.max_tokens))
        yield PlannedTraining("start", "sft", how.training, rows, steps, shape, seeds)
    prompts = settings.filter.keep + settings.filter.caution
    shape = MemoryShape(1, PROMPT_TOKENS + grpo.max_completion_length, grpo.beta > 0 and grpo.lora is None)
    for mode in settings.rewards:
        yield PlannedTraining(mode, "grpo", grpo, prompts, settings.steps, shape, seeds)


def _sampled(settings: SimpleFactSettings, sources: int) -> Iterator[tuple[int, int]]:
    """(texts, tokens of each at most): of the cold start, the filter, the training, and the proof."""
    seeds, short = len(settings.seeds), settings.questions.max_tokens
    if settings.start is not None:
        yield 2 * seeds * sources * _count(settings.start.problems, settings, "start") * settings.start.samples, short
    yield _filtered(settings, sources), short
    yield _completions(settings), settings.grpo.max_completion_length
    yield _proven(settings, sources), short


def _filtered(settings: SimpleFactSettings, sources: int) -> int:
    problems = sources * _count(settings.filter.problems, settings, "filter")
    return len(settings.seeds) * problems * settings.filter.samples


def _completions(settings: SimpleFactSettings) -> int:
    return len(settings.seeds) * len(settings.rewards) * settings.steps * settings.grpo.batch_size


def _proven(settings: SimpleFactSettings, sources: int) -> int:
    """Greedy answers of all finished models under all prompts, and drawn ones of all that are measured."""
    proof, seeds = settings.proof, len(settings.seeds)
    finished = 1 + seeds * (len(settings.rewards) + 1)
    measured = seeds * (1 + sum(len(stops(settings, mode)) for mode in settings.rewards))
    answers = finished * len(proof.prompts) + (measured + len(proof.prompts)) * proof.samples
    return sources * _count(proof.problems, settings, "proof") * answers


def _judged(settings: SimpleFactSettings, sources: int) -> int:
    return _filtered(settings, sources) + _completions(settings) + _proven(settings, sources)


def _asked(settings: SimpleFactSettings, sources: int) -> Iterator[Expected]:
    question = user("x" * 4 * PROMPT_TOKENS)
    for count, tokens in _sampled(settings, sources):
        yield Expected(Generate(POLICY, question, sampling=Sampling(max_tokens=tokens)), times=count)
    if settings.roles.judge is not None:
        verdict = Generate("judge", user(JUDGED), sampling=Sampling(max_tokens=16))
        yield Expected(verdict, times=_judged(settings, sources))


def simplefact_rehearsal(settings: SimpleFactSettings, cast: Understudies) -> SimpleFactSettings:
    """Few questions of each source, two steps a reward; random texts keep no form, so they are read as they are."""
    if settings.questions.family != "plain":
        cast.changes["questions.family"] = f"{settings.questions.family} → plain: random texts keep no form"
    changes: dict[str, Any] = {
        "model": cast.model(settings.model),
        "seeds": settings.seeds[:1],
        "roles": cast.roles(settings.roles),
        "questions.domains": tuple(cast.domain(name) for name in settings.questions.domains),
        "questions.family": "plain",
        "questions.max_tokens": COMPLETION,
        **{f"filter.{name}": value for name, value in (("problems", 8), ("samples", 4), ("keep", 4), ("caution", 0))},
        "steps": 2 * settings.grpo.cycle,
        "switch": settings.grpo.cycle,
        "measure_every": None,
        **{f"proof.{name}": value for name, value in (("problems", 2), ("split", "test"), ("samples", 2))},
        **of_trainer("grpo", cast.trainer("grpo", settings.grpo)),
    }
    if settings.start is not None:
        changes |= {"start.problems": 4, "start.samples": 2}
        changes |= of_trainer("start.training", cast.trainer("start", settings.start.training))
    return small(settings, changes)
