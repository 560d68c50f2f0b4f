"""World in the loop: does an answer help to predict what is then observed?"""

from veracity.judging.world_in_the_loop.base import (
    ArmAnswer,
    Investigation,
    TaskSampling,
    Uplift,
    WorldSettings,
    WorldTask,
)
from veracity.judging.world_in_the_loop.investigation import investigate, read_report
from veracity.judging.world_in_the_loop.recomputing import Recompute, TaskState, plan_recompute
from veracity.judging.world_in_the_loop.tasks import sample_tasks
from veracity.judging.world_in_the_loop.uplift import arms_of, measure_uplift, report_prompt

__all__ = [
    "ArmAnswer",
    "Investigation",
    "Recompute",
    "TaskSampling",
    "TaskState",
    "Uplift",
    "WorldSettings",
    "WorldTask",
    "arms_of",
    "investigate",
    "measure_uplift",
    "plan_recompute",
    "read_report",
    "report_prompt",
    "sample_tasks",
]
