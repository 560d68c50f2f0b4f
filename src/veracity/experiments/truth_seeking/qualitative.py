"""The qualitative judge in the experiment: its examples, its verdicts, and the verdicts that tell how far to trust it.

A share of the trajectories is judged again with the case for shown before the case against, and a share is scored by a
second rater, a person or another model, who sees neither the judge's cases nor its scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from veracity.core.errors import ConfigError, ModelError
from veracity.core.records import Failure
from veracity.core.requests import Program
from veracity.experiments.desk import Desk
from veracity.experiments.truth_seeking.beliefs import Kept
from veracity.experiments.truth_seeking.bench import JUDGE, SECOND_RATER, Bench, role_names
from veracity.experiments.truth_seeking.examples import candidates_of, examples_in, rubric_of
from veracity.experiments.truth_seeking.judged import judged, neutral, stage_key, stage_seed
from veracity.experiments.truth_seeking.kept_rows import Made
from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
from veracity.judging.beliefs.probing import transcript
from veracity.judging.qualitative import (
    Bootstrapped,
    Example,
    QualitativeSettings,
    Subject,
    Verdict,
    bootstrap_examples,
    candidates_needed,
    judge_once,
    same_family,
    verdict_queries,
)

if TYPE_CHECKING:
    import polars as pl

How = Callable[[int], QualitativeSettings]
"""How is judged in a round."""


def qualitative_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `verdicts`: what the qualitative judge says, in every order of its examples."""
    own = neutral(written)
    examples = _all_examples(bench, desk, own)
    return _verdicts(bench, desk, "verdicts", own, examples, lambda n: qualitative_settings(bench.settings, n))


def swapped_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `verdicts_swapped`: the judge's verdicts on a share, the case for shown before the case against."""
    own = neutral(written)
    examples = _all_examples(bench, desk, own)
    again = _share(own, bench.settings.qual.swap_test, bench)
    how = partial(qualitative_settings, bench.settings)
    return _verdicts(bench, desk, "verdicts_swapped", again, examples, lambda n: replace(how(n), blue_first=True))


def second_rater_stage(bench: Bench, desk: Desk, written: Sequence[Kept]) -> pl.DataFrame:
    """The table `verdicts_second`: the second rater's verdicts on a share, without examples."""
    also = _share(neutral(written), bench.settings.qual.second_share, bench)
    return _verdicts(bench, desk, "verdicts_second", also, (), lambda n: second_settings(bench.settings, n))


def is_swapped(settings: TruthSeekingSettings) -> bool:
    """Whether there is a swap test: it is wanted, and two cases are written that have an order."""
    return settings.qual.swap_test > 0 and settings.qual.adversarial in ("red_blue", "red_blue_resolution")


def examples_shown(bench: Bench, trajectories: int) -> int:
    """How many examples a run of so many trajectories shows in the end.

    Raises:
        ConfigError: bootstrapping takes more trajectories than there are, or there are too many examples to permute.
        DataError: the examples cannot be read.
    """
    asked, how = bench.settings.qual, qualitative_settings(bench.settings)
    given = len(_given_examples(bench.settings, how))
    added = candidates_needed(given, how.bootstrap_rounds)
    if added > trajectories and asked.bootstrap.source is None:
        raise ConfigError(
            f"qual.bootstrap.rounds={how.bootstrap_rounds} from {given} examples takes {added} trajectories, and the "
            f"run has {trajectories}; ask for more problems, fewer rounds, or set qual.bootstrap.source"
        )
    verdict_queries(given + added, how)
    return given + added


def qualitative_remarks(settings: TruthSeekingSettings) -> Iterator[str]:
    """What is doubtful about who judges whom."""
    judge = settings.judge.models[0]
    kin = [name for name in settings.eval.chosen_models if same_family(name, judge)]
    if kin:
        yield f"the qualitative judge {judge} and {', '.join(kin)} seem to be of one family: judges favour their own"


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


def second_settings(settings: TruthSeekingSettings, number: int = 0) -> QualitativeSettings:
    """The second rater in a round: without examples; a person writes no cases, and a model writes its own."""
    how = replace(qualitative_settings(settings, number), role=SECOND_RATER, few_shot="disabled", rounds=1)
    person = role_names(settings)[SECOND_RATER].partition("?")[0].partition("/")[0] == "human"
    return replace(how, self_answer=False, red_team="none") if person else how


def _verdicts(
    bench: Bench, desk: Desk, name: str, own: Sequence[Kept], examples: Sequence[Example], how: How
) -> pl.DataFrame:
    """One table of verdicts. A trajectory that is an example is judged without itself among the examples."""
    from veracity.metrics.qualitative import VERDICTS, verdict_rows

    rater = bench.identity(how(0).role)

    def asked(kept: Kept, number: int) -> Program[list[Verdict]]:
        subject, settings = _subject(kept), how(number)
        others = [example for example in examples if example.subject != subject]
        shown = settings if others else replace(settings, few_shot="disabled")
        found = []
        for query in verdict_queries(len(others), shown):
            found.append((yield from judge_once(subject, others, shown, query)))  # noqa: PERF401 - it yields
        return found

    def made(kept: Kept, verdicts: list[Verdict], number: int) -> Made:
        text = _subject(kept).transcript
        rows = verdict_rows(kept.trajectory, text, verdicts, how(number), arm=kept.arm, model=kept.model, judge=rater)
        return Made((rows,), any(verdict.status == "request_failed" for verdict in verdicts))

    shaping = [name, rater, how(0).config, how(0).rounds, list(examples)]
    keys = {stage_key("qualitative", kept, rater, shaping): kept for kept in own}
    return judged(bench, desk, name, VERDICTS, keys, asked, made)


def _share(own: Sequence[Kept], share: float, bench: Bench) -> list[Kept]:
    """The trajectories of a check, chosen by name, so that a longer run keeps most of them."""
    from veracity.metrics.qualitative_checks import double_scored

    chosen = set(double_scored([_name(kept) for kept in own], share=share, seed=bench.settings.seed))
    return [kept for kept in own if _name(kept) in chosen]


def _name(kept: Kept) -> str:
    return f"{kept.arm} {kept.name}"


def _given_examples(settings: TruthSeekingSettings, how: QualitativeSettings) -> tuple[Example, ...]:
    asked = settings.qual.few_shot
    return examples_in(asked.source, how) if asked.enabled and asked.source else ()


def _all_examples(bench: Bench, desk: Desk, own: Sequence[Kept]) -> tuple[Example, ...]:
    """Those of the file, and those that bootstrapping makes of trajectories."""
    how = qualitative_settings(bench.settings)
    given = _given_examples(bench.settings, how)
    if not how.bootstrap_rounds:
        return given
    source = bench.settings.qual.bootstrap.source
    candidates = candidates_of(source) if source else [_subject(kept) for kept in own]
    result = desk.run("examples", {"bootstrap": bootstrap_examples(given, candidates, how)})["bootstrap"]
    if isinstance(result, Failure):
        raise ModelError(f"no examples could be bootstrapped: {result.kind}: {result.reason}")
    found: Bootstrapped = result
    return found.examples


def _subject(kept: Kept) -> Subject:
    said = [step for step in kept.trajectory.steps if step.speaker == "assistant"]
    return Subject(kept.trajectory.problem, transcript(said))
