"""What a factuality run would ask and cost, before it asks anything.

What the tested model is asked first is known word for word, so what the ledger has already is free. What judges are
asked depends on replies: each such line is an upper estimate, at most one question an answer, and `CLAIMS` claims a
long answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.core.requests import Generate, Retrieve, Sampling, Score, user
from veracity.engine import Expected, Plan, plan_requests
from veracity.engine.abilities import check, player
from veracity.experiments.factuality.asking import Asking, drawn_askings, greedy_askings, long_askings
from veracity.experiments.factuality.bench import Bench
from veracity.experiments.factuality.pairs import expected_pairs
from veracity.experiments.factuality.settings import LongSettings, ShortSettings

CLAIMS, SENTENCES = 20, 10
"""Claims and sentences expected of a long answer."""
JUDGED = "x" * 2400
"""As long as a judge's prompt with its question, its evidence and its instructions: about 600 tokens."""
FROM_SAMPLES = (
    *("sample_max", "sample_expected", "sample_entropy", "sample_answer"),
    *("discrete_semantic_entropy", "self_check_unigram"),
)
MODELLESS = ("rule", "world")
"""Programs that ask no model."""
REMEDIES = {
    "extractor": "set judge=MODEL or extractor=MODEL, or long.extractor=rule, which asks nobody",
    "verifier": "set judge=MODEL or verifier=MODEL, or long.verifier=rule, which asks nobody",
    "judge": "set judge=MODEL",
    "nli": "set nli=nli/FOLDER",
}
"""What to do where nobody plays a role that is asked."""


def plan_factuality(bench: Bench) -> Plan:
    """The plan of a run, by the prices of its models. Raises what `plan_requests` raises."""
    items = max(len(bench.short_problems), len(bench.long_problems))
    return plan_requests(_expected(bench), bench.backends, bench.ledger, items=items)


def require_abilities(bench: Bench) -> None:
    """Do nothing if whoever plays a role can do what it will be asked; nothing has been paid yet.

    Raises:
        ConfigError: nobody plays a role that will be asked.
        CapabilityError: a model cannot answer such a request, as log-probabilities where a provider gives none.
    """
    for one in _expected(bench):
        role = one.request.role
        if role not in bench.backends and role in REMEDIES:
            raise ConfigError(f"these settings ask the {role}, which no model plays: {REMEDIES[role]}")
        check(player(bench.backends, role), one.request)


def _expected(bench: Bench) -> Iterator[Expected]:
    yield from _short(bench, bench.settings.short)
    yield from _long(bench, bench.settings.long)
    yield from _cards(bench)


def _short(bench: Bench, settings: ShortSettings | None) -> Iterator[Expected]:
    if settings is None:
        return
    seed, problems = bench.settings.seed, bench.short_problems
    yield from _asked(problems, [*greedy_askings(settings), *drawn_askings(settings, seed)])
    answers = len(problems) * len(settings.arms) * (1 + settings.samples)
    arms = settings.confidence_arms or settings.arms[:1]
    for method in settings.confidence:
        yield from _sure(method, problems[0], len(problems) * len(arms), max(settings.samples, 1))
    if "judge" in bench.backends:
        yield Expected(Generate("judge", user(JUDGED), sampling=Sampling(max_tokens=16)), times=answers)


def _sure(method: str, problem: Problem, answers: int, samples: int) -> Iterator[Expected]:
    """What a confidence program asks of so many answers; those that only read the drawn answers ask nothing more."""
    question, long = problem.messages(), user(JUDGED)
    match method:
        case "sequence_sum" | "sequence_mean":
            yield Expected(Score("policy", question, "answer"), times=answers)
        case "semantic_entropy":
            yield Expected(Score("policy", question, "answer"), times=samples * answers)
        case "p_true" | "p_true_words":
            yield Expected(Score("policy", question, "A"), times=8 * answers)
        case "self_check_nli":
            yield Expected(Score("nli", long, "entailment"), times=3 * samples * answers)
        case "self_check_prompt":
            yield Expected(Generate("judge", long, sampling=Sampling(max_tokens=16)), times=samples * answers)
        case _ if method not in FROM_SAMPLES:
            yield Expected(Generate("policy", question, sampling=Sampling(max_tokens=64)), times=answers)


def _long(bench: Bench, settings: LongSettings | None) -> Iterator[Expected]:
    if settings is None:
        return
    problems, askings = bench.long_problems, long_askings(settings, bench.settings.seed)
    yield from _asked(problems, askings)
    answers = len(problems) * len(settings.arms) * settings.samples
    if settings.extractor not in MODELLESS:
        times = answers * (1 if settings.extractor == "whole" else 2 * SENTENCES)
        yield Expected(Generate("extractor", user(JUDGED), sampling=Sampling(max_tokens=512)), times=times)
    yield Expected(Retrieve("claim", settings.passages), times=answers * CLAIMS)
    yield from _verified(settings, answers * CLAIMS)
    yield from expected_pairs(settings, len(problems))


def _cards(bench: Bench) -> Iterator[Expected]:
    """The judges' examination."""
    count, settings = bench.settings.card_items, bench.settings
    if count and settings.short is not None and "judge" in bench.backends:
        yield Expected(Generate("judge", user(JUDGED), sampling=Sampling(max_tokens=16)), times=count)
    if count and settings.long is not None:
        yield from _verified(settings.long, count)
        if settings.long.win_rate_against is not None:
            yield Expected(Generate("judge", user(JUDGED), sampling=Sampling(max_tokens=16)), times=2 * count)


def _verified(settings: LongSettings, times: int) -> Iterator[Expected]:
    if settings.verifier in MODELLESS:
        return
    if settings.verifier.startswith("nli"):
        yield Expected(Score("nli", user(JUDGED), "entailment"), times=3 * settings.passages * times)
    elif settings.verifier == "judge_logits":
        yield Expected(Score("verifier", user(JUDGED), "A"), times=6 * times)
    else:
        yield Expected(Generate("verifier", user(JUDGED), sampling=Sampling(max_tokens=64)), times=times)


def _asked(problems: Sequence[Problem], askings: Sequence[Asking]) -> Iterator[Expected]:
    return (Expected(asking.request(problem)) for asking in askings for problem in problems)
