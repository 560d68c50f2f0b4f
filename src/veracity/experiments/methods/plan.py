"""What a table of methods would train, sample and judge, from its settings alone; and the same made small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from veracity.core.requests import Generate, Sampling, user
from veracity.engine import Expected
from veracity.experiments.desk import POLICY
from veracity.experiments.facttune.plan import judging_of, people_counts
from veracity.experiments.facttune.rehearsal import asked_verifier, small_people
from veracity.experiments.factuality.plan import JUDGED
from veracity.experiments.methods.settings import (
    Asked,
    Consistent,
    Form,
    Gold,
    Labelled,
    MethodsSettings,
    Preferred,
    Reinforced,
    Shown,
    Taught,
)
from veracity.experiments.outlook import Outlook, PlannedTraining, steps_of
from veracity.experiments.understudies import COMPLETION, of_trainer, small
from veracity.training.memory import MemoryShape

if TYPE_CHECKING:
    from veracity.experiments.understudies import Understudies

PROMPT_TOKENS = 256
"""Of a question with its instructions, or a request for a text, roughly."""
Trainable = Taught | Preferred | Labelled | Reinforced | Consistent


def methods_outlook(settings: MethodsSettings) -> Outlook:
    """Trainings, samples and judgements of a table, where the numbers of prompts are set; else the domains are read."""
    counts, tested = prompt_counts(settings)
    drawn = {form: count * settings.samples.n for form, count in counts.items()}
    trainings = tuple(_trainings(settings, counts))
    online = dict.fromkeys(counts, 0)
    for one in trainings:
        method = settings.methods[one.name]
        if isinstance(method, Reinforced | Consistent):
            online[_form(method)] += one.steps * one.settings.batch_size
    answers = _answers(settings, tested)
    texts = {form: drawn[form] + online[form] + answers.get(form, 0) for form in counts}
    longest = _longest(settings)
    return Outlook(
        settings.model,
        trainings,
        samples=sum(texts.values()),
        sampled_tokens=sum(texts[form] * longest[form] for form in texts),
        judged=sum(texts.values()),
        asked=tuple(_asked(settings, texts, answers, longest)),
        roles=settings.roles.names(),
        items=sum(tested.values()),
        corpus=settings.roles.corpus or "no corpus",
    )


def _longest(settings: MethodsSettings) -> dict[Form, int]:
    """Tokens of a text of each form, at most."""
    learning = [m for m in settings.methods.values() if isinstance(m, Reinforced | Consistent)]
    limit = max((settings.trainers.of(method).max_completion_length for method in learning), default=0)
    short, long = settings.samples.short_tokens, settings.samples.long_tokens
    return {"short": max(limit, short), "long": max(limit, long), "reading": max(limit, short)}


def prompt_counts(settings: MethodsSettings) -> tuple[dict[Form, int], dict[Form, int]]:
    """Prompts by form: to train on, and to test."""
    long, tested = people_counts(settings.people)
    sources = len(settings.questions.domains)
    if settings.questions.source != "domain" or settings.train_questions is None or settings.table.questions is None:
        from veracity.experiments.methods.material import gather_prompts

        found = gather_prompts(settings)
        train: dict[Form, int] = {form: len(own) for form, own in found.train.items()}
        return train, {form: len(own) for form, own in found.test.items()}
    short = sources * settings.train_questions
    return (
        {"short": short, "long": long, "reading": settings.train_reading},
        {"short": sources * settings.table.questions, "long": tested},
    )


def _form(method: Reinforced | Consistent) -> Form:
    """Of what it writes while it learns; the first of several."""
    return "long" if isinstance(method, Consistent) else method.prompts[0]


def _trainings(settings: MethodsSettings, counts: dict[Form, int]) -> Iterator[PlannedTraining]:
    for name, method in settings.methods.items():
        if isinstance(method, Asked | Shown):
            continue
        how = settings.trainers.of(method)
        rows = _rows(settings, method, counts)
        if isinstance(method, Reinforced | Consistent):
            steps = how.steps or how.epochs * max(1, rows // how.prompts_per_step) * how.iterations
            reference = how.beta > 0 and how.lora is None
            shape = MemoryShape(1, PROMPT_TOKENS + how.max_completion_length, reference)
            yield PlannedTraining(name, "grpo", how, rows, steps, shape)
        elif isinstance(method, Taught):
            shape = MemoryShape(1, min(how.max_length, PROMPT_TOKENS + settings.samples.long_tokens))
            yield PlannedTraining(name, "sft", how, rows, steps_of(rows, how.epochs, how), shape)
        else:
            width = 2 if isinstance(method, Preferred) else 1
            tokens = min(how.max_length, PROMPT_TOKENS + settings.samples.long_tokens)
            shape = MemoryShape(width, tokens, reference=how.lora is None)
            yield PlannedTraining(name, "dpo", how, rows, steps_of(rows, how.epochs, how), shape)


def _rows(settings: MethodsSettings, method: Trainable, counts: dict[Form, int]) -> int:
    """Rows or prompts of an epoch, at most."""
    n = settings.samples.n
    if isinstance(method, Taught):
        each = ((1 if isinstance(o, Gold) else n, counts[form]) for o in method.lessons for form in o.prompts)
        return sum(rows * count for rows, count in each)
    if isinstance(method, Preferred):
        pairs = (sum(counts[form] for form in one.prompts) * n * (n - 1) // 2 for one in method.preferences)
        return sum(min(have, one.most or have) for have, one in zip(pairs, method.preferences, strict=True))
    if isinstance(method, Labelled):
        return sum(counts[form] * n for one in method.labels for form in one.prompts)
    if isinstance(method, Reinforced):
        if method.filter is not None:
            return method.filter.keep + method.filter.caution
        return sum(counts[form] for form in method.prompts)
    return counts["long"]


def _answers(settings: MethodsSettings, tested: dict[Form, int]) -> dict[Form, int]:
    """Of the evaluation: each method and the base, questions greedily and drawn, requests as often as said."""
    models, table = 1 + len(settings.methods), settings.table
    return {
        "short": tested["short"] * (models * (1 + table.drawn) + table.known_by),
        "long": tested["long"] * models * table.texts,
    }


def _asked(
    settings: MethodsSettings, texts: dict[Form, int], answers: dict[Form, int], longest: dict[Form, int]
) -> Iterator[Expected]:
    for form, count in texts.items():
        prompt = user("x" * 4 * PROMPT_TOKENS)
        yield Expected(Generate(POLICY, prompt, sampling=Sampling(max_tokens=longest[form])), times=count)
    yield from judging_of(settings.judging, texts["long"] - answers["long"])
    yield from judging_of(settings.table.judging, answers["long"])
    if settings.roles.judge is not None:
        graded = texts["short"] + texts["reading"]
        yield Expected(Generate("judge", user(JUDGED), sampling=Sampling(max_tokens=16)), times=graded)


def methods_rehearsal(settings: MethodsSettings, cast: Understudies) -> MethodsSettings:
    """Few prompts of each form; every method is trained, two steps where rewards teach."""
    trainers = {
        name: cast.trainer(name, getattr(settings.trainers, name)) for name in ("sft", "dpo", "kto", "grpo", "rloo")
    }
    own = {name: _small_method(settings, name, method, trainers) for name, method in settings.methods.items()}
    changes: dict[str, Any] = {
        "model": cast.model(settings.model),
        "roles": cast.roles(settings.roles),
        "questions.domains": tuple(cast.domain(name) for name in settings.questions.domains),
        "questions.family": "plain",
        "train_questions": 6,
        "people": small_people(settings.people, cast),
        "train_reading": 4,
        "samples": settings.samples.model_copy(update={"n": 3, "short_tokens": COMPLETION, "long_tokens": COMPLETION}),
        "judging.verifier": asked_verifier(settings.judging, settings.table.judging),
        "confidence.samples": 4,
        "confidence.questions": "asked",
        "table.questions": 2,
        "table.drawn": 2,
        "table.known_by": 2,
        "methods": own,
    }
    for name, changed in trainers.items():
        changes |= of_trainer(f"trainers.{name}", changed)
    return small(settings, changes)


def _small_method(settings: MethodsSettings, name: str, method: Any, trainers: dict[str, dict[str, Any]]) -> Any:
    """The method with the sizes of a rehearsal over its own training."""
    values = method.model_dump()
    if isinstance(method, Reinforced) and method.filter is not None:
        values["filter"] = {"samples": 4, "keep": 1, "caution": 1}
    if isinstance(method, Reinforced | Consistent):
        whole = settings.trainers.of(method)
        kept = {key: getattr(whole, key) for key in ("group_size", "accumulation", "iterations")}
        accumulation = min(2, kept["accumulation"])
        values["training"] = {
            **method.training,
            **trainers["grpo" if isinstance(method, Consistent) else method.trainer],
            "accumulation": accumulation,
            "batch_size": 2 * kept["group_size"] * accumulation,
        }
    elif not isinstance(method, Asked | Shown):
        values["training"] = {**method.training, **trainers[method.trainer]}
    return values
