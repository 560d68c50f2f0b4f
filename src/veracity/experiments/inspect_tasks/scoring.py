"""Our judgement of a reply as Inspect's scorer, and our formulas as its metrics.

A score's metadata holds the row that our tables would have; the metrics put the rows together again. So a reply that
could not be judged is in no share, whatever Inspect makes of its value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from veracity.core.estimate import Estimate
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Program
from veracity.engine import Engine
from veracity.experiments.factuality.asking import answer_of
from veracity.experiments.factuality.bench import ledger_file, open_roles, page_of
from veracity.experiments.factuality.long import (
    about,
    extraction,
    judgement,
    response_state,
    row_keys,
    verification,
)
from veracity.experiments.factuality.settings import LongSettings, ShortSettings
from veracity.experiments.factuality.short import Answer, answer_rows, rules_of
from veracity.judging.claims import Extracted
from veracity.judging.grading import Grade, JudgeSettings
from veracity.judging.grading.grader import grade

if TYPE_CHECKING:
    from veracity.core.requests import Backend

T = TypeVar("T")
Judges = Callable[[], Mapping[str, "Backend"]]
LETTERS = {"correct": "C", "incorrect": "I", "not_attempted": "N"}
"""As Inspect shows them; `U` for a reply that could not be judged."""


class Bench:
    """Judges that are opened when the first reply comes, and one ledger for them."""

    def __init__(self, named: Mapping[str, str], corpus: str | None) -> None:
        self._named, self._corpus = dict(named), corpus
        self.engine = cache(self._engine)

    @property
    def roles(self) -> frozenset[str]:
        """Who is there to be asked, apart from the corpus."""
        return frozenset(self._named)

    def _engine(self) -> Engine:
        from veracity.store.ledger import Ledger

        return Engine(open_roles(self._named, self._corpus), Ledger(ledger_file()))

    async def run(self, programs: Mapping[str, Program[T]]) -> dict[str, T | Failure]:
        """Every program's value, in Inspect's event loop."""
        return await self.engine().run_async(programs)


@metric(name="short_form")
def short_form_metric() -> Metric:
    """Every short-form measure, with its standard error."""

    def measure(scores: list[SampleScore]) -> dict[str, float | None]:
        from veracity.metrics.answer_rows import ANSWERS
        from veracity.metrics.short_form import short_form

        return _flat(short_form(ANSWERS.frame(row for row in _rows(scores, "answer"))).estimates)

    return cast("Metric", measure)


@metric(name="long_form")
def long_form_metric(k: Sequence[int] = (32,), gamma: int | None = 10) -> Metric:
    """Every long-form measure, with its standard error."""

    def measure(scores: list[SampleScore]) -> dict[str, float | None]:
        from veracity.metrics.claim_rows import CLAIMS, RESPONSES
        from veracity.metrics.factuality_scores import claim_estimates

        responses = RESPONSES.frame(_rows(scores, "response"))
        claims = CLAIMS.frame(claim for listed in _rows(scores, "claims") for claim in listed)
        found = claim_estimates(responses, claims, k=k, gamma=gamma)
        return _flat({name.partition(": ")[2]: value for name, value in found.items()})

    return cast("Metric", measure)


@scorer(metrics=[short_form_metric()], name="short_answer")
def short_answer(problems: Mapping[str, Problem], settings: ShortSettings, bench: Bench) -> Scorer:
    """Grade by rules, and by the judge what these leave open."""
    judge = JudgeSettings() if "judge" in bench.roles else None

    async def score(state: TaskState, target: Target) -> Score:
        problem = problems[str(state.sample_id)]
        text = answer_of(state.output.completion, settings)
        given: Grade | None = None
        if text is not None:
            done = (await bench.run({problem.id: grade(problem, text, judge, rules=rules_of(problem))}))[problem.id]
            lost = Grade(None, None, "judge_failed", "the request to the judge failed")
            given = lost if isinstance(done, Failure) else done
        answer = Answer(problem, settings.arms[0], 0, text, "ok" if text is not None else "parse_failed")
        row = answer_rows([answer], [given], {}).row(0, named=True)
        reason = "no answer in the form asked for" if given is None else given.reason
        letter = LETTERS.get(row["grade"] or "", "U")
        return Score(value=letter, answer=text, explanation=reason, metadata={"answer": row})

    return score


def long_answer(problems: Mapping[str, Problem], settings: LongSettings, bench: Bench) -> Scorer:
    """Extract claims, look for evidence, verify; a sample's value is the number of supported and of all claims."""

    @scorer(metrics=[long_form_metric(settings.k, settings.gamma)], name="long_answer")
    def make() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            problem = problems[str(state.sample_id)]
            reply = state.output.completion.strip()
            found = (await bench.run({problem.id: extraction(problem, reply, settings)}))[problem.id]
            place = about(problem, settings.arms[0], 0)
            response = {**place, **response_state(problem, reply, found)}
            claims = await _judged(bench, settings, problem, found, row_keys(place))
            value = {"supported": sum(c.get("label") == "supported" for c in claims), "claims": len(claims)}
            return Score(value=value, answer=reply, metadata={"response": response, "claims": claims})

        return score

    return make()


async def _judged(
    bench: Bench, settings: LongSettings, problem: Problem, found: Extracted | Failure, keys: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The rows of a response's claims."""
    listed = found.claims if isinstance(found, Extracted) else ()
    programs = {str(i): verification(c.text, page_of(problem), settings) for i, c in enumerate(listed)}
    results = await bench.run(programs) if programs else {}
    return [
        {**keys, "claim": i, "text": c.text, "copies": c.copies, **judgement(results[str(i)])}
        for i, c in enumerate(listed)
    ]


def _rows(scores: Sequence[SampleScore], name: str) -> list[Any]:
    return [s.score.metadata[name] for s in scores if s.score.metadata and name in s.score.metadata]


def _flat(estimates: Mapping[str, Estimate]) -> dict[str, float | None]:
    """Value and standard error by name; None where there is none."""
    found: dict[str, float | None] = {}
    for name, estimate in estimates.items():
        found[name] = None if estimate.n == 0 else estimate.value
        found[f"{name}_se"] = None if estimate.se != estimate.se else estimate.se
    return found
