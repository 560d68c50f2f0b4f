"""How truthful each sample is, by either estimator, and the pairs that this makes.

A response without claims, and one of whose claims none has a verdict or confidence, has no score and is in no pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any, get_args

from veracity.core.identity import derive_seed
from veracity.core.judged import Group, JudgedClaim, JudgedResponse
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Program, user
from veracity.experiments.desk import Desk
from veracity.experiments.facttune.settings import ConfidenceOfClaims, FactTuneSettings
from veracity.experiments.factuality.asking import system_text
from veracity.experiments.judged_samples import groups_of
from veracity.judging.self_confidence import (
    ClaimConfidence,
    Measure,
    claim_confidence,
    entity_confidences,
    question_prompts,
)
from veracity.rewards.base import open_reward
from veracity.training.pairs import Pairing, Scored, build_pairs
from veracity.training.records import Prompt

if TYPE_CHECKING:
    import polars as pl

MEASURES: tuple[Measure, ...] = get_args(Measure)


def factscore_scores(settings: FactTuneSettings, judged: pl.DataFrame, problems: Sequence[Problem]) -> pl.DataFrame:
    """FactTune-FS: the reward of every judged sample. Columns: item, sample, score (null where there is none)."""
    return _scores(settings.reward, groups_of(judged, problems))


def confidence_scores(
    settings: FactTuneSettings, judged: pl.DataFrame, confidences: pl.DataFrame, problems: Sequence[Problem]
) -> pl.DataFrame:
    """FactTune-MC: the mean confidence of every sample's claims, by the chosen measure; columns as of FS."""
    found: dict[tuple[str, str], list[JudgedClaim]] = {}
    wanted = ("item", "response", "claim", settings.confidence.measure)
    for item, response, claim, number in confidences.select(wanted).iter_rows():
        if claim is not None:
            found.setdefault((item, response), []).append(JudgedClaim(claim, None, number))
    groups = [
        Group(group.problem, tuple(_sure(response, group.problem, found) for response in group.responses))
        for group in groups_of(judged, problems)
    ]
    return _scores("self_confidence", groups)


def claim_confidences(
    desk: Desk, stage: str, settings: ConfidenceOfClaims, judged: pl.DataFrame, problems: Sequence[Problem], seed: int
) -> pl.DataFrame:
    """How sure the oracle is of every claim of every different response: one row a claim, all four measures.

    Columns: item, response, claim (null for a response that makes none or whose entities could not be asked about),
    question, own, status (`ok`, `no_question`, `parse_failed`, `no_samples`, `no_claims`, `request_failed`), the four
    measures, empty (samples that say nothing), samples.
    """
    import polars as pl

    by_id, how = {p.id: p for p in problems}, settings.oracle(seed)
    rows: list[dict[str, Any]] = []
    said = {(row["item"], row["text"]): row["claims"] or [] for row in judged.iter_rows(named=True)}
    if settings.variant == "entity":
        asked = {key: entity_confidences(by_id[key[0]], key[1], how) for key in said}
        named = desk.run(stage, {f"{n}/{key[0]}": program for n, (key, program) in enumerate(asked.items())})
        for (item, response), result in zip(asked, named.values(), strict=True):
            rows += [_row(item, response, one) for one in _listed(result)]
    else:
        found = _of_claims(desk, stage, {(i, c["text"]): by_id[i] for (i, _), cs in said.items() for c in cs}, how)
        for (item, response), claims in said.items():
            results: list[ClaimConfidence | Failure | None] = [found[(item, claim["text"])] for claim in claims]
            rows += [_row(item, response, one) for one in results or [None]]
    return pl.DataFrame(rows, schema=CONFIDENCE_COLUMNS)


def confidence_key(desk: Desk, settings: ConfidenceOfClaims, oracle: str, seed: int) -> list[Any]:
    """All that a claim's confidence depends on beside the claim."""
    asking = settings.model_dump(exclude={"measure"})
    return [asking, seed, oracle, desk.identity("extractor"), question_prompts(settings.questions)]


def pairs_of(
    settings: FactTuneSettings, judged: pl.DataFrame, scores: pl.DataFrame, problems: Sequence[Problem], seed: int
) -> Pairing:
    """The preference pairs of all prompts, or as many as are wanted, drawn by the seed."""
    by_sample = {(item, sample): score for item, sample, score in scores.iter_rows()}
    said: dict[str, list[Scored]] = {}
    for row in judged.sort("item", "sample").iter_rows(named=True):
        response = Scored(row["text"].strip(), by_sample[(row["item"], row["sample"])], row["tokens"])
        said.setdefault(row["item"], []).append(response)
    system = settings.sampling.system
    prompts = [(Prompt(p.id, prompt_messages(p, system)), said[p.id]) for p in problems if p.id in said]
    pairing = build_pairs(prompts, settings.pairs)
    if settings.most_pairs is None or len(pairing.pairs) <= settings.most_pairs:
        return pairing
    order = Random(derive_seed(seed, "pairs")).sample(range(len(pairing.pairs)), settings.most_pairs)
    return replace(pairing, pairs=tuple(pairing.pairs[i] for i in sorted(order)))


def prompt_messages(problem: Problem, system: str) -> tuple[Any, ...]:
    """The conversation that a sample answered."""
    return user(problem.messages()[0].content, system=system_text(system))


CONFIDENCE_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(("item", "response", "claim", "question", "own", "status"), str),
    **dict.fromkeys(MEASURES, float),
    "empty": int,
    "samples": list[str],
}


def _scores(reward: str, groups: Sequence[Group]) -> pl.DataFrame:
    import polars as pl

    of = open_reward(reward).of
    rows = [(group.problem.id, n, score) for group in groups for n, score in enumerate(of(group))]
    return pl.DataFrame(rows, schema={"item": pl.String, "sample": pl.Int64, "score": pl.Float64}, orient="row")


def _sure(
    response: JudgedResponse, problem: Problem, found: Mapping[tuple[str, str], list[JudgedClaim]]
) -> JudgedResponse:
    return replace(response, claims=tuple(found.get((problem.id, response.text), ())))


def _of_claims(
    desk: Desk, stage: str, claims: Mapping[tuple[str, str], Problem], how: Any
) -> dict[tuple[str, str], ClaimConfidence | Failure]:
    programs: dict[str, Program[ClaimConfidence]] = {
        f"{n}/{item}": claim_confidence(problem, text, how) for n, ((item, text), problem) in enumerate(claims.items())
    }
    return dict(zip(claims, desk.run(stage, programs).values(), strict=True))


def _listed(result: list[ClaimConfidence] | Failure) -> Sequence[ClaimConfidence | Failure | None]:
    return [result] if isinstance(result, Failure) else result or [None]


def _row(item: str, response: str, found: ClaimConfidence | Failure | None) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(CONFIDENCE_COLUMNS) | {"item": item, "response": response}
    if found is None:
        return row | {"status": "no_claims"}
    if isinstance(found, Failure):
        return row | {"status": "request_failed"}
    row |= {"claim": found.claim, "question": found.question.text, "own": found.question.answer}
    empty = None if found.agreement is None else found.agreement.empty
    row |= {name: found.by(name) for name in MEASURES}
    return row | {"status": found.status, "empty": empty, "samples": list(found.samples)}
