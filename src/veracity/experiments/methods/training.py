"""One model for each method of `truthful-training`: what its trainer is given, made from the shared material."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from statistics import fmean
from typing import assert_never
from urllib.parse import quote

from veracity.core.identity import content_hash, derive_seed
from veracity.core.judged import Group
from veracity.core.problem import Problem
from veracity.experiments.desk import Policy
from veracity.experiments.judged_samples import groups_of, judged_stage, judging_key, online_judge
from veracity.experiments.methods.clock import Clock
from veracity.experiments.methods.lessons import demonstrations, ranked_samples
from veracity.experiments.methods.material import Material, Used, judgements
from veracity.experiments.methods.settings import (
    Asked,
    Consistent,
    FilterSettings,
    Form,
    Label,
    Labelled,
    Method,
    Preference,
    Preferred,
    Reinforced,
    Shown,
    Taught,
    folder_name,
)
from veracity.experiments.sampling import Ask, samples_stage
from veracity.experiments.simplefact.data import source_of
from veracity.rewards import open_reward
from veracity.training.pairs import Scored, build_pairs
from veracity.training.records import (
    Completion,
    Judge,
    LabelledResponse,
    PreferencePair,
    Prompt,
    RewardPart,
)


@dataclass
class Trained:
    """A method's model, and what it took to get there from the base model."""

    name: str
    policy: Policy
    used: Used = field(default_factory=dict)
    """Of the whole chain, by stage: what two methods share is in both."""
    seconds: float = 0.0
    """Spent in trainers over the whole chain, generation and rewards of online methods included."""


def train_method(material: Material, name: str, method: Method, start: Trained) -> Trained:
    """The model of a method, trained unless it is there; a method that trains nothing has its start's."""
    made = Trained(name, start.policy, dict(start.used), start.seconds)
    if isinstance(method, Asked):
        return made
    if isinstance(method, Shown):
        made.policy = _shown(material, name, method, start, made.used)
        return made
    clock = Clock(material.desk, name, [method, material.settings.trainers.of(method), start.policy.key])
    if isinstance(method, Consistent):
        from veracity.experiments.methods.klcf import train_consistent

        made.policy = train_consistent(material, name, method, start.policy, made.used, clock)
    else:
        made.policy = _trained(material, name, method, start.policy, made.used, clock)
    seconds, samples, judged = clock.total()
    if samples:
        made.used[f"online.{name}"] = (samples, judged)
    made.seconds += seconds
    return made


def _trained(
    material: Material,
    name: str,
    method: Taught | Preferred | Labelled | Reinforced,
    start: Policy,
    used: Used,
    clock: Clock,
) -> Policy:
    from veracity.training.demonstrations import train_demonstrations
    from veracity.training.dpo import train_dpo
    from veracity.training.kto import train_kto

    how = material.settings.trainers.of(method)
    if isinstance(method, Reinforced):
        return _reinforced(material, name, method, start, used, clock)
    place = Path(start.model)
    train: Callable[..., object]
    if isinstance(method, Taught):
        train = partial(train_demonstrations, place, demonstrations(material, method.lessons, used), how)
    elif isinstance(method, Preferred):
        pairs = [pair for one in method.preferences for pair in preferences(material, one, used)]
        train = partial(train_dpo, place, pairs, how)
    elif isinstance(method, Labelled):
        rows = [row for one in method.labels for row in labels(material, one, used)]
        train = partial(train_kto, place, rows, how)
    else:
        assert_never(method)
    return clock.run(train, seed=material.settings.seed)


def preferences(material: Material, wanted: Preference, used: Used) -> list[PreferencePair]:
    """The pairs of one score, of all its forms."""
    groups = []
    for form in wanted.prompts:
        for group, scores in material.scored(form, wanted.score, used):
            prompt = Prompt(group.problem.id, material.messages(form, group.problem))
            said = zip(group.responses, scores, strict=True)
            groups.append((prompt, [Scored(r.text.strip(), score, r.tokens) for r, score in said]))
    pairs = build_pairs(groups, wanted.pairs).pairs
    if wanted.most is None or len(pairs) <= wanted.most:
        return list(pairs)
    order = Random(derive_seed(material.settings.seed, "pairs", wanted.score)).sample(range(len(pairs)), wanted.most)
    return [pairs[i] for i in sorted(order)]


def labels(material: Material, wanted: Label, used: Used) -> list[LabelledResponse]:
    """Samples above and below the threshold; those on it, and those without a score, teach nothing."""
    found = []
    for form in wanted.prompts:
        for group, scores in material.scored(form, wanted.score, used):
            known = [score for score in scores if score is not None]
            limit = wanted.threshold if wanted.threshold is not None else fmean(known) if known else 0.0
            messages = material.messages(form, group.problem)
            found += [
                LabelledResponse(group.problem.id, messages, r.text.strip(), score > limit)
                for r, score in zip(group.responses, scores, strict=True)
                if score is not None and score != limit and r.text.strip()
            ]
    return found


def _reinforced(material: Material, name: str, method: Reinforced, start: Policy, used: Used, clock: Clock) -> Policy:
    from veracity.training.grpo import train_grpo
    from veracity.training.rloo import train_rloo

    how = material.settings.trainers.of(method)
    chosen = {form: _worth_it(material, name, method.filter, form, start, used) for form in method.prompts}
    prompts = [Prompt(p.id, material.messages(form, p)) for form, problems in chosen.items() for p in problems]
    parts = [RewardPart(open_reward(spec), weight) for spec, weight in method.rewards.items()]
    judge = _judge_of_all(material, name, chosen, clock)
    judged_by = content_hash(
        [[judging_key(material.desk, material.judging(form)), problems] for form, problems in chosen.items()]
    )
    train: Callable[..., object] = train_grpo if method.trainer == "grpo" else train_rloo
    return clock.run(
        lambda folder, out, **told: train(
            Path(start.model), prompts, judge, parts, how, judged_by=judged_by, folder=folder, out=out, **told
        ),
        seed=derive_seed(material.settings.seed, "reinforced", name) % 2**31,  # what NumPy takes
    )


def _judge_of_all(material: Material, name: str, problems: dict[Form, list[Problem]], clock: Clock) -> Judge:
    """The judge of a training: each prompt in its own form; what it is asked is counted."""
    stage = f"reward {name}"
    by_form = {f: online_judge(material.desk, stage, material.judging(f), own) for f, own in problems.items()}
    form_of = {p.id: form for form, own in problems.items() for p in own}

    def judge(batch: Sequence[tuple[str, Sequence[Completion]]]) -> list[Group]:
        found: dict[str, Group] = {}
        for form, of_form in by_form.items():
            own = [one for one in batch if form_of[one[0]] == form]
            found |= {group.problem.id: group for group in (of_form(own) if own else ())}
        groups = [found[item] for item, _ in batch]
        clock.count(sum(len(g.responses) for g in groups), judgements(groups))
        return groups

    return judge


def _worth_it(
    material: Material, name: str, how: FilterSettings | None, form: Form, start: Policy, used: Used
) -> list[Problem]:
    """The prompts of a form that are trained on: all, or those that are just hard enough for the start."""
    from veracity.training.filtering import just_hard_enough, tried

    problems = list(material.prompts.train[form])
    if how is None:
        return problems
    stage = f"filter.{folder_name(name)}.{form}"
    seed = derive_seed(material.settings.seed, "filter", name)
    ask = Ask("start", start, material.sampling(form, n=how.samples), seed)
    said = samples_stage(material.desk, f"{stage}.samples", problems, [ask])
    judging = material.judging(form)
    judged = judged_stage(material.desk, f"{stage}.judged", judging, problems, said, made=f"{stage}.samples")
    groups = groups_of(judged, problems)
    used[stage] = (said.height, judgements(groups))
    found = [replace(tried(g), source=source_of(g.problem, material.settings.questions)) for g in groups]
    chosen = just_hard_enough(found, how.keep, caution=how.caution, seed=material.settings.seed)
    by_id = {p.id: p for p in problems}
    return [by_id[item] for item in (*chosen.learnable, *chosen.caution)]


def _shown(material: Material, name: str, method: Shown, start: Trained, used: Used) -> Policy:
    """The start with the best samples before every conversation."""
    from veracity.models.resolve import open_model
    from veracity.training.few_shot import train_few_shot

    samples = [s for form, score in method.score.items() for s in ranked_samples(material, form, score, used)]
    run = material.desk.run_folder.path
    folder, how = folder_name(name), material.settings.trainers.of(method)
    shown = train_few_shot(
        open_model(start.policy.model), start.policy.model, samples, how, out=run / "models" / folder, run=run.name
    )
    model = f"trained/{run.name}/{folder}?runs={quote(str(run.parent))}"
    return Policy(model, content_hash([start.policy.key, shown]))
