"""One JSON object in a reply: a corpus of what judges write, and what becomes of each."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import AuthenticationError, ServerError
from veracity.core.requests import Generate, Generated, Sample, Sampling, user
from veracity.judging.json_reply import ask_json, number_of, object_of, read_json, text_of
from veracity.judging.rating import parse_rating

OVERALL = '{"overall": 7, "rationale": "fair"}'


def verdict(value: Any) -> float:
    found = object_of(value, ("overall", "rationale"))
    text_of(found["rationale"], "rationale")
    return number_of(found["overall"], "overall", 0, 10)


def said(reply: str) -> float | str:
    try:
        return read_json(reply, verdict)
    except ValueError as error:
        return str(error)


READABLE = {
    "bare": OVERALL,
    "blanks around it": f"\n\n  {OVERALL}\n",
    "fenced": f"```json\n{OVERALL}\n```",
    "fenced without a language": f"```\n{OVERALL}\n```",
    "the only fenced block": f"Here is my verdict.\n```json\n{OVERALL}\n```\nI hope it helps.",
    "trailing prose": f"{OVERALL}\nI weighed both sides.",
    "leading prose": f'I looked for the word "brace". {OVERALL}',
    "nested in another object": f'{{"verdict": {OVERALL}}}',
    "with a nested object": '{"criteria": {"a": 1, "b": {"c": []}}, "overall": 7, "rationale": "x"}',
    "braces in a string": '{"overall": 7, "rationale": "a } and {\\"overall\\": 1} \\" and {"}',
    "two objects, one of which fits": f'{{"draft": true, "thoughts": "a long way to go here"}} then {OVERALL}',
    "two that fit, the longer wins": '{"overall": 1, "rationale": "x"} or {"overall": 7, "rationale": "xyz"}',
    "two fenced blocks": f'```json\n{{"a": 1}}\n```\nthen\n```json\n{OVERALL}\n```',
    "trailing comma": '{"overall": 7, "rationale": "x",}',
    "single quotes": "{'overall': 7, 'rationale': 'it\\'s } fair'}",
    "words of Python": '{"overall": 7, "rationale": "x", "sure": True, "note": None}',
    "words of JSON with single quotes": "{'overall': 7, 'rationale': 'true', 'sure': true, 'note': null}",
    "a fraction": '{"overall": 7.0, "rationale": "x"}',
}
UNREADABLE = {
    "prose": ("I would give it a seven.", "no JSON object"),
    "empty": ("", "no JSON object"),
    "a number": ("7", "no JSON object"),
    "a list": ("[7]", "no JSON object"),
    "truncated": ('{"overall": 7, "rationale": "fai', "no JSON object"),
    "truncated around a whole object": ('{"criteria": {"a": 1}, "overall": 7, "ratio', "'overall' is missing"),
    "truncated, an object in its string": ('{"rationale": "it says {\\"overall\\": 1, \\"rationale\\": 2}', "no JSON"),
    "NaN": ('{"overall": NaN, "rationale": "x"}', "NaN is no number"),
    "infinity": ('{"overall": 1e999, "rationale": "x"}', "not finite"),
    "minus infinity": ('{"overall": -Infinity, "rationale": "x"}', "no number"),
    "out of range": ('{"overall": 11, "rationale": "x"}', "11, not within 0 and 10"),
    "a text for a number": ('{"overall": "7", "rationale": "x"}', "overall is no number"),
    "true for a number": ('{"overall": true, "rationale": "x"}', "overall is no number"),
    "null": ('{"overall": null, "rationale": "x"}', "overall is no number"),
    "a key twice": ('{"overall": 1, "overall": 7, "rationale": "x"}', "twice"),
    "a key twice, single quotes": ("{'overall': 1, 'overall': 7, 'rationale': 'x'}", "twice"),
    "nothing said": ('{"overall": 7, "rationale": " "}', "rationale is no text"),
    "code": ('{"overall": 3 + 4, "rationale": __import__("os").name}', "no JSON object"),
    "deeply nested": ("{" * 30_000, "no JSON object"),
}


@pytest.mark.parametrize("reply", READABLE.values(), ids=READABLE)
def test_what_can_be_read_is_read(reply: str) -> None:
    assert said(reply) == 7


@pytest.mark.parametrize(("reply", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_says_why_and_gives_no_number(reply: str, reason: str) -> None:
    found = said(reply)
    assert isinstance(found, str) and reason in found


PLAIN = st.text(alphabet=st.characters(blacklist_characters="{}`", blacklist_categories=["Cs"]), max_size=40)


@given(st.floats(0, 10), st.text(min_size=1).filter(str.strip), PLAIN, PLAIN, st.booleans())
def test_an_object_is_found_whatever_stands_around_it(
    overall: float, rationale: str, before: str, after: str, fenced: bool
) -> None:
    whole = json.dumps({"overall": overall, "rationale": rationale})
    shown = f"```json\n{whole}\n```" if fenced and "`" not in whole else whole
    assert said(f"{before}\n{shown}\n{after}") == overall


@given(st.text(alphabet="{}[]\"'\\,:01aeN \n`", max_size=60))
def test_no_text_is_read_as_a_number_out_of_range_or_ends_the_reader(reply: str) -> None:
    found = said(reply)
    assert isinstance(found, str) or 0 <= found <= 10


def answered(*replies: str | Exception) -> tuple[Any, list[Generate]]:
    program, asked = ask_json("judge", user("Judge."), verdict, Sampling()), []
    given_replies = list(replies)
    try:
        request = next(program)
        while True:
            asked.append(request)
            reply = given_replies.pop(0)
            if isinstance(reply, Exception):
                request = program.throw(reply)
            else:
                request = program.send(Generated((Sample(reply, "stop", 1),)))
    except StopIteration as end:
        assert not given_replies
        return end.value, asked


def test_one_more_question_quotes_the_fault_and_then_it_is_over() -> None:
    found, asked = answered("seven", OVERALL)
    assert (found.value, found.status, found.replies) == (7, "ok", ("seven", OVERALL))
    assert [m.role for m in asked[1].prompt] == ["user", "assistant", "user"]  # type: ignore[union-attr]
    assert "there is no JSON object in it" in asked[1].prompt[-1].content  # type: ignore[union-attr]
    found, asked = answered("seven", '{"overall": 70, "rationale": "x"}')
    assert (found.value, found.status, len(asked)) == (None, "parse_failed", 2)
    assert "not within 0 and 10" in (found.reason or "")


def test_a_failed_request_is_another_thing_than_a_reply_that_cannot_be_read() -> None:
    assert answered(ServerError("down"))[0].status == "request_failed"
    assert answered("seven", ServerError("down"))[0].status == "request_failed"
    with pytest.raises(AuthenticationError):
        answered(AuthenticationError("no key"))


@pytest.mark.parametrize(
    ("reply", "value", "status"),
    [
        ("<score>0.7</score>", 0.7, "ok"),
        ("Well argued.\n<score> 1 </score>", 1.0, "ok"),
        ("0.25", 0.25, "ok"),
        ("<score>0.7</score> or rather <score>0.7</score>", 0.7, "ok"),
        ("<score>0.7</score> or rather <score>0.8</score>", None, "parse_failed"),
        ("<score>7</score>", None, "out_of_range"),
        ("<score>-0.1</score>", None, "out_of_range"),
        ("<score>nan</score>", None, "parse_failed"),
        ("<score></score>", None, "parse_failed"),
        ("between 0.2 and 0.4", None, "parse_failed"),
        ("I don't know.", None, "refused"),
        ("", None, "parse_failed"),
    ],
)
def test_ratings(reply: str, value: float | None, status: str) -> None:
    found = parse_rating(reply)
    assert (found.value, found.status) == (value, status)
