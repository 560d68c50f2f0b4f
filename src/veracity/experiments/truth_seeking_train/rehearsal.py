"""A training on rewards for beliefs made small: the same stages and trainers on a few short questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from veracity.domains import open_domain
from veracity.experiments.truth_seeking_train.settings import TruthTrainSettings
from veracity.experiments.truth_seeking_train.source import opened, start_model
from veracity.experiments.understudies import COMPLETION, of_trainer, small, stand_in
from veracity.judging.graders import asks_a_model, named_grader

if TYPE_CHECKING:
    from veracity.experiments.understudies import Understudies

SHORT = "world-qa"
"""Questions that the short context of an understudy has room for, an example before them."""
RATED = "model"
"""The grader that has a number for noise: an understudy judge gives it."""


def truth_train_rehearsal(settings: TruthTrainSettings, cast: Understudies) -> TruthTrainSettings:
    """Six questions with two answers each; a run to learn from is read and checked, and its trajectories left out.

    A random model writes no form, so where the grader reads one itself, an understudy judge gives the rewards. Raises
    what the run would of its source.
    """
    cast.changes["domain"] = f"{SHORT}: six questions to train on, two to test"
    changes: dict[str, Any] = {
        "model": cast.model(start_model(settings, opened(settings))),
        "source": None,
        "domain": SHORT,
        "grader": _grader(settings, cast),
        "roles": cast.roles(settings.roles),
        "problems": 6,
        "test_problems": 2,
        "samples": 2,
        "test_samples": 1,
        "max_tokens": COMPLETION,
        "misformed": None,
        "selection.share": max(0.5, settings.selection.share),
        "few_shot": settings.few_shot.model_copy(update={"count": 1, "share": 1.0}),
    }
    for method in (name for name in settings.methods if name != "few_shot"):
        changes |= of_trainer(method, cast.trainer(method, getattr(settings, method)))
    if settings.source is not None:
        cast.changes["source"] = "read and checked; answers of the understudy stand for its trajectories"
    if (teacher := settings.teacher) is not None:
        changes |= {"teacher.model": stand_in(teacher.model), "teacher.problems": 4, "teacher.samples": 1}
        changes |= of_trainer("teacher.training", cast.trainer("teacher", teacher.training))
    elif not settings.instruct:
        changes["instruct"] = True  # what the source's run told its policy is not told here
    return small(settings, changes)


def _grader(settings: TruthTrainSettings, cast: Understudies) -> str:
    """The grader itself where a model gives its grades, and can give them to short questions."""
    grader = named_grader(settings.grader)
    fits = all(grader.lacks(problem) is None for problem in open_domain(SHORT).problems(8, "train"))
    if fits and asks_a_model(grader):
        return settings.grader
    cast.changes["grader"] = f"{settings.grader} → {RATED}, asked of an understudy"
    return RATED
