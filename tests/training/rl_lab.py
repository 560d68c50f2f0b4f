"""A small laboratory for trainers on group rewards: world questions, a judge by look-up, rewards easy to see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from veracity.core.judged import Group, JudgedResponse
from veracity.core.problem import Problem
from veracity.domains.base import open_domain
from veracity.rewards import Reward
from veracity.training.launcher import Launch
from veracity.training.loading import load_model
from veracity.training.records import Completion, Prompt, RewardPart
from veracity.training.reward_functions import RewardStage
from veracity.training.rl_settings import RlSettings
from veracity.world.tiny import folder

START = folder()


def problems(n: int = 8) -> tuple[Problem, ...]:
    return open_domain("world-qa").problems(n, split="train")


def prompts(n: int = 8) -> list[Prompt]:
    return [Prompt(p.id, p.messages()) for p in problems(n)]


def judge_of(found: Sequence[Problem]) -> Callable[[Sequence[tuple[str, Sequence[Completion]]]], list[Group]]:
    """Right if the answer occurs in the text."""
    by_id = {p.id: p for p in found}

    def one(problem: Problem, said: Completion) -> JudgedResponse:
        right = problem.gold is not None and problem.gold in said.text
        return JudgedResponse(said.text, said.tokens, said.truncated, outcome="correct" if right else "incorrect")

    return lambda batch: [Group(by_id[i], tuple(one(by_id[i], said) for said in all_)) for i, all_ in batch]


def part(name: str, of: Callable[[JudgedResponse], float | None], weight: float = 1.0) -> RewardPart:
    return RewardPart(Reward(name, frozenset(), lambda group: [of(r) for r in group.responses]), weight)


def long_words(response: JudgedResponse) -> float:
    """A trivial reward: the length in characters."""
    return float(len(response.text))


def trainer(kind: Any, settings: RlSettings, tmp: Path, rewards: Sequence[RewardPart], n: int = 8) -> Any:
    """TRL's trainer, ready to be looked at."""
    from veracity.training.group_training import GroupTraining, make_trainer

    what = GroupTraining(prompts(n), judge_of(problems(n)), rewards, "look-up")
    stage = RewardStage(what.judge, rewards, settings.group_size, settings.max_missing)
    model, tokenizer = load_model(START, settings)
    batch = Launch(0, 1, None).per_device_batch(settings)
    return make_trainer(kind, what, stage, model, tokenizer, settings, seed=0, folder=tmp, batch=batch)
