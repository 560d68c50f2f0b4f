"""KLCF: reinforce a model to say all that it knows and nothing else, with no retrieval while it learns.

After Li et al., "Knowledge-Level Consistency Reinforcement Learning", 2025, arXiv 2509.23765, of which no formula,
weight but one, or table could be read: parts, names and pipeline are theirs, the rest is a reconstruction.

1. **Knowledge.** The base model writes k texts on each prompt; a corpus verifies their claims. The supported ones are
   the prompt's checklist, each with its importance m(c)/k: what the model knows.
2. **Verifiers.** A truthfulness model from the base model's claims, two true ones for each false one, calibrated; a
   checklist verifier, measured on synthesized contradictions and omissions.
3. **GRPO** on recall and precision of the checklist, truthfulness, and a little of a general score, format and length,
   from an SFT model (KLCF) or from the base model (KLCF-zero).
4. **Evaluation.** Texts about other people: how much of what the base model knows of them they state, and which share
   of their claims is right, by a scorer that gave no reward; ablations beside it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.experiments.desk import Desk, Policy, open_desk, policy_of, start_folder
from veracity.experiments.evaluation import LongTables, evaluate_long
from veracity.experiments.facttune.experiment import gather_people
from veracity.experiments.judged_samples import groups_of, judged_stage
from veracity.experiments.klcf.checklists import check_settings, checklist_rows, checklists, claim_key, with_checklists
from veracity.experiments.klcf.checklists import texts_of as wordings_of
from veracity.experiments.klcf.outcome import conclude
from veracity.experiments.klcf.plan import klcf_outlook, klcf_rehearsal
from veracity.experiments.klcf.settings import KlcfSettings
from veracity.experiments.klcf.training import Trained, part_rows, step_rows, train_seed
from veracity.experiments.registry import experiment
from veracity.experiments.sampling import Ask, samples_stage
from veracity.judging.checklist import CHECKLIST_VERIFIERS

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from veracity.store.run import Run

TEST_SEED = 1_000_000
"""Evaluation draws from other streams of noise than training."""


@experiment("klcf", KlcfSettings, outlook=klcf_outlook, rehearsal=klcf_rehearsal)
def run_klcf(settings: KlcfSettings, run: Run, console: Console) -> None:
    """Reward what the base model knows and only that (GRPO on fact checklists and a truthfulness model)."""
    started, people = time.monotonic(), gather_people(settings.people)
    with open_desk(run, settings.roles, console) as desk:
        base = policy_of(start_folder(settings.model))
        models: list[Trained] = []
        for seed in settings.seeds:
            models += train_seed(desk, settings, base, people.train, seed)
        reinforced = [m for m in models if m.arm in settings.arms]
        made = [m.policy.key for m in reinforced]
        desk.store("steps", made, lambda: step_rows(reinforced))
        desk.store("parts", made, lambda: part_rows(reinforced))
        evaluate(desk, settings, people.test, base, models)
        if people.unmet:
            evaluate_long(desk, "unmet", settings.evaluation, people.unmet, asks_of(settings, base, models))
        conclude(desk, settings, base, models, time.monotonic() - started)


def asks_of(settings: KlcfSettings, base: Policy, models: Sequence[Trained]) -> list[Ask]:
    """How the base model and the trained ones are asked: sampled as in training."""
    how = {"n": settings.test_samples, "max_tokens": settings.grpo.max_completion_length}
    drawn = settings.sampling.model_copy(update=how)
    asks = [Ask(m.name, m.policy, drawn, TEST_SEED + m.seed) for m in models]
    return [Ask("base", base, drawn, TEST_SEED), *asks]


def evaluate(
    desk: Desk, settings: KlcfSettings, people: Sequence[Problem], base: Policy, models: Sequence[Trained]
) -> None:
    """Stages `known`, what the base model knows of these people, `test.…`, and `test.coverage`, which of it is said."""
    by = settings.evaluation.judging
    ask = Ask("base", base, settings.sampling, 2 * TEST_SEED)
    samples = samples_stage(desk, "known.samples", people, [ask])
    judged = judged_stage(desk, "known.judged", by, people, samples, "known.samples")
    how = settings.checklist
    lists = desk.store(
        "known",
        [desk.keys["known.judged"], how.merging, how.least_importance, how.most_items],
        lambda: checklist_rows(checklists(how, groups_of(judged, people), settings.sampling.n)),
    )
    with_checklists(people, wordings_of(lists), how)
    tables = evaluate_long(desk, "test", settings.evaluation, people, asks_of(settings, base, models))
    inputs = [desk.keys["known"], desk.keys["test.claims"], settings.evaluated_by, how.merging]
    desk.store("test.coverage", inputs, lambda: coverage(desk, settings, lists, tables))


def coverage(desk: Desk, settings: KlcfSettings, lists: pl.DataFrame, tables: LongTables) -> pl.DataFrame:
    """The coverage table of all arms, by the scorer that gave no reward."""
    from veracity.metrics.checklist_coverage import coverage_rows, stated_facts

    if settings.evaluated_by == "claims":
        key = claim_key(settings.checklist)
        said = stated_facts(tables.claims, key)

        def stated(row: Mapping[str, Any], texts: Sequence[str]) -> Collection[int]:
            facts = said.get((row["arm"], row["item"], row["sample"]), set())
            return [place for place, text in enumerate(texts) if key(text) in facts]

        return coverage_rows(tables.responses, lists, stated)
    verify, how, wordings = (
        CHECKLIST_VERIFIERS.get(settings.evaluated_by),
        check_settings(settings.checklist),
        wordings_of(lists),
    )
    rows = [row for row in tables.responses.iter_rows(named=True) if row["response"] and row["item"] in wordings]
    asked = {(row["item"], row["response"]): verify(wordings[row["item"]], row["response"], how) for row in rows}
    results = desk.run("test.coverage", {f"{n}/{place[0]}": one for n, (place, one) in enumerate(asked.items())})
    found = dict(zip(asked, results.values(), strict=True))

    def labelled(row: Mapping[str, Any], texts: Sequence[str]) -> Collection[int] | None:
        result = found.get((row["item"], row["response"]))
        if result is None or isinstance(result, Failure) or None in result:
            return None
        return [place for place, label in enumerate(result) if label == "consistent"]

    return coverage_rows(tables.responses, lists, labelled)
