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
from veracity.experiments.facttune.settings import FactTuneSettings, PeopleSettings
from veracity.experiments.factuality.bench import ledger_file, open_roles
from veracity.experiments.factuality.plan import CLAIMS, JUDGED, MODELLESS, SENTENCES
from veracity.experiments.judged_samples import JudgingSettings
from veracity.experiments.outlook import Outlook, PlannedTraining, steps_of
from veracity.experiments.sampling import Ask
from veracity.training.memory import MemoryShape


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
    yield from _later(settings, len(train), tested, asks[0].request(train[0]))


def _later(settings: FactTuneSettings, trained: int, tested: int, first: Generate) -> Iterator[Expected]:
    """All but the first samples."""
    texts = trained * settings.sampling.n * len(settings.seeds)
    yield from judging_of(settings.judging, texts)
    if "mc" in settings.methods:
        questions = texts * CLAIMS
        if settings.confidence.questions == "asked":
            yield Expected(Generate("extractor", user(JUDGED), sampling=Sampling(max_tokens=96)), times=questions)
        yield Expected(settings.confidence.oracle(0).request("Who was it?"), times=questions)
    answers = _answers(settings, tested)
    yield Expected(Generate(POLICY, first.prompt, sampling=first.sampling), times=answers)
    yield from judging_of(settings.evaluation.judging, answers)


def facttune_outlook(settings: FactTuneSettings) -> Outlook:
    """Trainings, samples and judgements of a run, where the numbers of prompts are set; else the domain is read."""
    train, tested = people_counts(settings.people)
    drawn, seeds = settings.sampling, len(settings.seeds)
    samples = train * drawn.n
    pairs = train * (drawn.n * (drawn.n - 1) // 2 if settings.pairs.mode == "all" else drawn.n - 1)
    if settings.pairs.mode == "best_vs_worst":
        pairs = train
    pairs = min(pairs, settings.most_pairs or pairs)
    sft, dpo = settings.sft, settings.dpo
    pair = MemoryShape(2, dpo.max_length, reference=dpo.lora is None and not dpo.precompute_reference)
    first = Generate(POLICY, user("x" * 120), drawn.n, Sampling(max_tokens=drawn.max_tokens))
    told = samples * seeds + _answers(settings, tested)
    return Outlook(
        settings.model,
        (
            PlannedTraining(
                "sft", "sft", sft, samples, steps_of(samples, sft.epochs, sft), MemoryShape(1, sft.max_length), seeds
            ),
            *(
                PlannedTraining(method, "dpo", dpo, pairs, steps_of(pairs, dpo.epochs, dpo), pair, seeds)
                for method in settings.methods
            ),
        ),
        samples=told,
        sampled_tokens=told * drawn.max_tokens,
        judged=told,
        asked=(Expected(first, times=train * seeds), *_later(settings, train, tested, first)),
        roles=settings.roles.names(),
        items=tested,
        corpus=settings.roles.corpus or "no corpus",
    )


def people_counts(people: PeopleSettings) -> tuple[int, int]:
    """Prompts to train on and to test; the domain is read only where the settings do not say."""
    if people.train is not None and people.test is not None:
        return people.train, people.test + people.unmet
    from veracity.experiments.facttune.experiment import gather_people

    found = gather_people(people)
    return len(found.train), len(found.test) + len(found.unmet)


def _answers(settings: FactTuneSettings, tested: int) -> int:
    """Texts of the evaluation: of the base model, SFT and each method, and under each of the prompts."""
    models = 2 + len(settings.methods) + len(settings.baselines.prompts)
    return tested * models * settings.test_samples * len(settings.seeds)


def judging_of(settings: JudgingSettings, texts: int) -> Iterator[Expected]:
    """Extraction, retrieval and verification of so many texts."""
    if settings.extractor not in MODELLESS:
        times = texts * (1 if settings.extractor == "whole" else 2 * SENTENCES)
        yield Expected(Generate("extractor", user(JUDGED), sampling=Sampling(max_tokens=512)), times=times)
    yield Expected(Retrieve("claim", settings.passages), times=texts * CLAIMS)
    if settings.verifier not in MODELLESS and not settings.verifier.startswith("nli"):
        yield Expected(Generate("verifier", user(JUDGED), sampling=Sampling(max_tokens=64)), times=texts * CLAIMS)
