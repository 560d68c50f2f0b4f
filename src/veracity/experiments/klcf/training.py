"""What `klcf` trains, seed by seed: the start, and from it one model for each arm by GRPO on the arm's rewards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veracity.core.judged import Group
from veracity.core.problem import Problem
from veracity.experiments.desk import Desk, Policy, policy_of, start_folder
from veracity.experiments.facttune.scores import prompt_messages
from veracity.experiments.judged_samples import groups_of, judged_stage
from veracity.experiments.klcf.checklists import (
    check_verifier,
    checklist_rows,
    checklists,
    refuse_unjudged,
    texts_of,
    with_checklists,
)
from veracity.experiments.klcf.judge import GENERAL, TimedJudge
from veracity.experiments.klcf.settings import KlcfSettings, TruthKind
from veracity.experiments.klcf.truth import TruthModel, play_truth, truth_data, truth_model
from veracity.experiments.sampling import Ask, samples_stage
from veracity.rewards import Needs, open_reward
from veracity.training.demonstrations import train_demonstrations
from veracity.training.grpo import train_grpo
from veracity.training.records import Demonstration, Prompt, RewardPart

if TYPE_CHECKING:
    import polars as pl

    from veracity.training.watch import TrainingLog


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and what made it."""

    arm: str
    """`base`, `sft`, or an arm of the settings."""
    seed: int
    policy: Policy

    @property
    def name(self) -> str:
        """`klcf#2`."""
        return f"{self.arm}#{self.seed}"


def train_seed(desk: Desk, settings: KlcfSettings, base: Policy, people: Sequence[Problem], seed: int) -> list[Trained]:
    """All stages of one seed: what the base model knows, both verifiers, the start, and every arm."""
    judged = sampled_and_judged(desk, settings, base, people, f".{seed}", seed)
    groups = groups_of(judged, people)
    models = prepare(desk, settings, base, people, groups, seed)
    start = base if settings.start == "base" else tune_on_samples(desk, settings, base, people, judged, seed)
    found = [] if settings.start == "base" else [Trained("sft", seed, start)]
    for arm in settings.arms:
        policy = reinforce(desk, settings, arm, (base, start), people, models.get(settings.truth_of(arm)), seed)
        found.append(Trained(arm, seed, policy))
    return found


def sampled_and_judged(
    desk: Desk, settings: KlcfSettings, base: Policy, people: Sequence[Problem], suffix: str, seed: int
) -> pl.DataFrame:
    """Stages `samples<suffix>` and `judged<suffix>`. DataError where too much of it has no verdict."""
    name = f"samples{suffix}"
    samples = samples_stage(desk, name, people, [Ask("base", base, settings.sampling, seed)])
    judged = judged_stage(desk, f"judged{suffix}", settings.judging, people, samples, name)
    refuse_unjudged(judged, settings.most_unjudged)
    return judged


def prepare(
    desk: Desk, settings: KlcfSettings, base: Policy, people: Sequence[Problem], groups: Sequence[Group], seed: int
) -> dict[TruthKind, TruthModel]:
    """Stages `checklists.<k>.<seed>`, `checks.<seed>`, `truth.…`; the truthfulness models that arms read."""
    made, lists = desk.keys[f"judged.{seed}"], settings.checklist
    for k in sorted({settings.k_of(arm) for arm in settings.arms}):
        inputs = [made, lists.merging, lists.least_importance, lists.most_items, k]
        desk.store(
            f"checklists.{k}.{seed}",
            inputs,
            lambda k=k: checklist_rows(checklists(lists, groups, k)),  # type: ignore[misc]
        )
    name = f"checks.{seed}"
    table = desk.tables[f"checklists.{max(settings.k_of(arm) for arm in settings.arms)}.{seed}"]
    checked = [made, lists, desk.identity(lists.role)]
    desk.store(name, checked, lambda: check_verifier(desk, name, lists, groups, table, seed))
    kinds = sorted({settings.truth_of(arm) for arm in settings.arms if "confidence" in needs_of(settings, arm)})
    truth = settings.truth
    if kinds:
        key = [made, truth.ratio, truth.held_out, seed]
        desk.store(f"truth.data.{seed}", key, lambda: truth_data(settings, groups, seed))
    return {kind: truth_model(desk, settings, kind, base, people, seed) for kind in kinds}


def tune_on_samples(
    desk: Desk, settings: KlcfSettings, base: Policy, people: Sequence[Problem], judged: pl.DataFrame, seed: int
) -> Policy:
    """The base model after supervised fine-tuning on its own samples."""
    messages = {p.id: prompt_messages(p, settings.sampling.system) for p in people}
    said = judged.select("item", "text").iter_rows()
    rows = [Demonstration(item, messages[item], text.strip()) for item, text in said if text.strip()]
    told: dict[str, Any] = {"seed": seed, "run": desk.run_folder.path.name, "on_step": desk.steps(f"sft, seed {seed}")}

    def train(folder: Path, out: Path) -> None:
        train_demonstrations(start_folder(base.model), rows, settings.sft, folder=folder, out=out, **told)

    return desk.trained(f"sft-{seed}", train)


def reinforce(
    desk: Desk,
    settings: KlcfSettings,
    arm: str,
    models: tuple[Policy, Policy],
    people: Sequence[Problem],
    truth: TruthModel | None,
    seed: int,
) -> Policy:
    """One arm by GRPO. `models`: the base, which the verifiers ask, and the start."""
    base, start = models
    lists = texts_of(desk.tables[f"checklists.{settings.k_of(arm)}.{seed}"])
    problems = with_checklists(people, lists, settings.checklist)
    parts = [RewardPart(open_reward(spec), weight) for spec, weight in settings.rewards_of(arm).items()]
    needs = needs_of(settings, arm)
    name = f"{arm}-{seed}"
    believe = truth.judge if truth is not None and "confidence" in needs else None
    by_id = {p.id: p for p in problems}
    judge = TimedJudge(desk, settings, by_id, needs, lists, believe, f"reward {name}")
    prompts = [Prompt(p.id, prompt_messages(p, settings.sampling.system)) for p in problems]
    run = desk.run_folder.path.name

    general = policy_of(start_folder(settings.general)) if settings.general else base

    def train(folder: Path, out: Path) -> None:
        if truth is not None:
            play_truth(desk, truth, base)
        if "general" in needs:
            desk.play_as(GENERAL, general)
        train_grpo(
            Path(start.model),
            prompts,
            judge,
            parts,
            settings.grpo,
            judged_by=judge.key(base, truth.policy if truth else None, general),
            seed=seed,
            folder=folder,
            out=out,
            on_step=desk.steps(f"{arm}, seed {seed}"),
            run=run,
        )

    policy = desk.trained(name.replace(" ", "-"), train)
    if judge.responses:
        desk.log("rewarded", arm=arm, seed=seed, responses=judge.responses, **_named(judge.seconds))
    return policy


def needs_of(settings: KlcfSettings, arm: str) -> frozenset[Needs]:
    """What the rewards of an arm read of judges."""
    return frozenset(need for spec in settings.rewards_of(arm) for need in open_reward(spec).needs)


def step_rows(models: Sequence[Trained]) -> pl.DataFrame:
    """One row a step of every arm, as `rl_log` tells it."""
    import polars as pl

    from veracity.training.rl_log import rl_steps

    rows = [{"arm": m.arm, "seed": m.seed, **asdict(step)} for m in models for step in rl_steps(_log(m))]
    return pl.DataFrame(rows, infer_schema_length=None)


def part_rows(models: Sequence[Trained]) -> pl.DataFrame:
    """One row a step and reward part of every arm: its mean, sd, share without a value, share of the variance."""
    import polars as pl

    from veracity.training.rl_log import part_steps

    rows = [{"arm": m.arm, "seed": m.seed, **asdict(step)} for m in models for step in part_steps(_log(m))]
    return pl.DataFrame(rows, infer_schema_length=None)


def _log(model: Trained) -> TrainingLog:
    from veracity.training.lineage import LOG_FILE
    from veracity.training.watch import log_from_json

    return log_from_json((Path(model.policy.model) / LOG_FILE).read_text("utf-8"))


def _named(seconds: dict[str, float]) -> dict[str, float]:
    return {f"{part}_s": round(value, 3) for part, value in seconds.items()}
