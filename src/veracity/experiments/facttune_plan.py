"""What a FactTune run would ask and cost, before it asks anything.

What the base model is asked first is known word for word, so what the ledger has already is free. What judges and the
oracle are asked depends on the texts: upper estimates of `CLAIMS` claims a text. Training itself asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from veracity.core.problem import Problem
from veracity.core.requests import Generate, Retrieve, Sampling, user
from veracity.engine import Expected, Plan, plan_requests
from veracity.engine.abilities import check, player
from veracity.experiments.desk import POLICY, policy_of, start_folder
from veracity.experiments.facttune_settings import FactTuneSettings
from veracity.experiments.factuality_bench import ledger_file, open_roles
from veracity.experiments.factuality_plan import CLAIMS, JUDGED, MODELLESS, SENTENCES
from veracity.experiments.judged_samples import JudgingSettings
from veracity.experiments.sampling import Ask


def plan_facttune(
    settings: FactTuneSettings, train: Sequence[Problem], test: Sequence[Problem], unmet: Sequence[Problem]
) -> Plan:
    """The plan of a run, by the prices of its models.

    Raises:
        ConfigError: nobody plays a role that will be asked.
        CapabilityError: a model cannot answer such a request.
    """
    from veracity.models.resolve import open_model
    from veracity.store.ledger import Ledger

    base = policy_of(start_folder(settings.model))
    backends = open_roles(settings.roles.names(), settings.roles.corpus)
    backends[POLICY] = open_model(base.model)
    backends.setdefault("oracle", backends[POLICY])
    asks = [Ask("base", base, settings.sampling, seed) for seed in settings.seeds]
    expected = list(_expected(settings, asks, train, len(test) + len(unmet)))
    for one in expected:
        check(player(backends, one.request.role), one.request)
    with Ledger(ledger_file()) as ledger:
        return plan_requests(expected, backends, ledger, items=len(train))


def _expected(
    settings: FactTuneSettings, asks: Sequence[Ask], train: Sequence[Problem], tested: int
) -> Iterator[Expected]:
    yield from (Expected(ask.request(problem)) for ask in asks for problem in train)
    texts = len(train) * settings.sampling.n * len(settings.seeds)
    yield from _judged(settings.judging, texts)
    if "mc" in settings.methods:
        questions = texts * CLAIMS
        if settings.confidence.questions == "asked":
            yield Expected(Generate("extractor", user(JUDGED), sampling=Sampling(max_tokens=96)), times=questions)
        yield Expected(settings.confidence.oracle(0).request("Who was it?"), times=questions)
    models = 2 + len(settings.methods) + len(settings.baselines.prompts)
    answers = tested * models * settings.test_samples * len(settings.seeds)
    first = asks[0].request(train[0])
    yield Expected(Generate(POLICY, first.prompt, sampling=first.sampling), times=answers)
    yield from _judged(settings.evaluation.judging, answers)


def _judged(settings: JudgingSettings, texts: int) -> Iterator[Expected]:
    """Extraction, retrieval and verification of so many texts."""
    if settings.extractor not in MODELLESS:
        times = texts * (1 if settings.extractor == "whole" else 2 * SENTENCES)
        yield Expected(Generate("extractor", user(JUDGED), sampling=Sampling(max_tokens=512)), times=times)
    yield Expected(Retrieve("claim", settings.passages), times=texts * CLAIMS)
    if settings.verifier not in MODELLESS and not settings.verifier.startswith("nli"):
        yield Expected(Generate("verifier", user(JUDGED), sampling=Sampling(max_tokens=64)), times=texts * CLAIMS)
