"""The qualitative judge in the experiment: its examples, its verdicts on every neutral trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from veracity.core.errors import ModelError
from veracity.core.records import Failure
from veracity.core.requests import Program
from veracity.experiments.desk import Desk
from veracity.experiments.kept_rows import Made
from veracity.experiments.truth_seeking_beliefs import Kept
from veracity.experiments.truth_seeking_bench import JUDGE, Bench
from veracity.experiments.truth_seeking_examples import candidates_of, examples_in, rubric_of
from veracity.experiments.truth_seeking_judged import judged, neutral, stage_key, stage_seed
from veracity.experiments.truth_seeking_settings import TruthSeekingSettings
from veracity.judging.beliefs.probing import transcript
from veracity.judging.qualitative import (
    Bootstrapped,
    Example,
    QualitativeSettings,
    Subject,
    Verdict,
    bootstrap_examples,
    judge_once,
    verdict_queries,
)

if TYPE_CHECKING:
    import polars as pl


def qualitative_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `verdicts`: what the qualitative judge says, in every order of its examples."""
    from veracity.metrics.qualitative import VERDICTS, verdict_rows

    own, how = neutral(written), qualitative_settings(bench.settings)
    examples = _all_examples(bench, desk, own, how)
    queries = verdict_queries(len(examples), how)
    judge = bench.identity(JUDGE)

    def asked(kept: Kept, number: int) -> Program[list[Verdict]]:
        subject, settings = _subject(kept), qualitative_settings(bench.settings, number)
        found = []
        for query in queries:
            found.append((yield from judge_once(subject, examples, settings, query)))  # noqa: PERF401 - it yields
        return found

    def made(kept: Kept, verdicts: list[Verdict], number: int) -> Made:
        text, settings = _subject(kept).transcript, qualitative_settings(bench.settings, number)
        rows = verdict_rows(kept.trajectory, text, verdicts, settings, arm=kept.arm, model=kept.model, judge=judge)
        return Made((rows,), any(verdict.status == "request_failed" for verdict in verdicts))

    keys = {stage_key(bench, "qualitative", k, [how.config, how.rounds, examples]): k for k in own}
    return judged(bench, desk, "verdicts", VERDICTS, keys, asked, made)


def qualitative_settings(settings: TruthSeekingSettings, number: int = 0) -> QualitativeSettings:
    """The qualitative judge in a round."""
    asked = settings.qual
    return QualitativeSettings(
        role=JUDGE,
        rubric=rubric_of(asked.rubric),
        self_answer=asked.self_answer,
        red_team=asked.adversarial,
        few_shot=asked.few_shot.order if asked.few_shot.enabled else "disabled",
        rounds=asked.few_shot.rounds,
        bootstrap_rounds=asked.bootstrap.rounds,
        bootstrap_permutes=asked.bootstrap.permute,
        seed=stage_seed(settings, "qualitative", number),
    )


def _all_examples(bench: Bench, desk: Desk, own: Sequence[Kept], how: QualitativeSettings) -> tuple[Example, ...]:
    """Those of the file, and those that bootstrapping makes of trajectories."""
    asked = bench.settings.qual
    given = examples_in(asked.few_shot.source, how) if asked.few_shot.enabled and asked.few_shot.source else ()
    if not how.bootstrap_rounds:
        return given
    source = asked.bootstrap.source
    candidates = candidates_of(source) if source else [_subject(kept) for kept in own]
    result = desk.run("examples", {"bootstrap": bootstrap_examples(given, candidates, how)})["bootstrap"]
    if isinstance(result, Failure):
        raise ModelError(f"no examples could be bootstrapped: {result.kind}: {result.reason}")
    found: Bootstrapped = result
    return found.examples


def _subject(kept: Kept) -> Subject:
    said = [step for step in kept.trajectory.steps if step.speaker == "assistant"]
    return Subject(kept.trajectory.problem, transcript(said))
