"""Training on truth-seeking: sample → grade → train → test, by three methods from one start.

1. **Start.** Where a model does not know the form that the grader reads, a teacher's answers teach it, right or wrong.
2. **Sample and grade.** The start answers problems of the training split several times; a grader gives each a reward.
   With `python_brier` that is −(1 − p)² for the probability p of what happened. Or, with `source`: the trajectories of
   a run of `truth-seeking` are there already, with their values by any metric of that run.
3. **Train.** `sft` on the best share of these answers, `few_shot` with some of them as examples, `grpo` on the reward
   itself. An answer without a grade is in no selection, and earns nothing; it never counts as the best grade. Where
   `misformed` is set, an answer without the form earns that in `grpo`: left out, it escapes the reward of a bad answer.
4. **Test.** Start and trained models answer problems of the test split, which shares no source item with the other;
   rewards are compared problem by problem. With `source`, they are measured by its metric, too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from veracity.core.errors import ConfigError
from veracity.core.estimate import Estimate
from veracity.core.identity import content_hash, derive_seed
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Generate, Generated, Message, Program, Sampling
from veracity.domains import open_domain
from veracity.experiments.desk import POLICY, Desk, Policy, open_desk, policy_of, start_folder
from veracity.experiments.outlook import plan_of
from veracity.experiments.registry import Prepared, experiment
from veracity.experiments.truth_seeking_train.lessons import Lessons, after_examples, chosen, room
from veracity.experiments.truth_seeking_train.plan import truth_train_outlook
from veracity.experiments.truth_seeking_train.rehearsal import truth_train_rehearsal
from veracity.experiments.truth_seeking_train.settings import Method, TruthTrainSettings
from veracity.experiments.truth_seeking_train.source import Material, opened, start_model
from veracity.judging.graders import Graded, Grader, asking_for_belief, asks_a_model, named_grader, sandbox_of
from veracity.metrics.table_schema import TableSchema
from veracity.training.records import Demonstration, Prompt
from veracity.training.selection import ScoredSample

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.store.run import Run


def graded_schema() -> TableSchema:
    """Columns of the tables of graded answers."""
    import polars as pl

    columns: dict[str, pl.DataType] = {
        **dict.fromkeys(("item", "cluster", "domain", "arm", "reply", "status", "reason"), pl.String()),
        "sample": pl.Int64(),
        "reward": pl.Float64(),
    }
    return TableSchema("graded answers table", columns, required=frozenset({"item", "arm", "sample", "status"}))


def prepare_truth_train(settings: TruthTrainSettings) -> Prepared:
    """What the run would ask and cost; nothing is asked or trained yet."""
    return Prepared(plan_of(truth_train_outlook(settings)), partial(run_truth_seeking_train, settings))


@experiment(
    "truth-seeking-train",
    TruthTrainSettings,
    prepare=prepare_truth_train,
    outlook=truth_train_outlook,
    rehearsal=truth_train_rehearsal,
)
def run_truth_seeking_train(settings: TruthTrainSettings, run: Run, console: Console) -> None:
    """Train on Brier rewards of forecasts (GRPO), on the best answers, and by examples; test on held-out problems."""
    from veracity.experiments.truth_seeking_train.outcome import conclude

    started, grader = time.monotonic(), named_grader(settings.grader)
    domain, material = open_domain(settings.domain), opened(settings)
    train = usable(domain.problems(settings.problems, "train", settings.seed), grader, settings) if not material else ()
    test = usable(domain.problems(settings.test_problems, "test", settings.seed), grader, settings)
    with open_desk(run, settings.roles, console) as desk:
        if "judge" in desk.cast:
            desk.cast["grader"] = desk.cast["judge"]
        desk.cast |= sandbox_of(grader)
        start = cold_start(desk, settings, start_model(settings, material))
        samples = material.samples if material else own_samples(desk, settings, train, start)
        lessons = chosen(desk, settings, samples)
        models = {"start": start} | {m: trained(desk, settings, m, start, train, lessons) for m in settings.methods}
        answers(desk, settings, "test", test, models, settings.test_samples)
        conclude(desk, settings, models, measured_too(desk, settings, material, models), time.monotonic() - started)


def measured_too(
    desk: Desk, settings: TruthTrainSettings, material: Material | None, models: Mapping[str, Policy]
) -> dict[str, Estimate]:
    """Start and trained models by the metric of the source; nothing without one, or where that is not wanted."""
    if material is None or settings.source is None or not settings.source.test:
        return {}
    from veracity.experiments.truth_seeking_train.measured import measured, measuring, metric_estimates

    metric = settings.source.metric.partition("@")[0]
    rows = measured(desk, measuring(settings, settings.source, material), metric, models)
    return metric_estimates(rows, settings.seed)


def usable(problems: Sequence[Problem], grader: Grader, settings: TruthTrainSettings) -> tuple[Problem, ...]:
    """The problems that the grader can grade. ConfigError if it can grade none, or asks a model and there is none."""
    if asks_a_model(grader) and settings.roles.judge is None:
        raise ConfigError(f"the grader {settings.grader} asks a model: say which, as roles.judge=openai/gpt-4.1")
    found = tuple(problem for problem in problems if grader.lacks(problem) is None)
    if not found:
        lack = grader.lacks(problems[0]) or ("", "")
        raise ConfigError(f"the grader {settings.grader} can grade no problem of {settings.domain}: {lack[1]}")
    return found


def conversation(problem: Problem, settings: TruthTrainSettings) -> tuple[Message, ...]:
    """What the model is asked."""
    return _posed(problem, form=settings.instruct).messages()


def _posed(problem: Problem, *, form: bool) -> Problem:
    """The problem, with a word on the form of its answer where that is wanted and it has two options."""
    return asking_for_belief(problem) if form and len(problem.options) == 2 else problem


def cold_start(desk: Desk, settings: TruthTrainSettings, model: str) -> Policy:
    """The model that all methods start from: as it came, or taught the form by a teacher's answers."""
    from veracity.training.demonstrations import train_demonstrations

    base, how = policy_of(start_folder(model)), settings.teacher
    if how is None:
        return base
    problems = open_domain(settings.domain).problems(None, "train", settings.seed)
    taught = list(problems[-how.problems :])  # from the other end than those that are sampled
    desk.play(Policy(how.model, how.model))
    sampling = Sampling(temperature=1.0, max_tokens=64, seed=derive_seed(settings.seed, "teacher") % 2**31)
    asked = {p.id: _ask(_posed(p, form=True).messages(), how.samples, sampling) for p in taught}
    said = desk.run("teacher", asked)
    shown = [
        Demonstration(problem.id, conversation(problem, settings), sample.text.strip())
        for problem in taught
        if isinstance(reply := said[problem.id], Generated)
        for sample in reply.samples
    ]

    shown = after_examples(shown, how.shots, room(Path(base.model), how.training)) if how.shots else shown

    def teach(checkpoints: Path, out: Path) -> None:
        train_demonstrations(
            Path(base.model), shown, how.training, seed=settings.seed, folder=checkpoints, out=out,
            on_step=desk.steps("start"),
        )  # fmt: skip

    return desk.trained("start", teach)


def answers(
    desk: Desk,
    settings: TruthTrainSettings,
    name: str,
    problems: Sequence[Problem],
    models: Mapping[str, Policy],
    samples: int,
) -> list[dict[str, Any]]:
    """Stage `<name>.answers`: each model's answers to each problem with their grades."""
    asked = [[problem, conversation(problem, settings)] for problem in problems]  # its truth decides the grade
    inputs = [name, {arm: policy.key for arm, policy in models.items()}, asked]
    grader = [settings.grader, named_grader(settings.grader).to_openai_spec(), desk.identity("grader")]
    how = [grader, samples, settings.temperature, settings.max_tokens, settings.seed]

    def compute() -> Any:
        rows: list[dict[str, Any]] = []
        for arm, policy in models.items():
            desk.play(policy)
            rows += _graded(desk, settings, name, arm, problems, samples)
        return graded_schema().frame(rows)

    return list(desk.store(f"{name}.answers", [inputs, how], compute).iter_rows(named=True))


def own_samples(
    desk: Desk, settings: TruthTrainSettings, problems: Sequence[Problem], start: Policy
) -> tuple[ScoredSample, ...]:
    """The start's answers to training problems with their grades."""
    by_id = {problem.id: problem for problem in problems}
    return tuple(
        ScoredSample(
            Demonstration(row["item"], conversation(by_id[row["item"]], settings), row["reply"]),
            row["reward"],
            "higher",
            source=settings.grader,
            trajectory=f"{row['item']}/{row['sample']}",
        )
        for row in answers(desk, settings, "train", problems, {"start": start}, settings.samples)
        if row["reply"]
    )


def trained(
    desk: Desk, settings: TruthTrainSettings, method: Method, start: Policy, problems: Sequence[Problem], by: Lessons
) -> Policy:
    """The model that a method makes of the start."""
    if method == "grpo":
        return desk.trained(method, lambda made, out: _reinforce(desk, settings, start, problems, made, out))
    if method == "few_shot":
        return _exemplified(desk, settings, start, by.all)
    return desk.trained(method, lambda made, out: _imitate(desk, settings, start, by.imitated.training, made, out))


def _imitate(
    desk: Desk, settings: TruthTrainSettings, start: Policy, shown: Sequence[ScoredSample], made: Path, out: Path
) -> None:
    from veracity.training.demonstrations import train_demonstrations

    train_demonstrations(
        Path(start.model), [one.demonstration for one in shown], settings.sft, seed=settings.seed, folder=made, out=out,
        on_step=desk.steps("sft"),
    )  # fmt: skip


def _exemplified(desk: Desk, settings: TruthTrainSettings, start: Policy, scored: Sequence[ScoredSample]) -> Policy:
    """The start with examples before every conversation: no weights, so it is opened by its name."""
    from veracity.models.resolve import open_model
    from veracity.training.few_shot import train_few_shot

    run = desk.run_folder.path.resolve()
    out = run / "models" / "few_shot"
    shown = train_few_shot(open_model(start.model), start.model, scored, settings.few_shot, out=out)
    return Policy(f"trained/{run.name}/few_shot?runs={quote(str(run.parent))}", content_hash([start.key, shown]))


def _reinforce(
    desk: Desk, settings: TruthTrainSettings, start: Policy, problems: Sequence[Problem], made: Path, out: Path
) -> None:
    from veracity.training.graded_groups import graded_groups
    from veracity.training.grpo import train_grpo

    grader = named_grader(settings.grader)
    judge, part = graded_groups(problems, grader, partial(desk.run, "reward"), misformed=settings.misformed)
    prompts = [Prompt(problem.id, conversation(problem, settings)) for problem in problems]
    judged_by = content_hash(
        [grader.to_openai_spec(), settings.grader, settings.misformed, desk.identity("grader"), problems]
    )
    train_grpo(
        Path(start.model), prompts, judge, [part], settings.grpo, judged_by=judged_by, seed=settings.seed, folder=made,
        out=out, on_step=desk.steps("grpo"),
    )  # fmt: skip


def _graded(
    desk: Desk, settings: TruthTrainSettings, name: str, arm: str, problems: Sequence[Problem], samples: int
) -> list[dict[str, Any]]:
    """One model's answers: a row each, with its reward or why there is none."""
    grader = named_grader(settings.grader)
    drawn = Sampling(
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        seed=derive_seed(settings.seed, "answers", name) % 2**31,
    )
    said = desk.run(f"{name} answers", {p.id: _ask(conversation(p, settings), samples, drawn) for p in problems})
    rows, programs = [], {}
    for problem in problems:
        about = {"item": problem.id, "cluster": problem.cluster or problem.id, "domain": problem.domain, "arm": arm}
        reply = said[problem.id]
        if isinstance(reply, Failure):
            rows += [about | {"sample": n, "status": "request_failed", "reason": reply.reason} for n in range(samples)]
            continue
        for n, sample in enumerate(reply.samples):
            programs[len(rows)] = grader.grade(problem, sample.text)
            rows.append(about | {"sample": n, "reply": sample.text.strip()})
    for place, graded in desk.run(f"{name} grades", {str(n): program for n, program in programs.items()}).items():
        lost = Graded(None, "grader_failed", graded.reason) if isinstance(graded, Failure) else graded
        rows[int(place)] |= {"reward": lost.reward, "status": lost.status, "reason": lost.reason}
    return rows


def _ask(prompt: tuple[Message, ...], samples: int, sampling: Sampling) -> Program[Generated]:
    reply: Generated = yield Generate(POLICY, prompt, samples, replace(sampling))
    return reply
