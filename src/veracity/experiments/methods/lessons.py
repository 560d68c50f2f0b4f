"""Lessons of `truthful-training`: which answers a model is taught to give, as demonstrations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import assert_never

from veracity.core.identity import derive_seed
from veracity.experiments.methods.material import Material, Used
from veracity.experiments.methods.settings import Boundary, Distilled, Form, Gold, Lesson, Own
from veracity.training.records import Demonstration
from veracity.training.selection import ScoredSample, select


def demonstrations(material: Material, lessons: Sequence[Lesson], used: Used) -> list[Demonstration]:
    """All lessons of a method, one after the other."""
    return [one for lesson in lessons for form in lesson.prompts for one in _of(material, lesson, form, used)]


def _of(material: Material, lesson: Lesson, form: Form, used: Used) -> list[Demonstration]:
    if isinstance(lesson, Own):
        return own_answers(material, lesson, form, used)
    if isinstance(lesson, Gold):
        return list(_gold(material, form))
    if isinstance(lesson, Boundary):
        return list(_boundary(material, lesson, form, used))
    if isinstance(lesson, Distilled):
        return list(_distilled(material, lesson, form, used))
    assert_never(lesson)


def own_answers(material: Material, lesson: Own, form: Form, used: Used) -> list[Demonstration]:
    """The base model's samples, all or the chosen ones."""
    if lesson.select.choose == "all":
        said = _replies(material, form, used)
        by_id = {p.id: p for p in material.prompts.train[form]}
        return [Demonstration(item, material.messages(form, by_id[item]), text) for (item, _), text in said.items()]
    return [s.demonstration for s in select(ranked_samples(material, form, lesson.score, used), lesson.select)]


def ranked_samples(material: Material, form: Form, score: str | None, used: Used) -> list[ScoredSample]:
    """The judged samples of a form with their score, where one is asked for; a trajectory is a prompt."""
    scored = material.scored(form, score, used) if score else []
    groups = scored or [(g, [None] * len(g.responses)) for g in material.groups(form, (), used)]
    found = []
    for group, values in groups:
        messages = material.messages(form, group.problem)
        for response, value in zip(group.responses, values, strict=True):
            if text := response.text.strip():
                shown = Demonstration(group.problem.id, messages, text)
                right = None if response.outcome is None else response.outcome == "correct"
                found.append(ScoredSample(shown, value, "higher", form, group.problem.id, right))
    return found


def _gold(material: Material, form: Form) -> Iterator[Demonstration]:
    for problem in material.prompts.train[form]:
        if problem.gold is not None:
            yield Demonstration(problem.id, material.messages(form, problem), problem.gold)


def _boundary(material: Material, lesson: Boundary, form: Form, used: Used) -> Iterator[Demonstration]:
    """One answer a prompt: the accepted one, or a refusal; prompts of which no sample was graded are left out."""
    for group in material.groups(form, (), used):
        outcomes = [r.outcome for r in group.responses if r.outcome is not None]
        if outcomes:
            has_it = outcomes.count("correct") / len(outcomes) >= lesson.least
            answer = group.problem.gold if has_it and group.problem.gold else lesson.refusal
            yield Demonstration(group.problem.id, material.messages(form, group.problem), answer)


def _distilled(material: Material, lesson: Distilled, form: Form, used: Used) -> Iterator[Demonstration]:
    """One a sample: the answer under the system prompt with probability `share`, else the one without."""
    by_id = {p.id: p for p in material.prompts.train[form]}
    own, other = _replies(material, form, used), _replies(material, form, used, lesson.system)
    for item, sample in dict.fromkeys((*own, *other)):
        drawn = Random(derive_seed(material.settings.seed, "whose answer", f"{item}/{sample}")).random() < lesson.share
        reply = (other if drawn else own).get((item, sample))
        if reply:
            yield Demonstration(item, material.messages(form, by_id[item]), reply)


def _replies(material: Material, form: Form, used: Used, system: str = "none") -> dict[tuple[str, int], str]:
    """(item, sample) → what was said; without samples that failed or say nothing."""
    table = material.samples(form, used, system)
    rows = table.select("item", "sample", "reply").iter_rows()
    return {(item, sample): reply.strip() for item, sample, reply in rows if reply and reply.strip()}
