"""What a training on rewards for beliefs would train, sample and ask, from its settings alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

from veracity.core.requests import Generate, Sampling, user
from veracity.domains import open_domain
from veracity.engine import Expected
from veracity.experiments.desk import POLICY, weights_of
from veracity.experiments.outlook import Outlook, PlannedTraining, steps_of
from veracity.experiments.truth_seeking_train.settings import TruthTrainSettings
from veracity.experiments.truth_seeking_train.source import Material, open_source, start_model
from veracity.judging.graders import asks_a_model, named_grader
from veracity.training.memory import MemoryShape

PROMPT_TOKENS = 600
"""Of a problem, about."""
TEACHER, GRADER, MEASURER = "teacher", "grader", "judges of the metric"


def truth_train_outlook(settings: TruthTrainSettings) -> Outlook:
    """Trainings, samples and grades; a run to learn from is read, and the domain where all test problems are taken."""
    tested, grpo = _tested(settings), settings.grpo
    material = open_source(settings.source) if settings.source else None
    own = 0 if material else settings.problems * settings.samples
    answers = own + tested * settings.test_samples * (1 + len(settings.methods))
    rewarded = _grpo_steps(settings) * grpo.batch_size if "grpo" in settings.methods else 0
    teacher, judge = settings.teacher, settings.roles.judge
    named = ({TEACHER: teacher.model} if teacher else {}) | ({GRADER: judge} if judge else {})
    measured = (
        list(_measured(settings, material, tested)) if material and settings.source and settings.source.test else []
    )
    if material and measured:
        named |= {MEASURER: next(iter(material.measured.judge.models), "nobody")}
    return Outlook(
        weights_of(start_model(settings, material)),
        tuple(_trainings(settings, len(material.samples) if material else own)),
        samples=answers + rewarded,
        sampled_tokens=answers * settings.max_tokens + rewarded * grpo.max_completion_length,
        judged=answers + rewarded,
        asked=(*_asked(settings, answers + rewarded), *measured),
        roles=named,
        items=tested,
        remarks=tuple(_remarks(settings, material)),
    )


def _trainings(settings: TruthTrainSettings, samples: int) -> Iterator[PlannedTraining]:
    """The cold start, imitation of the best of so many samples, and GRPO; examples train nothing."""
    teacher, sft, grpo = settings.teacher, settings.sft, settings.grpo
    if teacher is not None:
        rows, how = teacher.problems * teacher.samples, teacher.training
        yield PlannedTraining(
            "start", "sft", how, rows, steps_of(rows, how.epochs, how), MemoryShape(1, how.max_length)
        )
    if "sft" in settings.methods:
        share = settings.selection.share if settings.selection.choose == "top_share" else 1
        rows = math.floor(samples * share + 1e-9)
        yield PlannedTraining("sft", "sft", sft, rows, steps_of(rows, sft.epochs, sft), MemoryShape(1, sft.max_length))
    if "grpo" in settings.methods:
        shape = MemoryShape(1, PROMPT_TOKENS + grpo.max_completion_length, grpo.beta > 0 and grpo.lora is None)
        yield PlannedTraining("grpo", "grpo", grpo, settings.problems, _grpo_steps(settings), shape)


def _remarks(settings: TruthTrainSettings, material: Material | None) -> Iterator[str]:
    if material and settings.source:
        yield f"{len(material.samples):,} samples of {settings.source.run} have a value of {settings.source.metric}"
    if "few_shot" in settings.methods:
        yield f"few_shot trains nothing: at most {settings.few_shot.count} examples before every conversation"


def _asked(settings: TruthTrainSettings, texts: int) -> Iterator[Expected]:
    prompt = user("x" * 4 * PROMPT_TOKENS)
    yield Expected(Generate(POLICY, prompt, sampling=Sampling(max_tokens=settings.max_tokens)), times=texts)
    if (teacher := settings.teacher) is not None:
        yield Expected(Generate(TEACHER, prompt, teacher.samples, Sampling(max_tokens=64)), times=teacher.problems)
    if settings.roles.judge and asks_a_model(named_grader(settings.grader)):
        yield Expected(Generate(GRADER, prompt, sampling=Sampling(max_tokens=1024)), times=texts)


def _measured(settings: TruthTrainSettings, material: Material, tested: int) -> Iterator[Expected]:
    """Each model by the metric of the source, at the requests a problem that its run took."""
    problems = tested * len(material.measured.eval.domains) * (1 + len(settings.methods))
    own, others = (round(problems * each) for each in material.requests)
    shown, how = user("x" * 4 * PROMPT_TOKENS), material.measured
    yield Expected(Generate(POLICY, shown, sampling=Sampling(max_tokens=how.eval.max_tokens)), times=max(1, own))
    if others:
        yield Expected(Generate(MEASURER, shown, sampling=Sampling(max_tokens=how.judge.max_tokens)), times=others)


def _grpo_steps(settings: TruthTrainSettings) -> int:
    grpo = settings.grpo
    return grpo.steps or grpo.epochs * max(1, settings.problems // grpo.prompts_per_step) * grpo.iterations


def _tested(settings: TruthTrainSettings) -> int:
    if settings.test_problems is not None:
        return settings.test_problems
    return len(open_domain(settings.domain).problems(None, "test", settings.seed))
