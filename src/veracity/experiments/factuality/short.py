"""Short form: how sure the model is of its answers, and whether they are right.

Rules grade first and judge models only what these leave open, so that most grades cost nothing and can be followed. In
a world whose truths are all listed, an answer that is none of them is wrong by rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Sampling
from veracity.experiments.factuality.asking import answer_of, asking_of
from veracity.experiments.factuality.bench import about_world
from veracity.judging.confidence import CONFIDENCES, Confidence
from veracity.judging.grading import Grade, JudgeSettings, Rules
from veracity.judging.grading.grader import grade
from veracity.judging.grading.rules import grade_by_complete_aliases, grade_without_judge

if TYPE_CHECKING:
    import polars as pl

    from veracity.experiments.desk import Works
    from veracity.experiments.factuality.settings import ShortSettings


@dataclass(frozen=True, slots=True)
class Answer:
    """A short answer to be graded; `text` is None where there is none, and `status` says why."""

    problem: Problem
    arm: str
    sample: int
    text: str | None
    status: str
    """`ok`, `request_failed` or `parse_failed`."""


def answers_in(replies: pl.DataFrame, problems: Sequence[Problem], settings: ShortSettings) -> list[Answer]:
    """The answers that replies hold, in the replies' order."""
    by_id = {p.id: p for p in problems}
    found = []
    for item, arm, sample, reply, status in replies.select("item", "arm", "sample", "reply", "status").iter_rows():
        text = answer_of(reply, settings)
        failed = "parse_failed" if status == "ok" and text is None else status
        found.append(Answer(by_id[item], arm, sample, text, failed))
    return found


def grades(worker: Works, stage: str, answers: Sequence[Answer]) -> list[Grade | None]:
    """The grade of each answer that has a text, in their order; equal answers to a question are graded once."""
    judge = JudgeSettings() if "judge" in worker.backends else None
    texts = {(a.problem.id, a.text): (a.problem, a.text) for a in answers if a.text is not None}
    programs = {
        f"{number}/{problem.id}": grade(problem, text, judge, rules=rules_of(problem))
        for number, (problem, text) in enumerate(texts.values())
    }
    found = dict(zip(texts, worker.run(stage, programs).values(), strict=True))
    lost = Grade(None, None, "judge_failed", "the request to the judge failed")
    graded = [None if a.text is None else found[(a.problem.id, a.text)] for a in answers]
    return [lost if isinstance(one, Failure) else one for one in graded]


def answer_rows(
    answers: Sequence[Answer], grades: Sequence[Grade | None], confidence: Mapping[tuple[str, str, int], float]
) -> pl.DataFrame:
    """The answers table. `confidence`: probability of being right by (item, arm, sample), where one was asked for."""
    from veracity.metrics.answer_rows import ANSWERS

    rows = []
    for answer, given in zip(answers, grades, strict=True):
        problem = answer.problem
        row: dict[str, Any] = {
            "item": problem.id,
            "cluster": problem.cluster or problem.id,
            "domain": problem.domain,
            "arm": answer.arm,
            "sample": answer.sample,
            "question": problem.question,
            "gold": problem.gold,
            "answer": answer.text,
            "confidence": confidence.get((problem.id, answer.arm, answer.sample)),
        }
        rows.append(row | _outcome(answer, given))
    return ANSWERS.frame(rows)


def confidences(worker: Works, settings: ShortSettings, answers: Sequence[Answer], seed: int) -> pl.DataFrame:
    """How sure the model is of its greedy answers, by every method: one row an answer and method.

    Columns: item, arm, sample, method, score, probability, status (of the program, or `request_failed`).
    """
    import polars as pl

    arms = settings.confidence_arms or settings.arms[:1]
    drawn = Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens, seed=seed)
    how = {arm: asking_of(settings, arm, drawn) for arm in arms}
    asked = {
        f"{method}/{a.arm}/{a.problem.id}/{a.sample}": (method, a)
        for method in settings.confidence
        for a in answers
        if a.arm in how and a.text is not None
    }
    programs = {k: CONFIDENCES.get(method)(a.problem, a.text or "", how[a.arm]) for k, (method, a) in asked.items()}
    results = worker.run("confidence", programs)
    rows = [_confidence_row(*asked[key], result) for key, result in results.items()]
    return pl.DataFrame(rows, schema=CONFIDENCE_COLUMNS, orient="row")


def probabilities(confidence: pl.DataFrame, method: str | None) -> dict[tuple[str, str, int], float]:
    """By (item, arm, sample): the probability that `method` gave; empty where it gives none."""
    import polars as pl

    if method is None:
        return {}
    own = confidence.filter((pl.col("method") == method) & pl.col("probability").is_not_null())
    return {(item, arm, n): p for item, arm, n, p in own.select("item", "arm", "sample", "probability").iter_rows()}


CONFIDENCE_COLUMNS: dict[str, Any] = {
    "item": str,
    "arm": str,
    "sample": int,
    "method": str,
    "score": float,
    "probability": float,
    "status": str,
}


def rules_of(problem: Problem) -> Rules:
    """Whether a reply that gives no accepted answer is wrong by rule: in a world whose truths are all listed."""
    return grade_by_complete_aliases if about_world(problem) else grade_without_judge


def _outcome(answer: Answer, given: Grade | None) -> dict[str, Any]:
    """`grade`, `status`, `stage`. What rules left open and no judge decided is a judgement that failed."""
    if given is None:
        return {"status": answer.status}
    status = "judge_failed" if given.status == "undecided" else given.status
    return {"grade": given.grade, "status": status, "stage": given.stage}


def _confidence_row(method: str, answer: Answer, result: Confidence | Failure) -> dict[str, Any]:
    about = {"item": answer.problem.id, "arm": answer.arm, "sample": answer.sample, "method": method}
    if isinstance(result, Failure):
        return {**about, "score": None, "probability": None, "status": "request_failed"}
    return {**about, "score": result.score, "probability": result.probability, "status": result.status}
