"""The abstention detector against hand labels: 502 replies that its lexicon was made on, 68 that it never met."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from veracity.judging.grading import abstains, detect_abstention

FIXTURES = Path(__file__).parent / "fixtures"


def rates(name):
    """(precision, recall) of `abstains`, and the share of replies of the right kind among three."""
    labelled = [
        (kind, text)
        for kind, texts in yaml.safe_load((FIXTURES / f"{name}.yaml").read_text(encoding="utf-8")).items()
        for text in texts
    ]
    found = [detect_abstention(text).kind for _, text in labelled]
    hits = sum(f == k == "abstains" for f, (k, _) in zip(found, labelled, strict=True))
    said, meant = found.count("abstains"), sum(kind == "abstains" for kind, _ in labelled)
    right = sum(f == k for f, (k, _) in zip(found, labelled, strict=True))
    return hits / said, hits / meant, right / len(labelled), len(labelled)


def test_replies_that_the_lexicon_was_finished_on():
    """163 of 164 abstentions found, 1 other taken for one, 325 of 328 kinds right."""
    precision, recall, accuracy, n = rates("abstentions")
    assert n == 328 and precision == pytest.approx(163 / 164) and recall == pytest.approx(163 / 164)
    assert accuracy == pytest.approx(325 / 328)


def test_replies_that_its_patterns_were_widened_on():
    """All 88 abstentions found, 2 others taken for one: that unicorns do not exist, and a joke about the number 42."""
    precision, recall, accuracy, n = rates("abstentions_development")
    assert n == 174 and precision == pytest.approx(88 / 90) and recall == 1.0
    assert accuracy == pytest.approx(166 / 174)


def test_replies_that_it_never_met():
    """26 of 30 abstentions found, nothing else taken for one: what it misses goes to the judge, unharmed."""
    precision, recall, accuracy, n = rates("abstentions_held_out")
    assert n == 68 and precision == 1.0 and recall == pytest.approx(26 / 30)
    assert accuracy == pytest.approx(62 / 68)


def test_it_says_which_phrase_decided():
    assert detect_abstention("Well, I do NOT know that.").phrase == "i do not know"
    assert detect_abstention("").phrase == "(empty reply)"
    assert detect_abstention("Paris").phrase == ""


def test_a_long_answer_with_something_unknown_in_it_is_an_answer():
    text = "Oro Prell was a mason. He was born in Marholt in 1820. The date of his death is unknown."
    assert detect_abstention(text).kind == "answers"


SELF_AWARE = [
    "The answer is unknown.",
    "The answer is uncertain.",
    "The answer is unclear.",
    "It is impossible to know.",
    "It is impossible to answer.",
    "It is difficult to predict.",
    "It is not known.",
    "There is no scientific evidence.",
    "There is no definitive answer.",
    "There is no right answer.",
    "There is no known case.",
    "There is no concrete answer to this question.",
    "There is no public information available.",
    "There is much debate.",
    "We do not know.",
    "I'm not sure.",
]


@pytest.mark.parametrize("phrase", SELF_AWARE)
def test_the_phrases_of_selfaware_are_covered(phrase):
    assert abstains(phrase) and abstains(f"Sorry, {phrase[0].lower()}{phrase[1:]}")


@given(st.text(max_size=120))
def test_any_text_gets_one_of_three_kinds(text):
    found = detect_abstention(text)
    assert (found.kind in ("abstains", "hedges")) <= bool(found.phrase)
    assert abstains(text) == (found.kind == "abstains")


@given(st.sampled_from(["unknown", "i don't know", "no idea"]), st.sampled_from([str.upper, str.title, str.lower]),
       st.sampled_from(["", ".", "!", " ", "\n"]))  # fmt: skip
def test_case_and_final_punctuation_change_nothing(phrase, case, end):
    assert abstains(case(phrase) + end)
