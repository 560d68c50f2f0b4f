"""Task sampling: from a question (and, unless blind, an answer to it) to things that can be observed in the world."""

from __future__ import annotations

from typing import Any

from veracity.core.problem import Problem
from veracity.core.requests import Program, user
from veracity.judging.json_reply import ask_json, object_of
from veracity.judging.prompting import render
from veracity.judging.quoting import quoted
from veracity.judging.world_in_the_loop.base import TaskSampling, WorldSettings, WorldTask


def sample_tasks(problem: Problem, answer: str, settings: WorldSettings) -> Program[TaskSampling]:
    """Ask for `settings.tasks` observations, each with all its outcomes.

    Blind, the generator is shown the question alone, and equal questions get equal tasks, whoever answered.

    Raises:
        AuthenticationError: the key is not accepted: nobody can be asked at all.
    """
    text = render(
        "world.task.v1",
        question=problem.messages()[0].content,
        answer=None if settings.blind else quoted(answer),
        count=settings.tasks,
        as_of=settings.as_of.isoformat(),
    )

    def read(value: Any) -> tuple[WorldTask, ...]:
        listed = object_of(value, ("tasks",), exact=True)["tasks"]
        if not isinstance(listed, list) or len(listed) != settings.tasks:
            raise ValueError(f"tasks is no list of {settings.tasks}")
        tasks = tuple(WorldTask.read(one) for one in listed)
        if len({task.id for task in tasks}) < len(tasks):
            raise ValueError("two tasks are the same")
        return tasks

    found = yield from ask_json(settings.generator_role, user(text), read, settings.sampling)
    return TaskSampling(found.value or (), found.status, found.reason)
