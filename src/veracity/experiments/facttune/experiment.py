"""FactTune: language models fine-tuned for factuality, by preferences that no person has to give.

After Tian, Mitchell, Yao, Manning and Finn, "Fine-tuning Language Models for Factuality", 2023, arXiv 2311.08401.

1. **Samples.** The base model writes several texts about each person of the training split.
2. **Scores.** Each text is taken apart into claims. FactTune-FS: the share of claims that a corpus supports.
   FactTune-MC: each claim becomes a question, and how far the model's own answers to it agree is how sure it is.
3. **Pairs.** Of two texts about a person the one with the higher score is preferred; ties make no pair.
4. **Training.** Supervised fine-tuning on all samples, then direct preference optimization on the pairs.
5. **Evaluation.** Texts about other people, judged by a scorer that gave no reward: right facts, wrong facts, and the
   share of wrong ones, beside the base model, greedy decoding and system prompts that ask for care or courage.

Every stage is a table or a model of its own: another reward samples nothing again, and another β judges nothing again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from veracity.core.problem import Problem
from veracity.domains import open_domain
from veracity.experiments.desk import Desk, Policy, open_desk, policy_of, start_folder
from veracity.experiments.evaluation import evaluate_long
from veracity.experiments.facttune.outcome import conclude
from veracity.experiments.facttune.plan import facttune_outlook, plan_facttune
from veracity.experiments.facttune.rehearsal import facttune_rehearsal
from veracity.experiments.facttune.scores import (
    claim_confidences,
    confidence_key,
    confidence_scores,
    factscore_scores,
    pairs_of,
    prompt_messages,
)
from veracity.experiments.facttune.settings import FactTuneSettings, Method, PeopleSettings
from veracity.experiments.judged_samples import judged_stage
from veracity.experiments.registry import Prepared, experiment
from veracity.experiments.sampling import Ask, samples_stage
from veracity.training.demonstrations import train_demonstrations
from veracity.training.dpo import train_dpo
from veracity.training.records import Demonstration

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from veracity.store.run import Run


@dataclass(frozen=True, slots=True)
class People:
    """Prompts by what they are for."""

    train: tuple[Problem, ...]
    test: tuple[Problem, ...]
    unmet: tuple[Problem, ...]
    """About people whom the model never met: reported apart."""


def prepare_facttune(settings: FactTuneSettings) -> Prepared:
    """What the run would ask and cost; nothing is asked or trained yet."""
    people = gather_people(settings.people)
    return Prepared(plan_facttune(settings, people.train, people.test, people.unmet), partial(run_facttune, settings))


@experiment(
    "facttune", FactTuneSettings, prepare=prepare_facttune, outlook=facttune_outlook, rehearsal=facttune_rehearsal
)
def run_facttune(settings: FactTuneSettings, run: Run, console: Console) -> None:
    """Cut a model's wrong facts by preferences between its own texts, from look-up or from its own agreement."""
    started, people = time.monotonic(), gather_people(settings.people)
    with open_desk(run, settings.roles, console) as desk:
        base = policy_of(start_folder(settings.model))
        asks = baseline_asks(settings, base)
        for seed in settings.seeds:
            asks += run_seed(desk, settings, people.train, base, seed)
        evaluate_long(desk, "test", settings.evaluation, people.test, asks)
        if people.unmet:
            evaluate_long(desk, "unmet", settings.evaluation, people.unmet, asks)
        models = {ask.arm: ask.policy.key for ask in asks}
        conclude(desk, settings, people.train, people.test, models, time.monotonic() - started)


def gather_people(settings: PeopleSettings) -> People:
    """Prompts of the train and test splits. ConfigError where a split has too few."""
    domain = open_domain(settings.domain)
    train = [p for p in domain.problems(None, "train") if _met(p, settings)]
    test = domain.problems(None, settings.test_split)
    unmet = [p for p in test if p.detail("exposure") == 0]
    met = [p for p in test if _met(p, settings)]
    for split, found, wanted in (("train", train, settings.train), (settings.test_split, met, settings.test)):
        if len(found) < (wanted or 1):
            from veracity.core.errors import ConfigError

            raise ConfigError(
                f"people: the {split} split of {settings.domain} has {len(found)} such people, so {wanted or 1} cannot "
                "be drawn; ask for fewer, or lower min_exposure"
            )
    return People(tuple(train[: settings.train]), tuple(met[: settings.test]), tuple(unmet[: settings.unmet]))


def baseline_asks(settings: FactTuneSettings, base: Policy) -> list[Ask]:
    """The base model as it is, greedy, and under each of the system prompts."""
    drawn = settings.sampling.model_copy(update={"n": settings.test_samples * len(settings.seeds)})
    asks = [Ask("base", base, drawn, TEST_SEED)]
    if settings.baselines.greedy:
        asks.append(Ask("base, greedy", base, drawn.model_copy(update=GREEDY)))
    prompted = {prompt: drawn.model_copy(update={"system": prompt}) for prompt in settings.baselines.prompts}
    return asks + [Ask(f"base, {prompt}", base, how, TEST_SEED) for prompt, how in prompted.items()]


def run_seed(desk: Desk, settings: FactTuneSettings, people: Sequence[Problem], base: Policy, seed: int) -> list[Ask]:
    """All stages of one seed; how its models are to be evaluated."""
    samples = samples_stage(desk, f"samples.{seed}", people, [Ask("base", base, settings.sampling, seed)])
    judged = judged_stage(desk, f"judged.{seed}", settings.judging, people, samples, f"samples.{seed}")
    trained = {"sft": tune_on_samples(desk, settings, judged, people, base, seed)}
    for method in settings.methods:
        trained[method] = tune_on_pairs(desk, settings, judged, people, (base, trained["sft"]), method, seed)
    drawn = settings.sampling.model_copy(update={"n": settings.test_samples})
    asks = [Ask(f"{name}#{seed}", policy, drawn, TEST_SEED + seed) for name, policy in trained.items()]
    if settings.baselines.greedy:
        greedy = drawn.model_copy(update=GREEDY)
        asks += [Ask(f"{name}, greedy#{seed}", policy, greedy) for name, policy in trained.items()]
    return asks


def tune_on_samples(
    desk: Desk, settings: FactTuneSettings, judged: pl.DataFrame, people: Sequence[Problem], base: Policy, seed: int
) -> Policy:
    """The model after supervised fine-tuning on every sample that could be had."""
    messages = {p.id: prompt_messages(p, settings.sampling.system) for p in people}
    rows = [
        Demonstration(item, messages[item], text.strip())
        for item, text in judged.select("item", "text").iter_rows()
        if text.strip()
    ]
    start, run = start_folder(base.model), desk.run_folder.path.name
    name = f"sft-{seed}"
    told: dict[str, Any] = {"seed": seed, "run": run, "on_step": desk.steps(name)}
    return desk.trained(
        name, lambda folder, out: train_demonstrations(start, rows, settings.sft, folder=folder, out=out, **told)
    )


def tune_on_pairs(
    desk: Desk,
    settings: FactTuneSettings,
    judged: pl.DataFrame,
    people: Sequence[Problem],
    models: tuple[Policy, Policy],
    method: Method,
    seed: int,
) -> Policy:
    """The SFT model after DPO on the pairs of `method`. `models`: the base and the SFT model."""
    base, sft = models
    scores = score(desk, settings, judged, people, base, method, seed)
    pairing = pairs_of(settings, judged, scores, people, seed)
    left_out, without = dict(pairing.left_out), len(pairing.prompts_without)
    desk.log("pairs", method=method, seed=seed, pairs=len(pairing.pairs), without=without, **left_out)
    start, run = start_folder(sft.model), desk.run_folder.path.name
    name = f"{method}-{seed}"
    told: dict[str, Any] = {"seed": seed, "run": run, "on_step": desk.steps(name)}
    return desk.trained(
        name, lambda folder, out: train_dpo(start, pairing.pairs, settings.dpo, folder=folder, out=out, **told)
    )


def score(
    desk: Desk,
    settings: FactTuneSettings,
    judged: pl.DataFrame,
    people: Sequence[Problem],
    base: Policy,
    method: Method,
    seed: int,
) -> pl.DataFrame:
    """Stage `scores.<method>.<seed>`; with `mc` also stage `confidence.<seed>`, which no choice of measure changes."""
    made, name = desk.keys[f"judged.{seed}"], f"scores.{method}.{seed}"
    if method == "fs":
        return desk.store(name, [made, settings.reward], lambda: factscore_scores(settings, judged, people))
    oracle = desk.identity("oracle") if settings.roles.oracle else base.key
    key = [made, confidence_key(desk, settings.confidence, oracle, seed)]
    stage = f"confidence.{seed}"

    def asked() -> pl.DataFrame:
        if settings.roles.oracle is None:
            desk.play_as("oracle", base)
        return claim_confidences(desk, stage, settings.confidence, judged, people, seed)

    sure = desk.store(stage, key, asked)
    inputs = [desk.keys[stage], settings.confidence.measure]
    return desk.store(name, inputs, lambda: confidence_scores(settings, judged, sure, people))


def _met(problem: Problem, settings: PeopleSettings) -> bool:
    exposure = problem.detail("exposure")
    if settings.min_exposure is None:
        return True
    return not isinstance(exposure, int | float) or exposure >= settings.min_exposure


GREEDY = {"n": 1, "temperature": 0.0}
TEST_SEED = 1_000_000
"""Evaluation draws from other streams of noise than training."""
