"""Long form: list the claims of each answer, retrieve evidence, verify, and look the truth up where it is known.

Extraction, retrieval and verification are programs of other rooms, put one behind the other; each ends in a table, so
that a changed verifier extracts nothing again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Program
from veracity.experiments.factuality.bench import about_world, page_of
from veracity.judging.claims import EXTRACTORS, Extracted, ExtractorSettings
from veracity.judging.grading import abstains
from veracity.judging.verifying import VERIFIERS, Judged, VerifierSettings
from veracity.judging.verifying.evidence import EvidenceSettings, verify_with_evidence

if TYPE_CHECKING:
    import polars as pl

    from veracity.experiments.desk import Works
    from veracity.experiments.factuality.settings import LongSettings


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the extractor made of the responses: one row each, and the claims that they make, not yet judged."""

    responses: pl.DataFrame
    claims: pl.DataFrame


def extract(worker: Works, settings: LongSettings, problems: Sequence[Problem], replies: pl.DataFrame) -> Extraction:
    """List the claims of every response; one that abstains or could not be had makes none, and says so."""
    from veracity.metrics.claim_rows import CLAIMS, RESPONSES

    by_id = {p.id: p for p in problems}
    programs: dict[str, Program[Extracted]] = {
        f"{row['arm']}/{row['item']}/{row['sample']}": extraction(by_id[row["item"]], row["reply"], settings)
        for row in replies.iter_rows(named=True)
        if row["reply"] is not None
    }
    results = worker.run("extraction", programs)
    responses, claims = [], []
    for row in replies.iter_rows(named=True):
        result = results.get(f"{row['arm']}/{row['item']}/{row['sample']}")
        place = about(by_id[row["item"]], row["arm"], row["sample"])
        responses.append({**place, **response_state(by_id[row["item"]], row["reply"], result)})
        found = result.claims if isinstance(result, Extracted) else ()
        claims += [
            {**row_keys(place), "claim": i, "text": c.text, "copies": c.copies, "status": "judge_failed"}
            for i, c in enumerate(found)
        ]
    return Extraction(
        RESPONSES.frame(responses), CLAIMS.frame(claims).drop("label", "status", "confidence", "evidence")
    )


def extraction(problem: Problem, response: str, settings: LongSettings) -> Program[Extracted]:
    """The claims of one response, by the chosen program."""
    return EXTRACTORS.get(settings.extractor)(problem, response, ExtractorSettings(abstains=abstains))


def verify(worker: Works, settings: LongSettings, problems: Sequence[Problem], claims: pl.DataFrame) -> pl.DataFrame:
    """Judge every claim by evidence from the corpus: the claims table. Equal claims about a page are judged once."""
    from veracity.metrics.claim_rows import CLAIMS

    by_id = {p.id: p for p in problems}
    rows = claims.to_dicts()
    asked = [(row["text"], page_of(by_id[row["item"]])) for row in rows]
    different = list(dict.fromkeys(asked))
    programs = {str(i): verification(text, page, settings) for i, (text, page) in enumerate(different)}
    found = dict(zip(different, worker.run("verification", programs).values(), strict=True))
    return CLAIMS.frame(row | judgement(found[claim]) for row, claim in zip(rows, asked, strict=True))


def verification(claim: str, page: str | None, settings: LongSettings) -> Program[Judged]:
    """Evidence for one claim, and the chosen verifier's word on it."""
    return verify_with_evidence(
        claim,
        VERIFIERS.get(settings.verifier),
        VerifierSettings(threshold=settings.threshold),
        EvidenceSettings(k=settings.passages),
        about=page or "",
        page=page if settings.scope == "page" else None,
    )


def looked_up(claims: pl.DataFrame, problems: Sequence[Problem], seconds: float | None) -> list[dict[str, Any]]:
    """The verifier's labels beside the truth, for claims about the embedded world: rows of a judgements table."""
    from veracity.world.tiny import tiny_world

    world, by_id = tiny_world(), {p.id: p for p in problems}
    truths = {"supported": "supported", "refuted": "refuted", "not_in_world": "not_enough"}
    kept = [row for row in claims.iter_rows(named=True) if about_world(by_id[row["item"]])]
    return [
        {
            "judge": "verifier, on this run's claims",
            "item": f"{row['arm']}/{row['item']}/{row['sample']}/{row['claim']}",
            "cluster": row["cluster"],
            "text": row["text"],
            "truth": truths[world.verdict(row["text"]).label],
            "label": row["label"],
            "status": row["status"],
            "seconds": None if seconds is None else seconds / len(claims),
            "cost": None,
        }
        for row in kept
    ]


def about(problem: Problem, arm: str, sample: int) -> dict[str, Any]:
    """The columns that name a response."""
    cluster = problem.cluster or problem.id
    return {"item": problem.id, "cluster": cluster, "domain": problem.domain, "arm": arm, "sample": sample}


def row_keys(about: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that name a claim's response."""
    return {name: value for name, value in about.items() if name != "domain"}


def response_state(problem: Problem, reply: str | None, result: Extracted | Failure | None) -> dict[str, Any]:
    """What was asked and said, and what the extractor made of it."""
    asked = {"prompt": problem.messages()[0].content, "response": reply}
    if reply is None or result is None:
        return {**asked, "status": "request_failed", "words": None}
    status = "extraction_failed" if isinstance(result, Failure) else result.status
    return {**asked, "status": status, "words": len(reply.split())}


def judgement(result: Judged | Failure) -> dict[str, Any]:
    """The columns that a verifier fills."""
    if isinstance(result, Failure):
        return {"status": "request_failed"}
    return {
        "label": result.label,
        "status": result.status,
        "confidence": result.confidence,
        "evidence": list(result.evidence),
    }
