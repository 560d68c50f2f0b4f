"""Judged paradigms on models that run: log-probabilities of a transformer, and agents of known honesty."""

from __future__ import annotations

from dataclasses import replace

import pytest

from veracity.core.errors import CapabilityError
from veracity.core.problem import Problem
from veracity.core.requests import Generate, Program, Sampling, Score, Scored, user
from veracity.core.trajectory import Step, Trajectory
from veracity.engine import Engine
from veracity.judging.graders import Graded, asking_for_belief, open_grader
from veracity.judging.mutual_predictability import (
    CROSS_QUESTION,
    PEER_PREDICTION,
    Answer,
    MutualSettings,
    Pool,
    Predictor,
    Trial,
    predict_answer,
)
from veracity.judging.qualitative import Criterion, QualitativeSettings, Subject, VerdictQuery, judge_once
from veracity.metrics.grader import grader_row
from veracity.metrics.metric_rows import METRIC_ROWS
from veracity.metrics.mutual_predictability import NULLS, TRIALS, mutual_rows, trial_rows
from veracity.metrics.row_estimates import row_estimates
from veracity.models.resolve import open_model
from veracity.models.simulated.urns import urn_problems
from veracity.world.tiny.facts import tiny_world

FACTS = [fact for fact in tiny_world().facts if fact.exposure == 1][:40:5]
URNS = urn_problems(300, seed=5)
BRIER = open_grader("python_brier")


def test_a_transformers_log_probability_is_the_difference_of_whole_dialogues() -> None:
    """lp(a | X) = LP(X + a) − LP(X), to 1e-3 a token, and two answers' log-probabilities add up."""
    first, second = (f" {statement}" for statement in FACTS[0].training_sentences("learn")[1:3])
    opening = FACTS[0].training_sentences("learn")[0]

    def asked() -> Program[list[Scored]]:
        scores: list[Scored] = yield [
            Score("policy", opening, first + second),
            Score("policy", opening, first),
            Score("policy", opening + first, second),
        ]
        return scores

    whole, before, after = Engine({"policy": open_model("tiny")}).run({"x": asked()})["x"]  # type: ignore[misc]
    assert whole.total < 0 and len(whole.logprobs) == len(before.logprobs) + len(after.logprobs)
    assert whole.total - before.total == pytest.approx(after.total, abs=1e-3 * len(after.logprobs))


def answer(model: str, number: int, text: str) -> Answer:
    fact = FACTS[number]
    return Answer(f"{model}/{fact.id}", model, "w", fact.id, fact.subject, 0, fact.question(), text)


def test_a_transformer_predicts_answers_and_skips_are_counted() -> None:
    """The tiny model knows the values and not the foils, whatever context it is shown: lp is higher by two nats."""
    pool = [answer("right", i, f.value) for i, f in enumerate(FACTS)]
    pool += [answer("wrong", i, f.foil) for i, f in enumerate(FACTS)]
    engine = Engine({"judge": open_model("tiny")})
    settings = replace(CROSS_QUESTION, scoring="conditional_only")
    found = engine.run(
        {a.trajectory: predict_answer(a, Pool.of(pool), [Predictor("judge", "tiny")], settings) for a in pool}
    )
    mean = {}
    for model in ("right", "wrong"):
        results = [r for name, rs in found.items() if name.startswith(model) for r in rs]  # type: ignore[union-attr]
        scored = [r.conditional / r.tokens for r in results if r.status == "ok"]
        assert {r.reason for r in results if r.status != "ok"} <= {"identical_text"}
        assert all(isinstance(r.drawn, Trial) for r in results if r.status == "ok") and len(scored) >= 8
        mean[model] = sum(scored) / len(scored)
    assert mean["right"] > mean["wrong"] + 2


def test_a_model_without_log_probabilities_is_refused_by_name() -> None:
    agent = replace(open_model("sim/bayesian?facts=none"), abilities=frozenset({"generate", "chat"}))  # type: ignore[type-var]
    pool = [answer(m, i, f"{m} {f.value}") for m in ("e", "b") for i, f in enumerate(FACTS)]
    engine = Engine({"judge": agent})
    with pytest.raises(CapabilityError, match="judge"):
        engine.run({"x": predict_answer(pool[0], Pool.of(pool), [Predictor("judge", "j")], CROSS_QUESTION)})


def spoken(policies: tuple[str, ...], count: int) -> list[Answer]:
    """What each policy says of the same urn problems, with its reasoning."""
    pool = []
    for name in policies:
        engine = Engine({"policy": open_model(f"sim/{name}?facts=none")})

        def reasoned(text: str) -> Program[str]:
            reply = yield Generate("policy", user(f"{text}\nThink step by step."), sampling=Sampling(max_tokens=400))
            return str(reply.text)

        said = engine.run({u.id: reasoned(u.text()) for u in URNS[:count]})
        pool += [Answer(f"{name}/{u.id}", name, "urns", u.id, u.id, 0, u.text(), str(said[u.id])) for u in URNS[:count]]
    return pool


def controlled(pool: list[Answer], model: str, settings: MutualSettings) -> float:
    """Mean controlled uplift a token of one policy; the predictor is a simulated agent of another seed."""
    engine = Engine({"judge": open_model("sim/bayesian?facts=none&seed=9")})
    own = [a for a in pool if a.model == model]
    found = engine.run(
        {a.trajectory: predict_answer(a, Pool.of(pool), [Predictor("judge", "j")], settings) for a in own}
    )
    rows = [row for a in own for row in trial_rows(a, found[a.trajectory], settings, arm=model)]  # type: ignore[arg-type]
    estimates = row_estimates(METRIC_ROWS.frame(mutual_rows(TRIALS.frame(rows))), seed=1, nulls=NULLS)
    return estimates["mutual_predictability.uplift_per_token_controlled"].estimate.value


def test_repetition_pays_across_questions_unless_examples_show_the_style() -> None:
    """The known hazard of the first preset, and what mends it.

    Urn problems are independent: no policy's answers to some tell anything of its answers to others, but its style.
    """
    pool = spoken(("bayesian", "verbose", "coin"), 6)
    across = {m: controlled(pool, m, replace(CROSS_QUESTION, trials=1)) for m in ("bayesian", "verbose")}
    assert across["verbose"] > across["bayesian"] + 1
    styled = replace(CROSS_QUESTION, trials=1, k=2, examples=2)
    mended = {m: controlled(pool, m, styled) for m in ("bayesian", "verbose")}
    assert abs(mended["verbose"] - mended["bayesian"]) < 0.3


def test_among_peers_who_reason_the_honest_reasoner_is_above_copycat_and_padding() -> None:
    """The second preset. It rests on peers who look at the same evidence.

    With a coin, a copycat and a padder as its only peers the honest reasoner gains .14 a token, the copycat .19.
    """
    pool = spoken(("bayesian", "stubborn", "overconfident", "copycat", "verbose"), 6)
    peers = {m: controlled(pool, m, replace(PEER_PREDICTION, trials=3)) for m in ("bayesian", "copycat", "verbose")}
    assert peers["bayesian"] > max(peers["copycat"], peers["verbose"]) + 0.1, peers


def beliefs_of(policy: str) -> list[Graded]:
    """The grades of a policy on urn problems whose every probability is known."""
    engine = Engine({"policy": open_model(policy)})

    def graded(problem: Problem) -> Program[Graded]:
        reply = yield Generate("policy", asking_for_belief(problem).messages(), sampling=Sampling(max_tokens=400))
        return (yield from BRIER.grade(problem, reply.text))

    problems = [Problem(u.id, "urns", u.text(), options=u.names, correct=u.truth) for u in URNS]
    return list(engine.run({p.id: graded(p) for p in problems}).values())  # type: ignore[arg-type]


def test_the_honest_reasoner_earns_the_most_and_intervals_tell_it_from_the_others() -> None:
    """Brier reward of 300 urn problems by policy: the Bayesian's interval lies above every other one's mean."""
    found = {}
    for name in ("bayesian", "stubborn", "coin", "overconfident"):
        rows = []
        for urn, graded in zip(URNS, beliefs_of(f"sim/{name}?facts=none"), strict=True):
            assert graded.status == "ok", (name, graded)
            problem = Problem(urn.id, "urns", urn.text(), options=urn.names, correct=urn.truth)
            trajectory = Trajectory(problem, "direct", 0, problem.messages(), (Step("x"),))
            rows.append(grader_row(trajectory, graded, BRIER, arm=name, model=name))
        estimates = row_estimates(METRIC_ROWS.frame(rows), seed=1, nulls={"grader.python_brier": -0.25})
        found[name] = estimates["grader.python_brier"].estimate
    honest = found.pop("bayesian")
    assert honest.ci_low > -0.25
    assert all(honest.value > other.value for other in found.values()), found
    assert honest.ci_low > max(found["stubborn"].ci_high, found["coin"].ci_high)


def test_a_judge_by_rubric_prefers_reasons_to_none_and_is_not_taken_in_by_length() -> None:
    """Each draw of the urn is a criterion: who weighs them all is above who gives none, and padding earns nothing."""
    engine = Engine({"judge": open_model("sim/judge?facts=none"), "policy": open_model("sim/bayesian?facts=none")})
    urn = next(u for u in URNS if len(u.draws) >= 3)
    problem = Problem(urn.id, "urns", urn.text(), options=urn.names, correct=urn.truth)
    criteria = tuple(Criterion(f"d{i}", line) for i, line in enumerate(urn.evidence().split("\n")))
    settings = QualitativeSettings(rubric=criteria, self_answer=False)

    def reasoned() -> Program[str]:
        text = f"{urn.text()}\nThink step by step."
        reply = yield Generate("policy", user(text), sampling=Sampling(max_tokens=400))
        return str(reply.text)

    reasons = engine.run({"x": reasoned()})["x"]
    texts = {"reasons": str(reasons), "none": f"It is {urn.answer}.", "padded": "I am sure of it. " * 60 + urn.answer}
    query = VerdictQuery((), 0)
    verdicts = engine.run({n: judge_once(Subject(problem, t), (), settings, query) for n, t in texts.items()})
    score = {name: verdict.scores.overall for name, verdict in verdicts.items()}  # type: ignore[union-attr]
    assert score["reasons"] == 1 and score["none"] == score["padded"] < 0.5
