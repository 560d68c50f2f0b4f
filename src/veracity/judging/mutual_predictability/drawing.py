"""Drawing trials: who predicts whom on what, or why a draw is no trial. Pure: equal seeds draw the same.

Draws are common to all evaluated policies: draw 3 of a question has the same predictor, predicts the same answer of the
same policy and shows the same examples, whoever is evaluated, as far as the axes let it. So two policies can be
compared on the same targets, and what is asked without a context is asked once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import TypeVar

from veracity.core.identity import derive_seed
from veracity.judging.grading.abstention import abstains
from veracity.judging.mutual_predictability.base import (
    Answer,
    MutualSettings,
    PolicyChoice,
    Predictor,
    Skipped,
    SkipReason,
    Trial,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Pool:
    """Answers of all policies, found by policy and question; make one by `Pool.of`."""

    answers: Mapping[str, Mapping[tuple[str, str], Sequence[Answer]]]
    """By policy, and then by question."""
    models: Sequence[str]
    """All policies, sorted."""
    questions: Sequence[tuple[str, str]]
    """All questions, sorted."""

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> Pool:
        """Each (policy, question) at least once."""
        found: dict[str, dict[tuple[str, str], list[Answer]]] = {}
        for answer in answers:
            found.setdefault(answer.model, {}).setdefault(answer.asked, []).append(answer)
        questions = {asked for own in found.values() for asked in own}
        return cls(found, sorted(found), sorted(questions))

    def some(self, rng: Random, model: str, without: set[tuple[str, str]], count: int) -> tuple[Answer, ...]:
        """One answer of `model` to each of at most `count` questions other than `without`."""
        own = self.answers.get(model, {})
        questions = [question for question in self.questions if question in own and question not in without]
        return tuple(rng.choice(own[q]) for q in rng.sample(questions, min(count, len(questions))))


def draw_trial(
    evaluated: Answer, pool: Pool, predictors: Sequence[Predictor], settings: MutualSettings, number: int
) -> Trial | Skipped:
    """Draw `number` for one answer of the evaluated policy.

    Args:
        evaluated: whose score it is; its policy is the evaluated one.
        pool: answers of all policies, the evaluated one's among them.
        predictors: models that can give log-probabilities.
        settings: the axes.
        number: which draw.
    """
    luck = _Luck(settings.seed, f"{evaluated.domain}/{evaluated.item}/{evaluated.replicate}/{number}")
    predictor = _chosen(luck("predictor"), predictors, [p.model for p in predictors], settings.predictor, evaluated)
    if predictor is None:
        return Skipped(number, "no_predictor")
    predicted = _chosen(luck("predicted"), pool.models, pool.models, settings.predicted, evaluated)
    if predicted is None:
        return Skipped(number, "no_predicted", predictor)
    target = _target(luck, evaluated, pool, predicted, settings)
    if target is None:
        return Skipped(number, "no_target_answer", predictor)
    context = _context(luck("context"), evaluated, pool, settings)
    shown = {target.asked, *(answer.asked for answer in context)}
    examples = pool.some(luck("examples"), predicted, shown, settings.examples)
    if reason := _reason(predictor, target, context, len(examples), settings):
        return Skipped(number, reason, predictor, target)
    control = _control(luck("control"), evaluated, pool, target, len(context))
    matched = _matched(luck("matched"), evaluated, pool, target, context, examples)
    return Trial(number, predictor, target, context, examples, control, matched)


@dataclass(frozen=True, slots=True)
class _Luck:
    """A generator for each purpose of one draw, so that what one of them uses up changes no other."""

    seed: int
    draw: str

    def __call__(self, purpose: str) -> Random:
        return Random(derive_seed(self.seed, f"mutual predictability: {purpose}", self.draw))


def _reason(
    predictor: Predictor, target: Answer, context: Sequence[Answer], examples: int, settings: MutualSettings
) -> SkipReason | None:
    """The first rule that the draw breaks."""
    needed = settings.k if settings.context == "k_random_non_evaluated" else 1
    rules: tuple[tuple[SkipReason, bool], ...] = (
        ("predictor_is_predicted", predictor.model == target.model),
        ("filtered_answer", any(answer.status == "filtered" for answer in (target, *context))),
        ("empty_answer", any(not answer.text.strip() for answer in (target, *context))),
        ("refused_answer", any(_abstains(answer.text) for answer in (target, *context))),
        ("too_few_context_answers", len(context) < needed),
        ("too_few_examples", examples < settings.examples),
        ("target_in_context", any((c.asked, c.model) == (target.asked, target.model) for c in context)),
        ("identical_text", any(c.text.split() == target.text.split() for c in context)),
    )
    return next((reason for reason, broken in rules if broken), None)


@lru_cache(maxsize=4096)
def _abstains(text: str) -> bool:
    """Remembered, as an answer is looked at in many draws."""
    return abstains(text)


def _target(luck: _Luck, evaluated: Answer, pool: Pool, predicted: str, settings: MutualSettings) -> Answer | None:
    questions = pool.questions
    if settings.target == "evaluated_question":
        if predicted == evaluated.model and settings.context != "evaluated_question":
            return evaluated
        questions = [evaluated.asked]
    elif settings.target == "random_non_evaluated_question":
        questions = [question for question in questions if question != evaluated.asked]
    question = _one(luck("question"), questions)
    answers = [] if question is None else list(pool.answers[predicted].get(question, ()))
    # of the evaluated answer's own policy another sample, so that an answer never predicts itself
    return _one(luck("target"), [a for a in answers if a.trajectory != evaluated.trajectory] or answers)


def _context(rng: Random, evaluated: Answer, pool: Pool, settings: MutualSettings) -> tuple[Answer, ...]:
    if settings.context == "evaluated_question":
        return (evaluated,)
    return pool.some(rng, evaluated.model, {evaluated.asked}, settings.k)


def _control(rng: Random, evaluated: Answer, pool: Pool, target: Answer, count: int) -> tuple[Answer, ...]:
    """Answers to other questions by a policy that is neither the evaluated nor, if there is another, the predicted."""
    others = [model for model in pool.models if model != evaluated.model]
    model = _one(rng, [model for model in others if model != target.model] or others)
    found = () if model is None else pool.some(rng, model, {target.asked, evaluated.asked}, count)
    return _unlike(target, found, count)


def _matched(
    rng: Random, evaluated: Answer, pool: Pool, target: Answer, context: Sequence[Answer], examples: Sequence[Answer]
) -> tuple[Answer, ...]:
    """Answers of the evaluated policy to other questions, where the context answers the target's question.

    None of them in the target's very words: the context is none either, and only what is drawn alike can be compared.
    """
    if target.asked not in {answer.asked for answer in context}:
        return ()
    shown = {answer.asked for answer in (target, *context, *examples)}
    found = pool.some(rng, evaluated.model, shown, len(context))
    return _unlike(target, found, len(context))


def _unlike(target: Answer, found: tuple[Answer, ...], count: int) -> tuple[Answer, ...]:
    """What was found, if it is as many as wanted, and none is empty or the target's text."""
    said = target.text.split()
    return found if len(found) == count and all(a.text.split() not in ([], said) for a in found) else ()


def _chosen(
    rng: Random, items: Sequence[T], models: Sequence[str], choice: PolicyChoice, evaluated: Answer
) -> T | None:
    """The first that may be chosen, in an order that does not depend on who is evaluated; each is as likely."""
    ranked = rng.sample(range(len(items)), len(items))
    allowed = (n for n in ranked if choice == "random_any" or (models[n] == evaluated.model) == (choice == "evaluated"))
    return next((items[n] for n in allowed), None)


def _one(rng: Random, items: Sequence[T]) -> T | None:
    return rng.choice(items) if items else None
