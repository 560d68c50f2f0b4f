"""KLCF as one of the methods of `truthful-training`: the stages of `klcf` on the table's own prompts and samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from veracity.core.judged import Group
from veracity.experiments.desk import Policy
from veracity.experiments.judged_samples import groups_of
from veracity.experiments.klcf.checklists import refuse_unjudged, texts_of, with_checklists
from veracity.experiments.klcf.judge import GENERAL, TimedJudge
from veracity.experiments.klcf.settings import ArmSettings, KlcfSettings, KlcfTargets
from veracity.experiments.klcf.training import needs_of, prepare
from veracity.experiments.klcf.truth import play_truth
from veracity.experiments.methods.clock import Clock
from veracity.experiments.methods.material import Material, Used, judgements
from veracity.experiments.methods.settings import Consistent
from veracity.rewards import open_reward
from veracity.training.records import Completion, Prompt, RewardPart

ARM = "klcf"


def train_consistent(
    material: Material, name: str, method: Consistent, start: Policy, used: Used, clock: Clock
) -> Policy:
    """GRPO on what the base model knows, from the model of `start`.

    Stages `checklists.…`, `checks.…` and `truth.…` are those of the experiment `klcf`.
    """
    from veracity.training.grpo import train_grpo

    desk, seed = material.desk, material.settings.seed
    people, settings = material.prompts.train["long"], klcf_settings(material, method)
    judged = material.judged("long", used)
    refuse_unjudged(judged, settings.most_unjudged)
    desk.keys[f"judged.{seed}"] = desk.keys["judged.long"]  # what its stages are made from
    truth = prepare(desk, settings, material.base, people, groups_of(judged, people), seed).get(settings.truth.kind)
    lists, needs = texts_of(desk.tables[f"checklists.{settings.k_of(ARM)}.{seed}"]), needs_of(settings, ARM)
    problems = with_checklists(people, lists, settings.checklist)
    believe = truth.judge if truth is not None and "confidence" in needs else None
    timed = TimedJudge(desk, settings, {p.id: p for p in problems}, needs, lists, believe, f"reward {name}")

    def judge(batch: Sequence[tuple[str, Sequence[Completion]]]) -> list[Group]:
        groups = timed(batch)
        items = sum(len(r.checklist or ()) for g in groups for r in g.responses)
        clock.count(sum(len(g.responses) for g in groups), judgements(groups) + items)
        return groups

    def train(folder: Path, out: Path, **told: object) -> None:
        if truth is not None:
            play_truth(desk, truth, material.base)
        if "general" in needs:
            desk.play_as(GENERAL, material.base)
        prompts = [Prompt(p.id, material.messages("long", p)) for p in problems]
        parts = [RewardPart(open_reward(spec), weight) for spec, weight in settings.rewards_of(ARM).items()]
        train_grpo(
            Path(start.model), prompts, judge, parts, settings.grpo, folder=folder, out=out,
            judged_by=timed.key(material.base, truth.policy if truth else None), **told,  # type: ignore[arg-type]
        )  # fmt: skip

    return clock.run(train, seed=seed)


def klcf_settings(material: Material, method: Consistent) -> KlcfSettings:
    """The method as settings of the experiment `klcf`."""
    settings = material.settings
    given = {} if method.rewards is None else {"rewards": method.rewards}
    return KlcfSettings(
        model=settings.model,
        seeds=(settings.seed,),
        people=settings.people,
        roles=settings.roles,
        sampling=material.sampling("long"),
        judging=settings.judging,
        truth=method.truth,
        arms={ARM: ArmSettings()},
        grpo=settings.trainers.of(method),
        targets=KlcfTargets(both=(ARM,), shorter=(), longer=()),
        **given,  # type: ignore[arg-type]
    )
