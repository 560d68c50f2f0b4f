"""What a KLCF run would train, sample and judge, from its settings alone; and the same run made small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from veracity.core.requests import Generate, Sampling, Score, user
from veracity.engine import Expected
from veracity.experiments.desk import POLICY
from veracity.experiments.facttune.plan import judging_of, people_counts
from veracity.experiments.facttune.rehearsal import asked_verifier, small_people
from veracity.experiments.factuality.plan import CLAIMS, JUDGED
from veracity.experiments.klcf.judge import GENERAL
from veracity.experiments.klcf.settings import KlcfSettings
from veracity.experiments.klcf.training import needs_of
from veracity.experiments.klcf.truth import BASE, TRUTH
from veracity.experiments.outlook import Outlook, PlannedTraining, steps_of
from veracity.experiments.understudies import COMPLETION, of_trainer, small
from veracity.training.memory import MemoryShape

if TYPE_CHECKING:
    from veracity.experiments.understudies import Understudies

PROMPT_TOKENS = 128
"""Of a request for a text, roughly."""


def klcf_outlook(settings: KlcfSettings) -> Outlook:
    """Trainings, samples and judgements of a run, where the numbers of prompts are set; else the domain is read."""
    train, tested = people_counts(settings.people)
    texts = list(_texts(settings, train, tested))
    return Outlook(
        settings.model,
        tuple(_trainings(settings, train)),
        samples=sum(count for count, _ in texts),
        sampled_tokens=sum(count * tokens for count, tokens in texts),
        judged=sum(count for count, _ in texts),
        asked=tuple(_asked(settings, train, tested)),
        roles=settings.roles.names(),
        items=tested,
        corpus=settings.roles.corpus or "no corpus",
    )


def _trainings(settings: KlcfSettings, train: int) -> Iterator[PlannedTraining]:
    seeds, grpo = len(settings.seeds), settings.grpo
    samples = train * settings.sampling.n
    if settings.start == "sft":
        sft = settings.sft
        shape = MemoryShape(1, min(sft.max_length, PROMPT_TOKENS + settings.sampling.max_tokens))
        yield PlannedTraining("sft", "sft", sft, samples, steps_of(samples, sft.epochs, sft), shape, seeds)
    if "trained" in {settings.truth_of(arm) for arm in settings.arms if "confidence" in needs_of(settings, arm)}:
        how, claims = settings.truth.training, round(samples * CLAIMS * (1 - settings.truth.held_out))
        steps = steps_of(claims, how.epochs, how)
        yield PlannedTraining("truthfulness", "sft", how, claims, steps, MemoryShape(1, PROMPT_TOKENS), seeds)
    shape = MemoryShape(1, PROMPT_TOKENS + grpo.max_completion_length, grpo.beta > 0 and grpo.lora is None)
    for arm in settings.arms:
        yield PlannedTraining(arm, "grpo", grpo, train, grpo_steps(settings, train), shape, seeds)


def grpo_steps(settings: KlcfSettings, train: int) -> int:
    """Optimizer steps of one arm."""
    grpo = settings.grpo
    return grpo.steps or grpo.epochs * max(1, train // grpo.prompts_per_step) * grpo.iterations


def _texts(settings: KlcfSettings, train: int, tested: int) -> Iterator[tuple[int, int]]:
    """(texts, tokens of each at most): what the base model knows, training, and the evaluation."""
    longest = settings.grpo.max_completion_length
    yield len(settings.seeds) * train * settings.sampling.n + tested * settings.sampling.n, settings.sampling.max_tokens
    yield sum(_rewarded(settings, arm, train) for arm in settings.arms), longest
    yield _answers(settings, tested), longest


def _rewarded(settings: KlcfSettings, arm: str, train: int) -> int:
    return len(settings.seeds) * grpo_steps(settings, train) * settings.grpo.batch_size


def _answers(settings: KlcfSettings, tested: int) -> int:
    """Texts of the evaluation: of the base model, the start if it is another, and each arm."""
    models = 1 + (settings.start == "sft") + len(settings.arms)
    return len(settings.seeds) * tested * models * settings.test_samples


def _asked(settings: KlcfSettings, train: int, tested: int) -> Iterator[Expected]:
    for count, tokens in _texts(settings, train, tested):
        yield Expected(
            Generate(POLICY, user("x" * 4 * PROMPT_TOKENS), sampling=Sampling(max_tokens=tokens)), None, count
        )
    yield from judging_of(settings.judging, len(settings.seeds) * train * settings.sampling.n)
    yield from judging_of(settings.evaluation.judging, tested * settings.sampling.n + _answers(settings, tested))
    if settings.evaluated_by == "judge_text":
        yield _verdict(settings, _answers(settings, tested))
    for arm in settings.arms:
        yield from _reward_asked(settings, arm, _rewarded(settings, arm, train))


def _reward_asked(settings: KlcfSettings, arm: str, texts: int) -> Iterator[Expected]:
    """What the rewards of one arm ask while it learns."""
    needs = needs_of(settings, arm)
    if "verdicts" in needs:
        yield from judging_of(settings.judging, texts)
    elif "claims" in needs and settings.judging.extractor not in ("rule",):
        calls = texts * (1 if settings.judging.extractor == "whole" else CLAIMS)
        yield Expected(Generate("extractor", user(JUDGED), sampling=Sampling(max_tokens=512)), None, calls)
    if "checklist" in needs and settings.checklist.verifier == "judge_text":
        yield _verdict(settings, texts)
    if "confidence" in needs:
        role = BASE if settings.truth_of(arm) != "trained" else TRUTH
        yield Expected(Score(role, user("x" * 400), "true"), None, 2 * texts * CLAIMS)
    if "general" in needs:
        yield Expected(Score(GENERAL, user("x" * 4 * PROMPT_TOKENS), "x" * 1000), None, texts)


def _verdict(settings: KlcfSettings, texts: int) -> Expected:
    """One call a text: all items of its list together."""
    return Expected(Generate(settings.checklist.role, user(JUDGED), sampling=Sampling(max_tokens=256)), None, texts)


def klcf_rehearsal(settings: KlcfSettings, cast: Understudies) -> KlcfSettings:
    """Few people and samples, two steps an arm; judges by rule tell random texts not apart, so understudies judge."""
    evaluation = "judge_text" if settings.evaluation.judging.verifier in ("rule", "world") else None
    changes: dict[str, Any] = {
        "model": cast.model(settings.model),
        "seeds": settings.seeds[:1],
        "people": small_people(settings.people, cast),
        "roles": cast.roles(settings.roles),
        "general": None,
        "sampling.n": max(2, min(3, settings.sampling.n)),
        "sampling.max_tokens": COMPLETION,
        "judging.verifier": asked_verifier(settings.judging, settings.evaluation.judging),
        "checklist.verifier": "judge_text",
        "checklist.least_importance": 0.0,
        "checklist.empty": "keep",
        "checklist.k": None,
        "evaluated_by": "claims" if settings.evaluated_by == "judge_text" else settings.evaluated_by,
        "test_samples": 1,
        "arms": {name: arm.model_copy(update={"k": None}) for name, arm in settings.arms.items()},
        **of_trainer("sft", cast.trainer("sft", settings.sft)),
        **of_trainer("truth.training", cast.trainer("truthfulness", settings.truth.training)),
        **of_trainer("grpo", cast.trainer("grpo", settings.grpo)),
    }
    if evaluation is not None and changes["judging.verifier"] == settings.evaluation.judging.verifier:
        changes["evaluation.judging.verifier"] = evaluation
    return small(settings, changes)
