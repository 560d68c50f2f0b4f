"""The pairwise judge sees both orders; what it says about a place becomes a verdict about a system."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import ServerError
from veracity.core.requests import Generate, Generated, Sample
from veracity.engine import Engine
from veracity.judging.win_rate import judge_pair, parse_place
from veracity.metrics.win_rate import PAIRS, win_rate
from veracity.models.instant import InstantModel


@pytest.mark.parametrize(
    ("reply", "place"),
    [
        ("FIRST", "first"), ("second.", "second"), ("**TIE**", "tie"), ("I choose FIRST because it is true.", "first"),
        ("FIRST or SECOND", None), ("It is not FIRST", None), ("At first sight both are fine", None), ("A", None),
        ("", None), ("TIED", None), ("Neither FIRST nor SECOND", None), ("The first answer", None),
    ],
)  # fmt: skip
def test_places(reply, place):
    assert parse_place(reply) == place


@given(st.text(max_size=40))
def test_any_text_is_a_place_or_nothing(text):
    assert parse_place(text) in ("first", "second", "tie", None)


def judge(rule):
    """A judge that says what `rule(first answer, second answer)` says."""

    def reply(call):
        assert isinstance(call.request, Generate)
        text = call.request.prompt[-1].content
        first = text.split("<first_answer>")[1].split("</first_answer>")[0]
        second = text.split("<second_answer>")[1].split("</second_answer>")[0]
        return Generated(tuple(Sample(rule(first, second), "stop", 1) for _ in call.replicates))

    return InstantModel(reply)


def drive(rule, a="Oro is a mason.", b="Oro is a singer, as all know."):
    return Engine({"judge": judge(rule)}).run({"p": judge_pair("Who is Oro?", a, b)})["p"]


def test_a_fair_judge_names_the_same_system_twice():
    found = drive(lambda first, second: "FIRST" if "mason" in first else "SECOND")
    assert (found.a_first, found.b_first) == ("a", "a") and (found.length_a, found.length_b) == (4, 7)


def test_a_judge_that_favours_a_place_contradicts_itself():
    found = drive(lambda first, second: "FIRST")
    assert (found.a_first, found.b_first) == ("a", "b")
    named = {"item": "p", "cluster": "p", "arm": "new", "against": "old", "sample": 0}
    rates = win_rate(PAIRS.frame([named | found.as_row()]))
    assert (rates.ties, rates.flip_rate.value) == (1, 1.0)


def test_one_order_may_fail_without_the_other():
    def rule(first, second):
        if "singer" in first:
            raise ServerError("gone")
        return "FIRST"

    found = drive(rule)
    assert (found.a_first, found.b_first) == ("a", None) and "gone" in found.replies[1]
    assert found.status == "one_order"
    assert drive(lambda first, second: "hm").status == "judge_failed"
