"""Training from Python: answers to imitate, preferences, or a grader's reward; a trained model comes back.

Each function trains the weights of a model that has some (`tiny`, a folder, a hub id, `trained/…`), writes a complete
folder with its lineage, and loads it. Called again with the same, it finds the model finished and loads it; after a
kill it goes on where it was. For examples before every conversation, which change no weight, see
`Model.with_examples`; for whole experiments, with tests and a report, see the recipes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from veracity._running import Running, raised
from veracity.api import Answer, Model, load
from veracity.core.config import Settings, load_settings
from veracity.core.errors import ConfigError, DataError
from veracity.core.identity import content_hash
from veracity.core.judged import JudgedResponse
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Message, Program
from veracity.core.trajectory import TrainingSample
from veracity.engine.background import BACKGROUND
from veracity.judging.graders import Grader
from veracity.judging.graders.function import FunctionGrader
from veracity.judging.graders.named import named_grader, sandbox_of
from veracity.models.wrapped import Example, example_turns
from veracity.plays import Roles, backends_of
from veracity.training.records import Demonstration, PreferencePair, Prompt

S = TypeVar("S", bound=Settings)

Shown = Answer | TrainingSample | Demonstration | Example
"""What can be imitated: an answer that a model gave, a sample of a trajectory, or an example as `with_examples` takes
it."""
OnStep = Callable[[int, int], None]
"""Hears (optimizer steps done, steps in all)."""


def train_sft(
    model: Model | str,
    shown: Iterable[Shown],
    out: Path | str,
    *,
    seed: int = 0,
    on_step: OnStep | None = None,
    **settings: Any,
) -> Model:
    """Fine-tune on answers: the answer carries the loss, the conversation before it does not.

    Args:
        model: What training starts from; it stays as it is.
        shown: What to imitate.
        out: Folder of the trained model.
        seed: Of the order of rows.
        on_step: Hears of every step.
        **settings: Fields of `veracity.training.demonstrations.DemonstrationSettings`, as epochs or learning_rate.

    Raises:
        ConfigError: the model has no weights to train, or a setting is wrong.
        DataError: nothing to imitate, or a row is no exchange.
    """
    from veracity.training.demonstrations import DemonstrationSettings, train_demonstrations

    start, how = _start(model), _settings(DemonstrationSettings, settings)
    rows = [_demonstration(one, number) for number, one in enumerate(shown, start=1)]
    return _trained(model, out, lambda made, target: train_demonstrations(
        start, rows, how, seed=seed, folder=made, out=target, on_step=on_step
    ))  # fmt: skip


def train_dpo(
    model: Model | str,
    pairs: Iterable[PreferencePair | tuple[str, str, str]],
    out: Path | str,
    *,
    seed: int = 0,
    on_step: OnStep | None = None,
    **settings: Any,
) -> Model:
    """Train on preferences (DPO and its variants), against the start as the reference.

    Args:
        model: What training starts from; it stays as it is.
        pairs: Preference pairs, or (question, the better answer, the worse one).
        out: Folder of the trained model.
        seed: Of the order of pairs.
        on_step: Hears of every step.
        **settings: Fields of `veracity.training.dpo.DpoSettings`, as beta or loss.

    Raises:
        ConfigError: the model has no weights to train, or a setting is wrong.
        DataError: there are no pairs.
    """
    from veracity.training.dpo import DpoSettings, train_dpo

    start, how = _start(model), _settings(DpoSettings, settings)
    rows = [_pair(one, number) for number, one in enumerate(pairs, start=1)]
    return _trained(model, out, lambda made, target: train_dpo(
        start, rows, how, seed=seed, folder=made, out=target, on_step=on_step
    ))  # fmt: skip


def train_grpo(
    model: Model | str,
    problems: Sequence[Problem],
    reward: Grader | Callable[[Problem, str], float | None] | str,
    out: Path | str,
    *,
    roles: Roles | None = None,
    misformed: float | None = None,
    seed: int = 0,
    on_step: OnStep | None = None,
    **settings: Any,
) -> Model:
    """Train on rewards of what the model itself answers (GRPO).

    Args:
        model: What training starts from; it stays as it is.
        problems: What it answers, each id once. They are posed as they are: for `python_brier`,
            `veracity.judging.graders.asking_for_belief` adds the form that it reads.
        reward: A function of problem and answer, a grader, or a grader's name, as `python_brier`. An answer that it has
            no number for is left out. A function is called in the caller's thread, so that it may ask models itself.
        out: Folder of the trained model.
        roles: Who is asked where a grader asks a model: `{"grader": "openai/gpt-4.1-mini"}`.
        misformed: What an answer earns whose form the grader cannot read; None leaves it out, and then nothing holds
            the form.
        seed: Of samples and of the order of problems.
        on_step: Hears of every step.
        **settings: Fields of `veracity.training.rl_settings.GrpoSettings`, as steps, group_size or beta.

    Raises:
        ConfigError: the model has no weights to train, a setting is wrong, the grader cannot grade a problem, or it
            asks a role that nobody plays.
        DataError: two problems have one id.
        TrainingStoppedError: nothing was learned for too long.
        Exception: whatever the reward raises.
    """
    from veracity.training.graded_groups import graded_groups
    from veracity.training.grpo import train_grpo
    from veracity.training.rl_settings import GrpoSettings

    start, how, grader = _start(model), _settings(GrpoSettings, settings), _grader(reward)
    for problem in problems:
        if lack := grader.lacks(problem):
            raise ConfigError(f"the grader {grader.name} cannot grade {problem.domain}/{problem.id}: {lack[1]}")
    backends = sandbox_of(grader) | backends_of(roles or {})
    running = Running(backends, "default" if roles else None, None, None)
    asked = getattr(grader, "role", None)
    if asked is not None and asked not in backends:
        raise ConfigError(f"the grader {grader.name} asks {asked!r}, whom nobody plays; name a model in roles")
    play = _called if isinstance(grader, FunctionGrader) else partial(_graded, running)
    judge, part = graded_groups(problems, grader, play, misformed=misformed)
    what = grader.code if isinstance(grader, FunctionGrader) else grader.to_openai_spec()
    who = {role: one.identity for role, one in backends.items()}
    judged_by = content_hash([grader.name, what, who, misformed, problems])
    prompts = [Prompt(problem.id, problem.messages()) for problem in problems]
    return _trained(model, out, lambda made, target: train_grpo(
        start, prompts, judge, [part], how, judged_by=judged_by, seed=seed, folder=made, out=target, on_step=on_step
    ))  # fmt: skip


def _grader(reward: Grader | Callable[[Problem, str], float | None] | str) -> Grader:
    if isinstance(reward, str):
        return named_grader(reward)
    return reward if isinstance(reward, Grader) else FunctionGrader(reward)


def _graded(running: Running, programs: Mapping[str, Program[JudgedResponse]]) -> Mapping[str, JudgedResponse]:
    """Judged responses; whatever ended one of them is raised, for a reward that fails would teach nothing."""
    return {name: raised(one) for name, one in BACKGROUND.run(running.results(programs)).items()}


def _called(programs: Mapping[str, Program[JudgedResponse]]) -> Mapping[str, JudgedResponse]:
    """The same of programs that ask nobody, in this thread: in Veracity's loop nothing may wait for that loop."""
    return {name: _value(program) for name, program in programs.items()}


def _value(program: Program[JudgedResponse]) -> JudgedResponse:
    try:
        next(program)
    except StopIteration as finished:
        return cast(JudgedResponse, finished.value)
    raise TypeError("a reward that is a function of this process asks nobody")


def _trained(model: Model | str, out: Path | str, train: Callable[[Path, Path], object]) -> Model:
    """The model that `train(checkpoints, out)` makes; checkpoints lie beside it until it is finished."""
    folder = Path(out).expanduser().absolute()
    checkpoints = folder.with_name(f"{folder.name}.checkpoints")
    train(checkpoints, folder)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return load(f"hf/{folder}") if isinstance(model, str) else model.like(f"hf/{folder}")


def _start(model: Model | str) -> Path:
    from veracity.experiments.desk import start_folder

    spec = model if isinstance(model, str) else model.spec
    if spec is None:
        raise ConfigError(
            f"{model} was not loaded by a name (it has words before its conversations, or is a backend of your own), "
            "so there is nothing to find its weights by; give the bare model, or its name"
        )
    return start_folder(spec)


def _settings(kind: type[S], given: Mapping[str, Any]) -> S:
    return load_settings(kind, dict(given))


def _demonstration(one: Shown, number: int) -> Demonstration:
    if isinstance(one, Demonstration):
        return one
    if isinstance(one, Answer):
        return Demonstration(one.problem.id, one.messages, one.text)
    if isinstance(one, TrainingSample):
        return Demonstration(str(number), one.prompt, one.completion)
    if isinstance(one, Failure):
        raise DataError(f"a failure is no answer ({one.reason}); leave it out", path="shown", line=number)
    *before, last = example_turns([one])
    return Demonstration(str(number), tuple(before), last.content)


def _pair(one: PreferencePair | tuple[str, str, str], number: int) -> PreferencePair:
    if isinstance(one, PreferencePair):
        return one
    question, better, worse = one
    return PreferencePair(str(number), (Message("user", question),), better, worse, 1.0)
