"""The judge of a training on a grader's reward: from sampled completions to groups with the grader's scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from veracity.core.judged import Group, JudgedResponse
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Program
from veracity.judging.graders import Grader
from veracity.judging.graders.judged import judge_by_grader
from veracity.rewards import open_reward
from veracity.training.records import Completion, Judge, RewardPart

Played: TypeAlias = Mapping[str, JudgedResponse | Failure | Exception]
Play: TypeAlias = Callable[[Mapping[str, Program[JudgedResponse]]], Played]
"""Runs programs by name, with whom the grader asks in its role."""


def graded_groups(
    problems: Sequence[Problem], grader: Grader, play: Play, *, misformed: float | None = None
) -> tuple[Judge, RewardPart]:
    """A trainer's judge and the reward that reads it.

    A grade that could not be had gives no reward, and that response is left out; `misformed`, where given, is what an
    answer earns whose form the grader cannot read.
    """
    by_id = {problem.id: problem for problem in problems}

    def judge(batch: Sequence[tuple[str, Sequence[Completion]]]) -> list[Group]:
        said = {f"{n}/{k}": (by_id[item], one) for n, (item, all_) in enumerate(batch) for k, one in enumerate(all_)}
        found = play({
            key: judge_by_grader(
                problem, one.text, grader, tokens=one.tokens, truncated=one.truncated, misformed=misformed
            )
            for key, (problem, one) in said.items()
        })  # fmt: skip
        judged = iter(_judged(found[key], one) for key, (_, one) in said.items())
        return [Group(by_id[item], tuple(next(judged) for _ in responses)) for item, responses in batch]

    return judge, RewardPart(open_reward(f"metric?name=grader.{grader.name}"), 1.0)


def _judged(found: JudgedResponse | Failure | Exception, one: Completion) -> JudgedResponse:
    return found if isinstance(found, JudgedResponse) else JudgedResponse(one.text, one.tokens)
