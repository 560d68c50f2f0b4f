"""What `simplefact` trains: the model to start from, and from it one model for each setting of the reward.

**Cold start.** GRPO learns from differences inside a group. A model that never declines has no group in which somebody
does, and one under a careful prompt that declines always has none in which somebody attempts: both are dead zones. So
the model is first taught its own answers: those given without the careful prompt, and for a share of them those given
under it, without saying so (context distillation). It then does both, and declines mostly where it declined before.

**Rewards.** `fact`, `caution`, `both`, and `sequential`: facts up to a step, caution from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from veracity.core.identity import content_hash, derive_seed
from veracity.core.problem import Problem
from veracity.core.requests import Message, user
from veracity.experiments.desk import Desk, Policy
from veracity.experiments.judged_samples import (
    JudgingSettings,
    groups_of,
    judged_stage,
    judging_key,
    online_judge,
)
from veracity.experiments.sampling import Ask, SamplingSettings, samples_stage
from veracity.experiments.simplefact.data import questions_for, source_of
from veracity.experiments.simplefact.settings import Mode, SimpleFactSettings
from veracity.rewards import open_reward
from veracity.rewards.schedule import RewardSchedule
from veracity.training.records import Demonstration, Prompt, RewardPart

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A model at a step of its training."""

    system: str
    """`base`, `start`, or the setting of the reward."""
    seed: int | None
    """Of the repetition; None for the base model, which has none."""
    step: int
    policy: Policy
    last: bool = True
    """Whether the training ends here."""


def train_all(desk: Desk, settings: SimpleFactSettings, base: Policy, seed: int) -> list[Snapshot]:
    """The start and, from it, every setting of the reward, at each step that is measured."""
    start = cold_start(desk, settings, base, seed)
    found = [Snapshot("start", seed, 0, start)]
    prompts = chosen_questions(desk, settings, start, seed)
    for mode in settings.rewards:
        found += train(desk, settings, mode, start, prompts, seed)
    return found


def cold_start(desk: Desk, settings: SimpleFactSettings, base: Policy, seed: int) -> Policy:
    """The model that reinforcement learning starts from; the base model itself where no cold start is wanted."""
    from veracity.training.demonstrations import train_demonstrations

    how = settings.start
    if how is None:
        return base
    problems = questions_for(settings, "start", seed)
    asks = [
        Ask(arm, base, sampling(settings, arm, how.samples), derive_seed(seed, "cold start", arm))
        for arm in (settings.questions.system, how.careful)
    ]
    said = samples_stage(desk, f"start.{seed}.samples", problems, asks)
    shown = demonstrations(said, problems, asks[0], how.careful, how.share, seed)

    def teach(checkpoints: Path, out: Path) -> None:
        progress = desk.steps("cold start")
        train_demonstrations(
            Path(base.model), shown, how.training, seed=seed, folder=checkpoints, out=out, on_step=progress
        )

    return desk.trained(f"start.{seed}", teach)


def demonstrations(
    said: pl.DataFrame, problems: Sequence[Problem], own: Ask, careful: str, share: float, seed: int
) -> list[Demonstration]:
    """One a sample: the careful answer with probability `share`, else the other, both after the own prompt."""
    by_id = {p.id: p for p in problems}
    replies = {
        (item, sample, arm): reply
        for item, sample, arm, reply in said.select("item", "sample", "arm", "reply").iter_rows()
        if reply
    }
    found = []
    for item, sample in dict.fromkeys((item, sample) for item, sample, _ in replies):
        drawn = Random(derive_seed(seed, "whose answer", f"{item}/{sample}")).random() < share
        reply = replies.get((item, sample, careful if drawn else own.arm))
        if reply is not None:
            found.append(Demonstration(item, conversation(own, by_id[item]), reply))
    return found


def chosen_questions(desk: Desk, settings: SimpleFactSettings, start: Policy, seed: int) -> list[Prompt]:
    """Just hard enough for the model that training starts from, evenly by source, and a caution set beside them."""
    from veracity.training.filtering import just_hard_enough, tried

    how, problems = settings.filter, questions_for(settings, "filter", seed)
    ask = Ask("start", start, sampling(settings, settings.questions.system, how.samples), derive_seed(seed, "filter"))
    name = f"filter.{seed}.samples"
    said = samples_stage(desk, name, problems, [ask])
    judged = judged_stage(desk, f"filter.{seed}.judged", judging(settings), problems, said, made=name)
    found = [
        replace(tried(group), source=source_of(group.problem, settings.questions))
        for group in groups_of(judged, problems)
    ]
    chosen = just_hard_enough(found, how.keep, caution=how.caution, seed=seed)
    by_id = {p.id: p for p in problems}
    return [Prompt(item, conversation(ask, by_id[item])) for item in (*chosen.learnable, *chosen.caution)]


def train(
    desk: Desk, settings: SimpleFactSettings, mode: Mode, start: Policy, prompts: Sequence[Prompt], seed: int
) -> list[Snapshot]:
    """One setting of the reward: from measurement to measurement, and from reward to reward."""
    found, policy, step = [], start, 0
    for stop in stops(settings, mode):
        reward = schedule(settings, mode).at(step)
        policy = _stretch(desk, settings, f"{mode}.{seed}.{stop}", policy, reward, prompts, stop - step, seed)
        step = stop
        found.append(Snapshot(mode, seed, step, policy, last=stop == settings.steps))
    return found


def schedule(settings: SimpleFactSettings, mode: Mode) -> RewardSchedule:
    """The rewards of a setting and when they hold."""
    term = f"&wrong={settings.wrong:g}" if settings.wrong else ""
    if mode == "sequential":
        return RewardSchedule(tuple(f"simplefact?mode={m}{term}" for m in ("fact", "caution")), (settings.switch,))
    return RewardSchedule((f"simplefact?mode={mode}{term}",))


def stops(settings: SimpleFactSettings, mode: Mode) -> list[int]:
    """The steps after which a model is kept, the last one included."""
    every = settings.measure_every or settings.steps
    switches = schedule(settings, mode).switches
    return sorted({*range(every, settings.steps, every), *switches, settings.steps})


def sampling(settings: SimpleFactSettings, system: str, n: int, temperature: float = 1.0) -> SamplingSettings:
    """How short answers are drawn."""
    asked = settings.questions
    return SamplingSettings(
        n=n, temperature=temperature, max_tokens=asked.max_tokens, system=system, family=asked.family
    )


def judging(settings: SimpleFactSettings) -> JudgingSettings:
    """How they are judged."""
    return JudgingSettings(form="short", family=settings.questions.family)


def conversation(ask: Ask, problem: Problem) -> tuple[Message, ...]:
    """The turns before the answer."""
    prompt = ask.request(problem).prompt
    return user(prompt) if isinstance(prompt, str) else tuple(prompt)


def _stretch(
    desk: Desk,
    settings: SimpleFactSettings,
    name: str,
    start: Policy,
    reward: str,
    prompts: Sequence[Prompt],
    steps: int,
    seed: int,
) -> Policy:
    """So many steps of GRPO under one reward."""
    from veracity.training.grpo import train_grpo

    how = settings.grpo.model_copy(update={"steps": steps, "save_every": min(settings.grpo.save_every, steps)})
    problems = questions_for(settings, "filter", seed)
    own = derive_seed(seed, "stretch", name)

    judge = online_judge(desk, f"reward {name}", judging(settings), problems)
    judged_by = content_hash([judging_key(desk, judging(settings)), problems])
    part = RewardPart(open_reward(reward), 1.0)

    def reinforce(checkpoints: Path, out: Path) -> None:
        train_grpo(
            Path(start.model), prompts, judge, [part], how, judged_by=judged_by, seed=own, folder=checkpoints,
            out=out, on_step=desk.steps(name),
        )  # fmt: skip

    return desk.trained(name, reinforce)
