"""Mutual predictability: who is drawn, what is skipped and why, what is asked, and the numbers of a trial by hand."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_programs import run, scored, shown

from veracity.core.errors import CapabilityError, ConfigError, ContextLengthError, NonFiniteError, ServerError
from veracity.core.requests import Generate, Score
from veracity.engine import Engine
from veracity.judging.mutual_predictability import (
    CROSS_QUESTION,
    PEER_PREDICTION,
    PRESETS,
    Answer,
    MutualSettings,
    Pool,
    Predictor,
    Skipped,
    Trial,
    draw_trial,
    predict_answer,
)
from veracity.judging.mutual_predictability.base import ContextChoice, PolicyChoice, TargetChoice
from veracity.metrics.metric_rows import METRIC_ROWS, check_metric_rows
from veracity.metrics.mutual_predictability import (
    NULLS,
    TRIALS,
    common_rows,
    evidence_rows,
    mutual_rows,
    skip_reasons,
    trial_rows,
)
from veracity.metrics.row_estimates import row_estimates
from veracity.models.resolve import open_model


def answer(model: str, item: str, text: str | None = None, replicate: int = 0) -> Answer:
    said = f"{model} says {item} number {replicate}" if text is None else text
    return Answer(f"{model}/{item}/{replicate}", model, "d", item, item, replicate, f"What of {item}?", said)


POOL = [answer(m, f"q{i}", replicate=r) for m in ("e", "b", "c") for i in range(6) for r in (0, 1)]
PREDICTORS = [Predictor(f"role-{m}", m) for m in ("e", "b", "c", "j")]
OWN = POOL[0]


def draws(
    settings: MutualSettings, count: int = 60, pool: Any = POOL, predictors: Any = PREDICTORS
) -> list[Trial | Skipped]:
    listed = Pool.of(pool)
    return [draw_trial(OWN, listed, predictors, settings, n) for n in range(count)]


AXES = list(product(get_args(PolicyChoice), get_args(PolicyChoice), get_args(TargetChoice), get_args(ContextChoice)))


@pytest.mark.parametrize(("predictor", "predicted", "target", "context"), AXES)
def test_every_combination_of_axes_draws_what_it_says(
    predictor: Any, predicted: Any, target: Any, context: Any
) -> None:
    settings = MutualSettings(predictor=predictor, predicted=predicted, target=target, context=context, k=2, examples=1)
    found = draws(settings)
    assert found == draws(settings)  # and the same again
    allowed = {"evaluated": {"e"}, "random_non_evaluated": {"b", "c", "j"}, "random_any": {"e", "b", "c", "j"}}
    questions = {f"q{i}" for i in range(6)}
    wanted = {"evaluated_question": {"q0"}, "random_non_evaluated_question": questions - {"q0"}}
    for one in found:
        if isinstance(one, Skipped):
            assert one.reason in ("predictor_is_predicted", "target_in_context")
            continue
        assert one.predictor.model in allowed[predictor] and one.target.model in allowed[predicted] - {"j"}
        assert one.predictor.model != one.target.model
        assert one.target.item in wanted.get(target, questions)
        assert all(c.model == "e" for c in one.context)
        if context == "evaluated_question":
            assert one.context == (OWN,)
        else:
            assert len({c.item for c in one.context}) == 2 and "q0" not in {c.item for c in one.context}
        assert {x.model for x in one.examples} == {one.target.model}
        assert not {x.item for x in one.examples} & {one.target.item, *(c.item for c in one.context)}
        assert len(one.control) == len(one.context) and "e" not in {c.model for c in one.control}
        assert one.target.item not in {c.item for c in one.control}
    if predictor == predicted == "evaluated":
        assert {one.reason for one in found if isinstance(one, Skipped)} == {"predictor_is_predicted"}
        assert len(found) == sum(isinstance(one, Skipped) for one in found)


def test_the_two_presets() -> None:
    """Cross-question coherence: another model predicts the evaluated answer from three others. Peers: one question."""
    assert set(PRESETS) == {"cross_question", "peer_prediction"}
    for one in draws(CROSS_QUESTION):
        assert isinstance(one, Trial) and one.target == OWN and len(one.context) == 3 and not one.examples
    assert (PEER_PREDICTION.trials, PEER_PREDICTION.examples) == (5, 3)
    peers = draws(PEER_PREDICTION)
    for one in peers:
        if isinstance(one, Trial):
            assert one.context == (OWN,) and one.target.item == "q0" and one.target.model in "bc"
            assert len(one.examples) == 3
    assert {one.reason for one in peers if isinstance(one, Skipped)} == {"predictor_is_predicted", "target_in_context"}


def test_who_is_evaluated_changes_nothing_but_the_context() -> None:
    """Draw by draw the same predictor, target and examples, so that two policies are compared on the same targets."""
    other = next(a for a in POOL if a.model == "b" and a.item == "q0" and a.replicate == 0)
    settings = replace(PEER_PREDICTION, predicted="random_non_evaluated", predictor="random_non_evaluated")
    for how in (PEER_PREDICTION, settings):
        pairs = [[draw_trial(own, Pool.of(POOL), PREDICTORS, how, n) for own in (OWN, other)] for n in range(200)]
        both = [(a, b) for a, b in pairs if isinstance(a, Trial) and isinstance(b, Trial)]
        shared = [(a, b) for a, b in both if a.target.model == b.target.model == "c" and a.predictor == b.predictor]
        assert len(shared) > 8
        assert all((a.target, a.examples) == (b.target, b.examples) for a, b in shared)
        assert all((a.context, b.context) == ((OWN,), (other,)) for a, b in shared)


def test_the_matched_control_is_the_same_policy_on_other_questions() -> None:
    for one in draws(PEER_PREDICTION):
        if isinstance(one, Trial):
            (control,) = one.matched
            assert control.model == "e" and control.item not in {"q0", *(x.item for x in one.examples)}
    assert all(isinstance(one, Trial) and one.matched == () for one in draws(CROSS_QUESTION))
    few = [answer for answer in POOL if answer.item in ("q0", "q1", "q2", "q3")]  # examples take all other questions
    assert all(one.matched == () for one in draws(PEER_PREDICTION, pool=few) if isinstance(one, Trial))


def test_two_instances_of_one_model_are_one() -> None:
    """A second server of the evaluated model, under another role, is no other predictor."""
    twins = [Predictor("first", "e"), Predictor("second", "e")]
    assert {d.reason for d in draws(CROSS_QUESTION, predictors=twins)} == {"no_predictor"}  # type: ignore[union-attr]
    any_of = replace(CROSS_QUESTION, predictor="random_any")
    assert {d.reason for d in draws(any_of, predictors=twins)} == {"predictor_is_predicted"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"q0": " "}, "empty_answer"),
        ({"q0": "I don't know."}, "refused_answer"),
        ({f"q{i}": "the  same" for i in range(6)}, "identical_text"),
        ({f"q{i}": "" for i in range(1, 6)}, "empty_answer"),
    ],
)
def test_answers_that_tell_nothing_are_skipped_by_name(texts: dict[str, str], reason: str) -> None:
    pool = [replace(a, text=texts.get(a.item, a.text)) if a.model == "e" else a for a in POOL]
    found = [draw_trial(pool[0], Pool.of(pool), PREDICTORS, CROSS_QUESTION, n) for n in range(20)]
    assert {one.reason for one in found} == {reason}  # type: ignore[union-attr]


def test_too_small_a_pool_is_said() -> None:
    assert {d.reason for d in draws(CROSS_QUESTION, pool=POOL[:4])} == {"too_few_context_answers"}  # type: ignore[union-attr]
    alone = replace(CROSS_QUESTION, predicted="random_non_evaluated")
    assert {d.reason for d in draws(alone, pool=POOL[:12])} == {"no_predicted"}  # type: ignore[union-attr]
    few = replace(CROSS_QUESTION, examples=3)
    assert {d.reason for d in draws(few)} == {"too_few_examples"}  # type: ignore[union-attr]
    with pytest.raises(ConfigError):
        MutualSettings(trials=0)
    # nobody else has answered: the trial stands, without a control
    assert all(isinstance(d, Trial) and d.control == () for d in draws(CROSS_QUESTION, pool=POOL[:12]))


@given(st.integers(0, 10**6), st.sampled_from(list(PRESETS.values())), st.randoms())
def test_a_draw_depends_on_its_seed_alone(seed: int, settings: MutualSettings, random: Any) -> None:
    settings = replace(settings, seed=seed)
    first = draw_trial(OWN, Pool.of(POOL), PREDICTORS, settings, 3)
    assert first == draw_trial(OWN, Pool.of(POOL), PREDICTORS, settings, 3)
    assert isinstance(first, Skipped) or first.predictor.model != first.target.model


def by_context(conditional: float, base: float, tokens: int = 20) -> Any:
    """A predictor with these log-probabilities of an answer, after any answers and after none."""

    def reply(request: Score) -> Any:
        return scored(conditional if "answered:" in shown(request) else base, tokens)

    return reply


def table(settings: MutualSettings, reply: Any, evaluated: Answer = OWN) -> Any:
    results, asked = run(predict_answer(evaluated, Pool.of(POOL), PREDICTORS, settings), reply)
    return TRIALS.frame(trial_rows(evaluated, results, settings, arm="a")), asked


def values(trials: Any, minimum: int = 1) -> dict[str, Any]:
    rows = METRIC_ROWS.frame(mutual_rows(trials, minimum=minimum))
    check_metric_rows(rows)
    return {row["metric"].removeprefix("mutual_predictability."): row for row in rows.iter_rows(named=True)}


def test_the_uplift_of_a_dialogue_by_hand() -> None:
    """LP(X + a) = −120 and LP(X) = −80 with context: −40; −95 and −45 without: −50. Uplift 10, over 20 tokens .5.

    The shuffled context gives −44: .2 of the .5 a token belong to the answer's agreement with its own context.
    """

    def spoken(request: Score) -> Any:
        text = shown(request)
        whole, prompt = (-120.0, -80.0) if text.count("says") == 3 and "e says" in text else (-95.0, -45.0)
        return scored(
            -44.0 if "somebody" not in text and "e says" not in text and "says" in text else whole - prompt, 20
        )

    trials, asked = table(replace(CROSS_QUESTION, trials=1), spoken)
    found = values(trials)
    assert found["uplift"]["value"] == pytest.approx(10) and found["uplift_per_token"]["value"] == pytest.approx(0.5)
    assert found["uplift_per_token_controlled"]["value"] == pytest.approx(0.2)
    assert [len(asked), {type(a) for a in asked}] == [3, {Score}]
    assert all(a.continuation == OWN.text and a.role != "role-e" for a in asked)
    with_context, without = shown(asked[0]), shown(asked[1])
    assert with_context.count("\nAnswer: e says") == 3 and "Answer:" not in without
    assert with_context.endswith(f"Question: {OWN.question}") and without.endswith(f"Question: {OWN.question}")


def contexts(own: float, base: float, control: float, matched: float, tokens: int = 10) -> Any:
    """A predictor whose log-probability depends on whose answer to what it has read."""

    def reply(request: Score) -> Any:
        text = shown(request).split("somebody else answered:")
        if len(text) == 1:
            return scored(base, tokens)
        read = text[1].rpartition("Give the respondent")[0]
        return scored((own if "What of q0?" in read else matched) if "e says" in read else control, tokens)

    return reply


def test_who_copies_finds_no_content_in_answers_drawn_by_lot() -> None:
    """Three policies toss coins: nobody's answer tells anything of another's.

    To a predictor that gives .7 to what it has just seen and .3 to the other word, uplift is log(.3 / .5) = −.511, for
    answers that agree are left out; after either of two answers unlike the target the same: content 0, and not the
    mean of 0 and log(.3 / .7).
    """
    luck = Random(0)
    tossed = [answer(model, f"q{q}", luck.choice(["yes", "no"])) for model in "abc" for q in range(30)]

    def reply(request: Score) -> Any:
        seen = [line[8:] for line in shown(request).split("\n") if line.startswith("Answer: ")]
        return scored(math.log(0.5 if not seen else 0.7 if seen == [request.continuation] else 0.3), 1)

    how = MutualSettings(
        predictor="random_any", predicted="random_non_evaluated", context="evaluated_question", trials=5
    )
    rows = []
    for own in tossed[:30]:
        results, _ = run(predict_answer(own, Pool.of(tossed), [Predictor("p", "p")], how), reply)
        rows += trial_rows(own, results, how, arm="a")
    found: dict[str, list[float]] = {}
    for row in mutual_rows(TRIALS.frame(rows)):
        if row["status"] == "ok":
            found.setdefault(row["metric"], []).append(row["value"])
    uplift, content = found["mutual_predictability.uplift"], found["mutual_predictability.content"]
    assert len(content) >= 10 and content == pytest.approx([0.0] * len(content), abs=1e-12)
    assert uplift == pytest.approx([math.log(0.6)] * len(uplift))


def test_content_is_what_the_policys_own_style_does_not_give() -> None:
    """After its answer −40, after nothing −50, after its answer to another question −43: 3 of the 10 nats are content.

    Style, or length, gave the other 7; another policy's answer to another question (−48) takes only 2 of them off.
    """
    trials, asked = table(replace(PEER_PREDICTION, trials=1), contexts(-40, -50, -48, -43))
    found = {name: row["value"] for name, row in values(trials).items()}
    assert found["uplift"] == pytest.approx(10) and found["uplift_per_token"] == pytest.approx(1)
    assert found["uplift_per_token_controlled"] == pytest.approx(0.8)
    assert found["content"] == pytest.approx(3) and found["content_per_token"] == pytest.approx(0.3)
    assert len(asked) == PEER_PREDICTION.scores == 4 and CROSS_QUESTION.scores == 3
    cross, _ = table(CROSS_QUESTION, by_context(-40, -50))
    assert not {"content", "content_per_token"} & set(values(cross)) and cross["matched"].null_count() == cross.height


def test_policies_are_compared_on_the_targets_that_both_were_asked_about() -> None:
    """e and b help as much with c's long answers (10 nats over 100 tokens); only one of them is asked about the other.

    Those are short (10 nats over 10 tokens), so means a token depend on how often c was drawn. Pairs do not.
    """
    other = next(a for a in POOL if a.model == "b" and a.item == "q0" and a.replicate == 0)

    def reply(request: Score) -> Any:
        tokens = 100 if request.continuation.startswith("c") else 10
        return scored(-40.0 if "somebody else answered:" in shown(request) else -50.0, tokens)

    made = {own.model: table(PEER_PREDICTION, reply, own)[0] for own in (OWN, other)}
    rows = {model: common_rows(trials) for model, trials in made.items()}
    name = "mutual_predictability.uplift_per_token"
    by_item = {model: {r["item"]: r["value"] for r in own if r["metric"] == name} for model, own in rows.items()}
    common = set(by_item["e"]) & set(by_item["b"])
    assert common and all(item.split()[2].startswith("c/") for item in common)
    assert [by_item[model][item] for model in "eb" for item in common] == pytest.approx([0.1] * 2 * len(common))
    check_metric_rows(METRIC_ROWS.frame(rows["e"]))
    own, _ = table(CROSS_QUESTION, by_context(-40, -50))
    assert common_rows(own) == []  # nobody else is asked about e's answers


def test_tokens_add_up_to_the_uplift() -> None:
    """The trial's uplift is 10; its 20 tokens change by .5 each."""
    results, _ = run(predict_answer(OWN, Pool.of(POOL), PREDICTORS, CROSS_QUESTION), by_context(-40, -50))
    rows = evidence_rows(OWN, results)
    assert {row["trial"] for row in rows} == {0, 1, 2} and len(rows) == 60
    for result in results:
        own = [row for row in rows if row["trial"] == result.drawn.number]
        assert sum(r["logprob"] - r["base_logprob"] for r in own) == pytest.approx(10)
        assert result.conditional is not None and result.base is not None
        assert sum(r["logprob"] for r in own) == pytest.approx(result.conditional)
    alone, _ = run(predict_answer(OWN, Pool.of(POOL), PREDICTORS, replace(CROSS_QUESTION, scoring="conditional_only")),
                   by_context(-40, -50))  # fmt: skip
    assert evidence_rows(OWN, alone) == []


def test_only_the_first_term() -> None:
    trials, asked = table(replace(CROSS_QUESTION, scoring="conditional_only", trials=2), by_context(-40, -50))
    found = values(trials)
    assert found["conditional"]["value"] == -40 and found["conditional_per_token"]["value"] == pytest.approx(-2)
    assert "uplift" not in found and len(asked) == 2  # no value takes a control off


def test_a_judge_rates_consistency() -> None:
    settings = replace(CROSS_QUESTION, scoring="judge_consistency", trials=2)
    replies = iter(["<score>0.8</score>", "rather", "<score>8</score>", "<score>0.4</score>"])
    trials, asked = table(settings, lambda _: next(replies))
    assert values(trials)["consistency"]["value"] == pytest.approx(0.6)
    assert skip_reasons(trials) == {"out_of_range": 1, "parse_failed": 1}
    assert all(isinstance(a, Generate) and a.role == "judge" for a in asked)


def test_failures_are_drawn_again_counted_and_never_a_number() -> None:
    """A log-probability that could not be had is not 0, which would be certainty."""
    kinds = (ContextLengthError("long"), NonFiniteError("nan"), ServerError("down"))
    errors = iter([error for error in kinds for _ in range(2)])  # both terms of a trial are asked for together

    def reply(request: Score) -> Any:
        return next(errors, None) or by_context(-40, -50)(request)

    trials, _ = table(replace(CROSS_QUESTION, trials=2), reply)
    assert trials["status"].to_list() == ["skipped", "skipped", "request_failed", "ok", "ok"]
    assert skip_reasons(trials) == {"context_overflow": 1, "non_finite": 1, "request_failed": 1}
    assert values(trials)["uplift"]["trials"] == 2


def test_too_few_valid_trials_are_insufficient() -> None:
    def down(_: Score) -> Any:
        return ServerError("down")

    trials, _ = table(replace(CROSS_QUESTION, trials=2, attempts=3), down)
    found = values(trials)["uplift"]
    assert (found["status"], found["value"], found["trials"]) == ("insufficient", None, 0)
    assert "6 request_failed" in found["reason"] and trials.height == 6
    one, _ = table(replace(CROSS_QUESTION, trials=1), by_context(-40, -50))
    assert values(one, minimum=2)["uplift"]["status"] == "insufficient"
    with pytest.raises(CapabilityError):
        table(CROSS_QUESTION, lambda _: CapabilityError("no log-probabilities"))


def test_identical_models_alone_give_no_number_and_say_why() -> None:
    settings = replace(CROSS_QUESTION, predictor="random_any", attempts=2)
    results, asked = run(predict_answer(OWN, Pool.of(POOL), [Predictor("x", "e")], settings), lambda _: None)
    trials = TRIALS.frame(trial_rows(OWN, results, settings, arm="a"))
    assert asked == [] and skip_reasons(trials) == {"predictor_is_predicted": 6}
    assert values(trials)["uplift"]["status"] == "insufficient"


def test_agreement_shows_with_a_real_predictor_and_the_control_takes_style_off() -> None:
    """A simulated agent finds words likelier that it has read: a policy with a view of its own is predictable from it.

    e's answers share their own words, b's are of another vocabulary, c's are all different. Style that all share (the
    frame "I would say that …") lifts the raw uplift of everybody, and the control takes that off: c's is about 0.
    """
    words = [f"word{i}" for i in range(40)]

    def said(model: str, i: int) -> str:
        held = {"e": "granite basalt gneiss", "b": "larch spruce pine", "c": " ".join(words[3 * i : 3 * i + 3])}
        return f"I would say that {held[model]} bear on {words[-i - 1]}"

    pool = [answer(m, f"q{i}", said(m, i)) for m in "ebc" for i in range(8)]
    engine = Engine({"judge": open_model("sim/bayesian?facts=none")})
    found = {}
    for model in "ec":
        own = [a for a in pool if a.model == model]
        results = engine.run(
            {a.trajectory: predict_answer(a, Pool.of(pool), [Predictor("judge", "j")], CROSS_QUESTION) for a in own}
        )
        rows = [row for a in own for row in trial_rows(a, results[a.trajectory], CROSS_QUESTION, arm=model)]  # type: ignore[arg-type]
        found[model] = row_estimates(METRIC_ROWS.frame(mutual_rows(TRIALS.frame(rows))), seed=1, nulls=NULLS)
    name = "mutual_predictability.uplift_per_token"
    assert found["c"][name].estimate.ci_low > 0.5  # the frame alone
    assert found["e"][f"{name}_controlled"].estimate.ci_low > 1.0
    assert abs(found["c"][f"{name}_controlled"].estimate.value) < 0.25
    assert found["e"][name].estimate.null == 0 and found["e"][name].estimate.clusters == 8
    assert Counter(found["e"][name].statuses) == {"ok": 8}
