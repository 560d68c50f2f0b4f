"""Truthfulness models: their data, P_true by hand, and the regression on the real model, on held-out people."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from veracity.core.errors import ConfigError, DataError
from veracity.core.judged import ClaimLabel, Group, JudgedClaim, JudgedResponse
from veracity.core.problem import Problem
from veracity.core.requests import Call, Generate, Message, Program, Reply, Sampling, Score, Scored, user
from veracity.domains import open_domain
from veracity.engine.engine import Engine
from veracity.judging.claims import EXTRACTORS, ExtractorSettings
from veracity.judging.truthfulness import (
    ClaimRegression,
    LabelledClaim,
    TruthSettings,
    claim_by_log_probability,
    claim_by_p_true,
    claim_features,
    fit_regression,
    in_ratio,
    labelled_claims,
    p_true_of_claim,
    split_claims,
    truth_dialogue,
)
from veracity.metrics.judged_confidence import JudgedConfidence
from veracity.metrics.truthfulness_quality import TruthfulnessQuality, truthfulness_quality
from veracity.models.instant import InstantModel
from veracity.models.resolve import open_model
from veracity.world.tiny import tiny_world

PROBLEM = Problem("q", "d", "Who is Ada?", cluster="Ada")
LABEL: dict[str, ClaimLabel | None] = {"s": "supported", "r": "refuted", "n": "not_enough", "?": None}


def response(*claims: str) -> JudgedResponse:
    return JudgedResponse("x", 1, claims=tuple(JudgedClaim(c[2:], LABEL[c[0]]) for c in claims))


def test_decided_claims_are_used_once_and_contested_ones_not_at_all() -> None:
    group = Group(
        PROBLEM, (response("s:A.", "r:B", "n:C", "?:D"), response("s:a", "s:E", "r:E"), JudgedResponse("x", 1))
    )
    found = labelled_claims([group, Group(Problem("q2", "d", "?"), (response("r:A"),))])
    assert [(c.problem.id, c.text, c.true) for c in found] == [("q", "A.", True), ("q", "B", False), ("q2", "A", False)]
    assert [c.cluster for c in found] == ["Ada", "Ada", "q2"]


def claims(true: int, false: int, people: int = 7) -> list[LabelledClaim]:
    problems = [Problem(f"p{i}", "d", "?", cluster=f"person {i}") for i in range(people)]
    return [LabelledClaim(problems[i % people], f"claim {i}", i < true) for i in range(true + false)]


@pytest.mark.parametrize(("true", "false", "kept"), [(10, 3, (6, 3)), (10, 9, (10, 5)), (5, 9, (4, 2)), (2, 1, (2, 1))])
def test_two_true_claims_for_each_false_one(true: int, false: int, kept: tuple[int, int]) -> None:
    found = in_ratio(claims(true, false), seed=0)
    assert (sum(c.true for c in found), sum(not c.true for c in found)) == kept
    assert [c.text for c in found] == sorted((c.text for c in found), key=lambda text: int(text.split()[1]))


def test_what_is_drawn_follows_from_the_seed_and_not_from_the_order() -> None:
    some = claims(40, 10)
    drawn = {c.text for c in in_ratio(some, seed=1)}
    assert drawn == {c.text for c in in_ratio(some[::-1], seed=1)} != {c.text for c in in_ratio(some, seed=2)}
    with pytest.raises(DataError, match="1 true and 5 false"):
        in_ratio(claims(1, 5), seed=0)
    with pytest.raises(ConfigError, match="ratio=0"):
        in_ratio(some, seed=0, ratio=0)


def test_no_person_is_in_both_parts_of_a_split() -> None:
    train, held = split_claims(claims(60, 30, people=20), seed=0, held_out=0.25)
    assert len({c.cluster for c in held}) == 5 and not {c.cluster for c in held} & {c.cluster for c in train}
    assert len(train) + len(held) == 90


def knowing(true: float, false: float) -> InstantModel:
    """A model that gives its two labels these log-probabilities in their trained spelling, and nothing to others."""

    def answer(call: Call) -> Reply:
        assert isinstance(call.request, Score)
        word = call.request.continuation
        return Scored((word,), ({"true": true, "false": false}.get(word, -200.0),))

    return InstantModel(answer)


def p_true(model: InstantModel, **settings: object) -> float:
    program = p_true_of_claim(PROBLEM, "Ada paints.", TruthSettings(**settings))  # type: ignore[arg-type]
    found = Engine({"truthfulness": model}).run({"x": program})["x"]
    assert isinstance(found, float), found
    return found


def test_p_true_is_the_softmax_of_two_labels() -> None:
    """σ(−1 − (−2)) = .7311; at temperature 2, σ(½) = .6225."""
    assert p_true(knowing(-1.0, -2.0)) == pytest.approx(0.731059, abs=1e-6)
    assert p_true(knowing(-1.0, -2.0), temperature=2.0) == pytest.approx(0.622459, abs=1e-6)
    assert p_true(knowing(-0.5, -0.5)) == pytest.approx(0.5)
    with pytest.raises(ConfigError, match="temperature=0"):
        TruthSettings(temperature=0)


@given(st.floats(-20, 0), st.floats(-20, 0), st.floats(0.1, 10))
def test_a_temperature_changes_no_side(true: float, false: float, temperature: float) -> None:
    plain, scaled = p_true(knowing(true, false)), p_true(knowing(true, false), temperature=temperature)
    assert 0 <= scaled <= 1
    assert (plain > 0.5) == (scaled > 0.5) or abs(true - false) < 1e-6


def test_training_asks_what_use_asks() -> None:
    seen: list[tuple[Message, ...]] = []

    def answer(call: Call) -> Reply:
        assert isinstance(call.request, Score) and isinstance(call.request.prompt, tuple)
        seen.append(call.request.prompt)
        return Scored((call.request.continuation,), (-1.0,))

    judged = Engine({"truthfulness": InstantModel(answer)}).run(
        {"x": claim_by_p_true(TruthSettings())(PROBLEM, "Ada paints.")}
    )
    assert judged["x"] == JudgedClaim("Ada paints.", None, 0.5)
    messages, label = truth_dialogue(LabelledClaim(PROBLEM, "Ada paints.", False), TruthSettings())
    assert set(seen) == {messages} and label == "false"
    assert "Question: Who is Ada?\nClaim: Ada paints." in messages[0].content
    small = TruthSettings(prompt="verification.plain.v1")
    assert truth_dialogue(LabelledClaim(PROBLEM, "It is.", True), small) == (user("True or false? It is."), "true")


def test_the_regression_is_the_logistic_of_standardised_features() -> None:
    """One feature used: (−1 − (−2)) / 2 · 3 + .5 = 2; σ(2) = .8808; at temperature 2, σ(1) = .7311."""
    fitted = ClaimRegression((-2.0, 0.0, 0.0, 0.0), (2.0, 1.0, 1.0, 1.0), (3.0, 0.0, 0.0, 0.0), 0.5)
    features = (-1.0, -3.0, -2.0, 1.0)
    assert fitted.probability(features) == pytest.approx(0.880797, abs=1e-6)
    cooler = ClaimRegression(fitted.means, fitted.scales, fitted.weights, fitted.intercept, temperature=2.0)
    assert cooler.probability(features) == pytest.approx(0.731059, abs=1e-6)
    with pytest.raises(DataError, match="one kind only"):
        fit_regression([features], [True])
    with pytest.raises(ConfigError, match="penalty=0"):
        fit_regression([features] * 2, [True, False], penalty=0)


def test_features_by_hand() -> None:
    """Three tokens of −.1, −2 and −.3: mean −.8, lowest −2, second −.3, ln 3."""
    model = InstantModel(lambda call: Scored(("a", "b", "c"), (-0.1, -2.0, -0.3)))
    found = Engine({"base": model}).run({"x": claim_features(PROBLEM, "Ada paints.")})["x"]
    assert found == pytest.approx((-0.8, -2.0, -0.3, math.log(3)))


def sampled(problem: Problem, samples: int) -> Program[Group]:
    """Biographies at temperature 1, their claims looked up in the world."""
    reply = yield Generate("policy", problem.messages(), samples, Sampling(temperature=1.0, max_tokens=64))
    responses = []
    for one in reply.samples:
        found = yield from EXTRACTORS.get("rule")(problem, one.text, ExtractorSettings())
        labels: dict[str, ClaimLabel] = {"supported": "supported", "refuted": "refuted", "not_in_world": "not_enough"}
        judged = tuple(JudgedClaim(c, labels[tiny_world().verdict(c).label]) for c in found.texts)
        responses.append(JudgedResponse(one.text, one.output_tokens, claims=judged))
    return Group(problem, tuple(responses))


def all_of(engine: Engine, programs: Sequence[Program[object]]) -> list[object]:
    return list(engine.run({str(i): program for i, program in enumerate(programs)}).values())


def on_the_tiny_model() -> tuple[list[LabelledClaim], ClaimRegression, TruthfulnessQuality]:
    people = open_domain("world-biographies").problems(split="train")
    met = [p for p in people if p.detail("exposure") != 0][:160]
    model = open_model("tiny")
    engine = Engine({"policy": model, "base": model})
    groups: list[Group] = all_of(engine, [sampled(p, 1) for p in met])  # type: ignore[arg-type, assignment]
    train, held = split_claims(labelled_claims(groups), seed=0, held_out=0.6)
    data = in_ratio(train, seed=0)
    table = all_of(engine, [claim_features(c.problem, c.text) for c in data])
    fitted = fit_regression(table, [c.true for c in data])  # type: ignore[arg-type]
    judge = claim_by_log_probability(fitted)
    judged: list[JudgedClaim] = all_of(engine, [judge(c.problem, c.text) for c in held])  # type: ignore[arg-type, assignment]
    sure = [c.confidence for c in judged if c.confidence is not None]
    rows = JudgedConfidence.of(sure, [c.true for c in held], [c.cluster for c in held])
    return data, fitted, truthfulness_quality(rows, seed=0, resamples=300)


def test_log_probabilities_tell_what_the_tiny_model_knows_on_people_held_out() -> None:
    """The whole interval of AUROC lies above chance, .5, on about fifty people that neither fit nor temperature saw."""
    data, fitted, quality = on_the_tiny_model()
    assert sum(c.true for c in data) == 2 * sum(not c.true for c in data)
    assert quality.ranks and quality.true.clusters > 40
    assert fitted.weights[0] > 0  # more probable, more often true


def test_a_known_temperature_is_found_and_undone() -> None:
    """Log-odds of calibrated probabilities times three: the temperature is 3, and the calibration error goes."""
    rng = np.random.default_rng(0)
    honest = rng.normal(0.5, 1.0, 4000)
    true = rng.random(4000) < expit(honest)
    rows = JudgedConfidence.of(expit(3 * honest), true, np.arange(4000) // 4)
    quality = truthfulness_quality(rows, seed=0, resamples=200)
    assert quality.temperature.value == pytest.approx(3.0, rel=0.1)
    assert quality.after is not None and quality.after.ece.value < 0.04 < 0.1 < quality.before.ece.value
    assert quality.after.negative_log_likelihood.value < quality.before.negative_log_likelihood.value
    assert quality.true.clusters == 500  # the other half of the clusters fitted the temperature


def test_a_temperature_does_not_undo_a_wrong_share() -> None:
    """Trained at two to one where 85 in 100 are true: log-odds too low by logit(.85) − logit(2/3) = 1.04 throughout."""
    rng = np.random.default_rng(0)
    honest = rng.normal(1.9, 1.0, 4000)
    true = rng.random(4000) < expit(honest)
    quality = truthfulness_quality(JudgedConfidence.of(expit(honest - 1.04), true), seed=0, resamples=200)
    assert quality.after is not None and quality.after.ece.value > 2 * (quality.after.ece.null or 1)


def test_a_model_that_knows_nothing_does_not_rank() -> None:
    rows = JudgedConfidence.of([0.5] * 40, [i % 3 > 0 for i in range(40)], [i // 2 for i in range(40)])
    quality = truthfulness_quality(rows, seed=0, resamples=200)
    assert not quality.ranks
    assert quality.auroc.estimate is not None and quality.auroc.estimate.value == 0.5
