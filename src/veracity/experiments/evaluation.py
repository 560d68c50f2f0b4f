"""Evaluation of trained models: the same problems, the same judge, which is not the one that gave the reward.

What is compared are `Ask`s: a policy under a system prompt, greedy or sampled, by the name of an arm; an arm that was
trained several times is `name#seed` each time. Tables are those of the factuality experiment, so that all of its
metrics, and `veracity compare`, read them too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from veracity.core.config import Settings
from veracity.core.estimate import Estimate
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Sampling
from veracity.experiments.desk import Desk
from veracity.experiments.factuality.asking import system_text
from veracity.experiments.factuality.long import extract, verify
from veracity.experiments.factuality.settings import LongSettings, ShortSettings
from veracity.experiments.factuality.short import Answer, answer_rows, answers_in, grades
from veracity.experiments.judged_samples import JudgingSettings, judging_key
from veracity.experiments.sampling import Ask, samples_key, samples_stage
from veracity.judging.confidence import CONFIDENCES, Confidence, ConfidenceSettings

if TYPE_CHECKING:
    import polars as pl

    from veracity.metrics.arm_effects import Change


class EvaluationSettings(Settings):
    """Who says what is right in the end, and how it is summed up."""

    judging: JudgingSettings = Field(
        default=JudgingSettings(verifier="world"), description="The scorer; never the one that gave the reward."
    )
    k: int = Field(default=4, ge=1, description="K of F1@K: how many supported claims make a complete answer.")
    confidence: str | None = Field(
        default="sequence_mean", description="Short answers: the confidence program of calibration; null asks none."
    )


@dataclass(frozen=True, slots=True)
class LongTables:
    """Long answers of all arms."""

    responses: pl.DataFrame
    claims: pl.DataFrame

    def items(self, arm: str, k: int) -> pl.DataFrame:
        """One row an item of an arm, its seeds pooled; see `long_items`."""
        import polars as pl

        from veracity.metrics.arm_effects import long_items, pooled_seeds

        own = [pooled_seeds(table).filter(pl.col("arm") == arm) for table in (self.responses, self.claims)]
        return long_items(own[0], own[1], k)

    def of(self, items: Sequence[str]) -> LongTables:
        """The rows of these items."""
        import polars as pl

        kept = pl.col("item").is_in(list(items))
        return LongTables(self.responses.filter(kept), self.claims.filter(kept))


def evaluate_long(
    desk: Desk, name: str, settings: EvaluationSettings, problems: Sequence[Problem], asks: Sequence[Ask]
) -> LongTables:
    """Stages `<name>.samples`, `<name>.responses`, `<name>.claims`: what every arm says and what of it is right."""
    by = settings.judging
    how = LongSettings(
        extractor=by.extractor, verifier=by.verifier, scope=by.scope, passages=by.passages, threshold=by.threshold
    )
    said = samples_stage(desk, f"{name}.samples", problems, asks)
    inputs = [samples_key(problems, asks), judging_key(desk, by)]
    made: list[Any] = []

    def extraction() -> Any:
        made[:] = made or [extract(desk, how, problems, said)]
        return made[0]

    responses = desk.store(f"{name}.responses", inputs, lambda: extraction().responses)
    listed = desk.store(f"{name}.extracted", inputs, lambda: extraction().claims)
    claims = desk.store(f"{name}.claims", inputs, lambda: verify(desk, how, problems, listed))
    return LongTables(responses, claims)


def evaluate_short(
    desk: Desk, name: str, settings: EvaluationSettings, problems: Sequence[Problem], asks: Sequence[Ask]
) -> pl.DataFrame:
    """Stages `<name>.samples`, `<name>.confidence`, `<name>.answers`: the answers table of all arms.

    Every ask puts its questions in the family that `settings.judging` reads.
    """
    reading = ShortSettings(family=settings.judging.family)
    said = samples_stage(desk, f"{name}.samples", problems, asks)
    answers = answers_in(said, problems, reading)
    inputs = [samples_key(problems, asks), settings.confidence]
    sure = desk.store(f"{name}.confidence", inputs, lambda: _confidence(desk, name, settings, answers, asks))
    chances = {(item, arm, n): p for item, arm, n, p in sure.iter_rows() if p is not None}
    graded = [inputs, judging_key(desk, settings.judging)]
    return desk.store(
        f"{name}.answers", graded, lambda: answer_rows(answers, grades(desk, f"{name}.grading", answers), chances)
    )


def long_estimates(tables: LongTables, k: int, *, seed: int = 0) -> dict[str, Estimate]:
    """`<arm>: <measure>` of every arm, its seeds pooled."""
    from veracity.metrics.arm_effects import means

    found: dict[str, Estimate] = {}
    for arm in arms_of(tables.responses):
        found |= {f"{arm}: {name}": value for name, value in means(tables.items(arm, k), seed=seed).items()}
    return found


def long_change(tables: LongTables, arm: str, reference: str, k: int, *, seed: int = 0) -> Mapping[str, Change]:
    """What changed from `reference` to `arm`, measure by measure, on the same items."""
    from veracity.metrics.arm_effects import changes

    return changes(tables.items(arm, k), tables.items(reference, k), seed=seed)


def short_items_of(answers: pl.DataFrame, arm: str) -> pl.DataFrame:
    """One row an item of an arm, its seeds pooled; see `short_items`."""
    import polars as pl

    from veracity.metrics.arm_effects import pooled_seeds, short_items

    return short_items(pooled_seeds(answers).filter(pl.col("arm") == arm))


def arms_of(table: pl.DataFrame) -> list[str]:
    """The arms in the order of their first row, without their seeds."""
    from veracity.metrics.arm_effects import SEED

    return list(dict.fromkeys(arm.partition(SEED)[0] for arm in table["arm"].to_list()))


def _confidence(
    desk: Desk, name: str, settings: EvaluationSettings, answers: Sequence[Answer], asks: Sequence[Ask]
) -> pl.DataFrame:
    """How sure each arm is of its greedy answers: item, arm, sample, probability (null where there is none)."""
    import polars as pl

    rows: list[tuple[str, str, int, float | None]] = []
    for ask in asks if settings.confidence else ():
        if ask.how.temperature:
            continue
        method = CONFIDENCES.get(str(settings.confidence))
        drawn = Sampling(temperature=1.0, max_tokens=ask.how.max_tokens, seed=ask.seed)
        how = ConfidenceSettings(family=ask.how.family, system=system_text(ask.how.system), sampling=drawn)
        own = [a for a in answers if a.arm == ask.arm and a.text is not None]
        desk.play(ask.policy)
        programs = {f"{ask.arm}/{a.problem.id}/{a.sample}": method(a.problem, a.text or "", how) for a in own}
        found = desk.run(f"{name}.confidence", programs).values()
        rows += [(a.problem.id, a.arm, a.sample, _probability(one)) for a, one in zip(own, found, strict=True)]
    columns = {"item": pl.String, "arm": pl.String, "sample": pl.Int64, "probability": pl.Float64}
    return pl.DataFrame(rows, schema=columns, orient="row")


def _probability(result: Confidence | Failure) -> float | None:
    return None if isinstance(result, Failure) else result.probability
