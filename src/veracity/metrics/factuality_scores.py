"""All numbers of a factuality run by name, from its tables: what is stored, reported and summarised.

A name is `<part>, <arm>: <measure>`, as `answers, careful: correct_given_attempted`. Where published definitions leave
a choice open, both are here: `… (excluded)` and `… (as zero)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.calibration import brier, calibration_error
from veracity.metrics.decomposition import five_way
from veracity.metrics.judged_confidence import JudgedConfidence
from veracity.metrics.knowledge_labels import knowledge_labels, knowledge_metrics, unanswerable_metrics
from veracity.metrics.long_form import factscore, scores_at_k, surroundings
from veracity.metrics.long_form_rows import response_counts
from veracity.metrics.ranking import auroc
from veracity.metrics.selective import aurc, excess_aurc
from veracity.metrics.short_form import short_form
from veracity.metrics.win_rate import pairwise_failures, win_rate

Estimates = dict[str, Estimate]
PAIRWISE = "pairwise judge"
"""Who compares two answers, by its name on the judges' cards."""


def arms_of(table: pl.DataFrame) -> list[str]:
    """The arms in the order of their first row."""
    return table["arm"].unique(maintain_order=True).to_list()


def of_arm(table: pl.DataFrame, arm: str) -> pl.DataFrame:
    """The rows of one arm."""
    return table.filter(pl.col("arm") == arm)


def answer_estimates(answers: pl.DataFrame, samples: pl.DataFrame | None = None, *, seed: int = 0) -> Estimates:
    """Every short-form measure of every arm, and what drawn answers add to them.

    `samples`: further answers to the same questions in the same arms. Those of the first arm say which questions the
    model knows (at least one of M is right); those of each arm, which of five classes each question is in.
    """
    found: Estimates = {}
    for arm in arms_of(answers):
        own = of_arm(answers, arm)
        found |= _named(f"answers, {arm}", short_form(own, seed=seed).estimates)
        if own["gold"].null_count():
            found |= _named(f"answers, {arm}", unanswerable_metrics(own, seed=seed))
    if samples is None or not samples.height:
        return found
    labels = knowledge_labels(of_arm(samples, arms_of(samples)[0]))
    for arm in arms_of(answers):
        found |= _named(f"answers, {arm}", knowledge_metrics(of_arm(answers, arm), labels, seed=seed))
    for arm in arms_of(samples):
        found |= _named(f"samples, {arm}", five_way(of_arm(samples, arm)).shares)
    return found


def judged_confidence(answers: pl.DataFrame, confidence: pl.DataFrame, arm: str, method: str) -> JudgedConfidence:
    """Scores of one method beside the grades of the answers that an arm attempted."""
    joined = graded_confidence(answers, confidence, arm, method).filter(pl.col("grade") != "not_attempted")
    right = (joined["grade"] == "correct").to_numpy()
    return JudgedConfidence.of(joined["score"].to_numpy(), right, joined["cluster"].to_list())


def graded_confidence(answers: pl.DataFrame, confidence: pl.DataFrame, arm: str, method: str) -> pl.DataFrame:
    """The graded answers of an arm with `score` and `probability` of one method, where it gave a score."""
    asked = confidence.filter((pl.col("method") == method) & (pl.col("arm") == arm) & pl.col("score").is_not_null())
    return answers.filter(pl.col("grade").is_not_null()).join(
        asked.select("item", "arm", "sample", "score", "probability"),
        on=["item", "arm", "sample"],
        maintain_order="left",
    )


def asked_confidences(confidence: pl.DataFrame) -> list[tuple[str, str]]:
    """(arm, method) of every confidence that was asked for, in order."""
    return list(confidence.select("arm", "method").unique(maintain_order=True).iter_rows())


def confidence_estimates(answers: pl.DataFrame, confidence: pl.DataFrame, *, seed: int = 0) -> Estimates:
    """AUROC, AURC and E-AURC of every method and arm; Brier and ECE too where the method gives probabilities."""
    found: Estimates = {}
    for arm, method in asked_confidences(confidence):
        rows = judged_confidence(answers, confidence, arm, method)
        name = f"confidence, {arm}, {method}"
        if (ranked := auroc(rows, seed=seed).estimate) is not None:
            found[f"{name}: auroc"] = ranked
        if len(rows):
            found |= {f"{name}: aurc": aurc(rows, seed=seed), f"{name}: excess_aurc": excess_aurc(rows, seed=seed)}
        chances = probability_rows(answers, confidence, arm, method)
        if len(chances):
            found |= {
                f"{name}: brier": brier(chances, seed=seed),
                f"{name}: ece": calibration_error(chances, seed=seed),
            }
    return found


def probability_rows(answers: pl.DataFrame, confidence: pl.DataFrame, arm: str, method: str) -> JudgedConfidence:
    """As `judged_confidence`, with probabilities in place of scores; no rows where the method gives none."""
    joined = graded_confidence(answers, confidence, arm, method)
    kept = joined.filter((pl.col("grade") != "not_attempted") & pl.col("probability").is_not_null())
    right = (kept["grade"] == "correct").to_numpy()
    return JudgedConfidence.of(kept["probability"].to_numpy(), right, kept["cluster"].to_list())


def claim_estimates(
    responses: pl.DataFrame, claims: pl.DataFrame, *, k: Sequence[int], gamma: int | None, seed: int = 0
) -> Estimates:
    """Every long-form score of every arm, under both treatments of responses without a score."""
    counts = response_counts(responses, claims)
    found: Estimates = {}
    for arm in arms_of(responses):
        own = of_arm(counts, arm)
        found |= _named(f"claims, {arm}", dict(_claim_scores(own, k, gamma, seed)))
    return found


def precision_by(claims: pl.DataFrame, levels: Mapping[str, float]) -> dict[float, Estimate]:
    """Share of judged claims that are supported, by the level of their item, lowest first; claims are pooled."""
    judged = claims.filter(pl.col("label").is_in(["supported", "refuted", "not_enough"]))
    return _share_by(judged, pl.col("label") == "supported", levels)


def accuracy_by(answers: pl.DataFrame, levels: Mapping[str, float]) -> dict[float, Estimate]:
    """Share of graded answers that are right, by the level of their item, lowest first."""
    return _share_by(answers.filter(pl.col("grade").is_not_null()), pl.col("grade") == "correct", levels)


def pair_estimates(pairs: pl.DataFrame, *, seed: int = 0) -> Estimates:
    """Of every arm against the reference: win rate, the same at equal length where it can be fitted, flip rate."""
    found: Estimates = {}
    for arm in arms_of(pairs):
        rates = win_rate(of_arm(pairs, arm), seed=seed)
        part = f"pairs, {arm}"
        found |= {f"{part}: win_rate": rates.rate, f"{part}: flip_rate": rates.flip_rate}
        if rates.length_controlled is not None:
            found[f"{part}: win_rate at equal length"] = rates.length_controlled
    return found


def failure_shares(tables: Mapping[str, pl.DataFrame]) -> Estimates:
    """Share of rows that each judge failed on: the grader, the extractor, the verifier, who compares. Lower is better.

    `tables`: those of the run by name; a judge whose table is not there is left out.
    """
    from veracity.stats.proportion import clustered_proportion

    found: Estimates = {}
    parts = {
        "grader": ("answers", ["judge_failed"], ["request_failed", "parse_failed"]),
        "extractor": ("responses", ["extraction_failed"], ["request_failed"]),
        "verifier": ("claims", ["judge_failed", "request_failed"], ["no_evidence"]),
    }
    for judge, (name, failed, not_asked) in parts.items():
        if name not in tables:
            continue
        asked = tables[name].filter(~pl.col("status").is_in(not_asked))
        hits = asked["status"].is_in(failed).to_numpy()
        found[judge] = clustered_proportion(hits, asked["cluster"].to_list(), direction="lower")
    if "pairs" in tables:
        found[PAIRWISE] = pairwise_failures(tables["pairs"])
    return found


def _claim_scores(
    counts: pl.DataFrame, k: Sequence[int], gamma: int | None, seed: int
) -> Iterator[tuple[str, Estimate]]:
    fact = factscore(counts, seed=seed) if gamma is None else factscore(counts, gamma=gamma, seed=seed)
    treated = {"precision": fact.init_score} | ({} if gamma is None else {f"factscore, gamma {gamma}": fact.score})
    for one in k:
        at = scores_at_k(counts, one, seed=seed)
        treated |= {f"recall@{one}": at.recall, f"f1@{one}": at.f1}
    for name, both in treated.items():
        yield f"{name} (excluded)", both.excluded
        yield f"{name} (as zero)", both.as_zero
    yield "precision of all claims", fact.micro
    yield "respond_ratio", fact.respond_ratio
    beside = surroundings(counts, seed=seed)
    for name in ("claims", "words", "abstained", "zero_claims", "judge_failed"):
        yield name, getattr(beside, name)


def _share_by(rows: pl.DataFrame, hit: pl.Expr, levels: Mapping[str, float]) -> dict[float, Estimate]:
    """Share of the rows of each level that are hits; items without a level are left out."""
    from veracity.stats.proportion import clustered_proportion

    level = np.array([levels.get(item, np.nan) for item in rows["item"]])
    hits, clusters = rows.select(hit).to_series().to_numpy(), np.array(rows["cluster"].to_list())
    return {
        float(one): clustered_proportion(hits[level == one], clusters[level == one])
        for one in sorted(set(level[~np.isnan(level)].tolist()))
    }


def _named(part: str, estimates: Mapping[str, Estimate]) -> Estimates:
    return {f"{part}: {name}": value for name, value in estimates.items()}
