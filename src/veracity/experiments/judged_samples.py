"""Stage `judged`: what judges say of every sample, and the same judges for responses that are made while training.

Equal texts for one problem are judged once. A trainer that generates its own responses is given `online_judge`, so that
what it is rewarded for is decided exactly as in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from veracity.core.config import Settings
from veracity.core.errors import ModelError
from veracity.core.judged import Group, JudgedClaim, JudgedResponse
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Program
from veracity.experiments.desk import Desk, Works, prompts_used
from veracity.experiments.factuality.bench import page_of
from veracity.experiments.factuality.short import rules_of
from veracity.judging.claims import EXTRACTORS, ExtractorSettings
from veracity.judging.grading import JudgeSettings, abstains
from veracity.judging.judged import ClaimJudge, ShortJudging, claim_by_evidence, judge_long, judge_short
from veracity.judging.prompting import Family
from veracity.judging.verifying import VERIFIERS, VerifierSettings
from veracity.judging.verifying.evidence import EvidenceSettings
from veracity.training.records import Completion, Judge

if TYPE_CHECKING:
    import polars as pl


JudgingProgram = Callable[[Problem, Completion], Program[JudgedResponse]]


class JudgingSettings(Settings):
    """How responses are judged: short answers by their grade, long ones by their claims."""

    form: Literal["short", "long"] = Field(default="long", description="Which of the two they are.")
    family: Family = Field(default="plain", description="Short answers: how questions are put and replies read.")
    extractor: str = Field(default="rule", description="Long answers: extraction program.")
    verifier: str = Field(default="rule", description="Long answers: verification program.")
    scope: Literal["page", "corpus"] = Field(
        default="page", description="Where evidence is looked for: the page that the prompt is about, or everywhere."
    )
    passages: int = Field(default=5, ge=1, description="Passages of evidence a claim.")
    threshold: float = Field(default=0.5, gt=0, le=1, description="Least probability of a label, where there are any.")


def judged_stage(
    desk: Desk, name: str, settings: JudgingSettings, problems: Sequence[Problem], samples: pl.DataFrame, made: str
) -> pl.DataFrame:
    """The judged samples table: stage `name` of the desk's run. `made`: the stage that `samples` is."""
    inputs = [desk.keys[made], judging_key(desk, settings)]
    return desk.store(name, inputs, lambda: judge_samples(desk, name, settings, problems, samples))


def judging_key(desk: Desk, settings: JudgingSettings) -> list[Any]:
    """All that a judgement depends on beside the response."""
    roles = ("judge",) if settings.form == "short" else ("extractor", "verifier", "nli", "corpus")
    return [settings, {role: desk.identity(role) for role in roles}, prompts_used(("grade.", "claims.", "verify."))]


def judge_samples(
    works: Works, stage: str, settings: JudgingSettings, problems: Sequence[Problem], samples: pl.DataFrame
) -> pl.DataFrame:
    """One row a sample that could be had; those whose request failed are in no group.

    Raises ModelError where there are long responses and not one of them could be judged.
    """
    from veracity.metrics.sample_rows import JUDGED

    by_id = {p.id: p for p in problems}
    rows = samples.filter(samples["status"] == "ok").to_dicts()
    said = [(by_id[r["item"]], Completion(r["reply"], r["tokens"], r["finish"] == "length")) for r in rows]
    judged = _all_judged(works, stage, settings, said)
    places = ("item", "cluster", "arm", "sample")
    return JUDGED.frame(
        {name: row[name] for name in places} | judged_row(one) for row, one in zip(rows, judged, strict=True)
    )


def online_judge(works: Works, stage: str, settings: JudgingSettings, problems: Sequence[Problem]) -> Judge:
    """The judge that a trainer asks about what it generated: items with their completions → judged groups, in order."""
    by_id = {p.id: p for p in problems}

    def judge(batch: Sequence[tuple[str, Sequence[Completion]]]) -> list[Group]:
        said = [(by_id[item], response) for item, responses in batch for response in responses]
        judged = iter(judge_all(works, stage, settings, said))
        return [Group(by_id[item], tuple(next(judged) for _ in responses)) for item, responses in batch]

    return judge


def judge_all(
    works: Works, stage: str, settings: JudgingSettings, said: Sequence[tuple[Problem, Completion]]
) -> list[JudgedResponse]:
    """Every response judged, in order. One whose judging failed has no outcome and no claims."""
    found = _by_text(works, stage, settings, said)
    return [_of_response(found[(p.id, r.text)], r) for p, r in said]


def judging_program(
    works: Works, settings: JudgingSettings
) -> Callable[[Problem, Completion], Program[JudgedResponse]]:
    """(problem, response) → the program that judges it."""
    if settings.form == "short":
        judge = JudgeSettings() if "judge" in works.backends else None

        def short(problem: Problem, said: Completion) -> Program[JudgedResponse]:
            how = ShortJudging(settings.family, judge, rules_of(problem))
            return judge_short(problem, said.text, how, tokens=said.tokens, truncated=said.truncated)

        return short
    extract, by_evidence = EXTRACTORS.get(settings.extractor), _claim_judge(settings)
    how_listed = ExtractorSettings(abstains=abstains)

    def long(problem: Problem, said: Completion) -> Program[JudgedResponse]:
        tokens, truncated = said.tokens, said.truncated
        return judge_long(problem, said.text, extract, how_listed, by_evidence, tokens=tokens, truncated=truncated)

    return long


def groups_of(judged: pl.DataFrame, problems: Sequence[Problem]) -> list[Group]:
    """One group a problem of which there are samples, in the problems' order; responses in the samples' order."""
    rows: dict[str, list[JudgedResponse]] = {}
    for row in judged.sort("item", "arm", "sample").iter_rows(named=True):
        rows.setdefault(row["item"], []).append(response_of(row))
    return [Group(p, tuple(rows[p.id])) for p in problems if p.id in rows]


def judged_row(response: JudgedResponse) -> dict[str, Any]:
    """The columns of the judged samples table that a response fills."""
    claims = None if response.claims is None else [asdict(claim) for claim in response.claims]
    names = ("text", "tokens", "truncated", "well_formed", "abstained", "outcome")
    return {**{name: getattr(response, name) for name in names}, "claims": claims}


def response_of(row: Mapping[str, Any]) -> JudgedResponse:
    """The response in a row of the judged samples table."""
    claims = None if row["claims"] is None else tuple(JudgedClaim(**claim) for claim in row["claims"])
    names = ("text", "tokens", "truncated", "well_formed", "abstained", "outcome")
    return JudgedResponse(**{name: row[name] for name in names}, claims=claims)


def _all_judged(
    works: Works, stage: str, settings: JudgingSettings, said: Sequence[tuple[Problem, Completion]]
) -> list[JudgedResponse]:
    """As `judge_all`; ModelError where not one long response has a verdict, so that nobody trains on nothing."""
    found = _by_text(works, stage, settings, said)
    judged = [_of_response(found[(p.id, r.text)], r) for p, r in said]
    if settings.form == "long" and judged and all(map(_without_verdict, judged)):
        reasons = [one.reason for one in found.values() if isinstance(one, Failure)]
        why = (
            f"; the first failure: {reasons[0]}"
            if reasons
            else ": claims that cannot be listed, no evidence, or verdicts that cannot be read"
        )
        within = " (scope=page looks in the page titled as the prompt's subject alone)" * (settings.scope == "page")
        raise ModelError(
            f"{stage}: of {len(judged):,} responses none could be judged{why}; check roles, the corpus{within}, "
            f"extractor={settings.extractor} and verifier={settings.verifier}"
        )
    return judged


def _by_text(
    works: Works, stage: str, settings: JudgingSettings, said: Sequence[tuple[Problem, Completion]]
) -> dict[tuple[str, str], JudgedResponse | Failure]:
    """What became of each text for each problem."""
    program = judging_program(works, settings)
    texts = {(p.id, r.text): (p, r) for p, r in said}
    asked = {f"{number}/{p.id}": program(p, r) for number, (p, r) in enumerate(texts.values())}
    return dict(zip(texts, works.run(stage, asked).values(), strict=True))


def _without_verdict(response: JudgedResponse) -> bool:
    """Whether its claims could not be listed, or not one of them judged; a response without claims is judged."""
    if response.claims is None:
        return True
    return bool(response.claims) and all(c.label is None and c.confidence is None for c in response.claims)


def _claim_judge(settings: JudgingSettings) -> ClaimJudge:
    return claim_by_evidence(
        VERIFIERS.get(settings.verifier),
        VerifierSettings(threshold=settings.threshold),
        EvidenceSettings(k=settings.passages),
        page_of,
        whole_corpus=settings.scope == "corpus",
    )


def _of_response(result: JudgedResponse | Failure, said: Completion) -> JudgedResponse:
    """Judged once for equal texts, whose lengths may still differ."""
    if isinstance(result, Failure):
        return JudgedResponse(said.text, said.tokens, said.truncated)
    return replace(result, tokens=said.tokens, truncated=said.truncated)
