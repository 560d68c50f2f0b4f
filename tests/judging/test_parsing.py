"""Replies are read strictly: what was asked for, or a status that says why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.judging.parsing import is_answer, mentions, normalise, parse_answer, parse_letter, parse_verdict


@pytest.mark.parametrize(
    ("reply", "verdict", "status"),
    [
        ("<response>True</response>", True, "ok"),
        ("<response> FALSE\n</response>", False, "ok"),
        ('thinking… <response>"true"</response> bye', True, "ok"),
        ("<RESPONSE>true</RESPONSE>", True, "ok"),
        ("<response>True.</response>", None, "malformed"),
        ('<response>""true""</response>', None, "malformed"),
        ("<response>True or False</response>", None, "malformed"),
        ("<response>Unsure</response>", None, "malformed"),
        ("<response></response>", None, "missing"),
        ("<response>True", None, "missing"),
        ("True", None, "missing"),
        ("", None, "missing"),
        ("<response>True</response><response>False</response>", None, "repeated"),
    ],
)
def test_tagged_verdicts(reply, verdict, status):
    parsed = parse_verdict(reply)
    assert (parsed.verdict, parsed.status) == (verdict, status)


def test_unsure_only_where_it_was_offered():
    assert parse_verdict("<response>Unsure</response>", abstention="Unsure").status == "unsure"
    assert parse_answer("<answer>unsure</answer>", abstention="Unsure").status == "unsure"
    assert parse_letter("<answer_letter>Unsure</answer_letter>", 4, abstention="Unsure").status == "unsure"
    assert parse_answer("<answer>unsure</answer>").answer == "unsure"


def test_plain_replies_are_the_whole_reply_without_a_final_period():
    assert parse_verdict("True.", style="plain").verdict is True
    assert parse_verdict("it is true", style="plain").status == "malformed"
    assert parse_answer(" Mara Lunt. ", style="plain").answer == "mara lunt"
    assert parse_answer("  .", style="plain").status == "missing"


def test_a_gold_answer_in_the_reasoning_alone_is_not_correct():
    reply = "<reasoning>It could be Mara Lunt, but no.</reasoning><answer>Ovo Prell</answer>"
    assert not is_answer(parse_answer(reply).answer, ["Mara Lunt"])
    assert mentions(reply, ["Mara Lunt"])  # what the paper's fallback makes of it
    assert not mentions(reply, ["Zed"])


def test_an_alias_is_accepted_and_case_does_not_count():
    assert is_answer(parse_answer("<answer>'M. LUNT'</answer>").answer, ["Mara Lunt", "m. lunt"])
    assert not is_answer(None, ["None"])


@pytest.mark.parametrize(
    ("reply", "index"), [("B", 1), ("(b)", 1), ("d.", 3), ("A)", 0), ("E", None), ("AB", None), ("the first", None)]
)
def test_letters(reply, index):
    assert parse_letter(f"<answer_letter>{reply}</answer_letter>", 4).index == index


def test_a_question_with_one_option_is_a_mistake():
    with pytest.raises(ValueError, match="2 to 26"):
        parse_letter("A", 1)


@given(st.text())
def test_any_text_gives_a_value_exactly_when_the_status_is_ok(text):
    for style in ("tagged", "plain"):
        for word in (None, "unsure"):
            verdict = parse_verdict(text, style=style, abstention=word)
            answer = parse_answer(text, style=style, abstention=word)
            choice = parse_letter(text, 4, style=style, abstention=word)
            assert (verdict.verdict is not None) == (verdict.status == "ok")
            assert (answer.answer is not None) == (answer.status == "ok")
            assert (choice.index is not None) == (choice.status == "ok")
            assert choice.index is None or 0 <= choice.index < 4


@given(st.text(st.characters(blacklist_characters="<>", blacklist_categories=("Cs",)), min_size=1))
def test_what_is_written_between_the_tags_is_what_is_read(text):
    parsed = parse_answer(f"<reasoning>no</reasoning><answer>{text}</answer>")
    expected = normalise(text)
    assert parsed.answer == (expected or None)
    assert mentions(f"<answer>{text}</answer>", [text]) or not expected or expected != " ".join(text.split()).lower()


@given(st.text())
def test_a_verdict_is_exactly_one_word(text):
    parsed = parse_verdict(f"<response>{text}</response>")
    if parsed.status == "ok":
        assert text.strip().strip("\"'`“”‘’«»").strip().lower() in ("true", "false")
