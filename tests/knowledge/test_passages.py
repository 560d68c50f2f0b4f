"""Passages: whole sentences, 100 to 200 words, one sentence shared with the passage before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import ConfigError
from veracity.core.sentences import sentences
from veracity.knowledge.passages import PassageSettings, passages


def text_of(lengths: list[int]) -> str:
    """One sentence of so many different words each."""
    return " ".join(" ".join([f"S{i}", *(f"w{i}x{j}" for j in range(1, n))]) + "." for i, n in enumerate(lengths))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One came. Two left! Was it three? Yes.", ["One came.", "Two left!", "Was it three?", "Yes."]),
        ("Dr. Vell met J. R. Morn on Feb. 3. He left.", ["Dr. Vell met J. R. Morn on Feb. 3.", "He left."]),
        ('He said "No." Then he left.', ['He said "No."', "Then he left."]),
        ("Version 2.5 costs 3.10 dollars. It works.", ["Version 2.5 costs 3.10 dollars.", "It works."]),
        ("a heading\nA line.  Two   spaces", ["a heading", "A line.", "Two spaces"]),
        ("Élan came. Érik left.", ["Élan came.", "Érik left."]),
        ("It grew, e.g. Oats. In 1905. (Then it ended.)", ["It grew, e.g. Oats.", "In 1905.", "(Then it ended.)"]),
        (" \n ", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_a_passage_begins_with_the_last_sentence_of_the_one_before() -> None:
    """Ten sentences of 30 words, at most 200: six fit (180); the second begins with S5, and has S5 … S9 (150)."""
    first, second = passages(text_of([30] * 10), PassageSettings())
    assert (first.split()[0], first.split()[-1]) == ("S0", "w5x29.")
    assert (second.split()[0], len(first.split()), len(second.split())) == ("S5", 180, 150)


def test_the_last_passage_reaches_back_to_its_least_length() -> None:
    """Seven of 30: S0 … S5, then S6 alone would have 60 words with its overlap; it reaches back to S3 (120 words)."""
    first, second = passages(text_of([30] * 7), PassageSettings())
    assert len(first.split()) == 180
    assert (second.split()[0], len(second.split())) == ("S3", 120)


def test_a_short_document_is_one_passage_and_an_empty_one_none() -> None:
    assert list(passages("Few words.", PassageSettings())) == ["Few words."]
    assert list(passages(" \n\n ", PassageSettings())) == []


@given(st.lists(st.integers(1, 450), max_size=40))
def test_bounds_and_coverage_hold_for_any_document(lengths: list[int]) -> None:
    text = text_of(lengths)
    found = [passage.split() for passage in passages(text, PassageSettings())]
    counts = [len(words) for words in found]
    assert all(count <= 200 for count in counts)
    if sum(lengths) >= 100:
        assert all(count >= 100 for count in counts)
    words = text.split()
    place = 0
    for passage in found:  # every passage is a run of the text, starts inside the one before, and ends after it
        start = words.index(passage[0])
        assert words[start : start + len(passage)] == passage
        assert start == 0 if passage is found[0] else start < place
        assert start + len(passage) > place
        place = start + len(passage)
    assert place == len(words)


@pytest.mark.parametrize(("least", "most"), [(0, 10), (10, 19), (10, 20_000)])
def test_impossible_lengths_are_refused(least: int, most: int) -> None:
    with pytest.raises(ConfigError, match="cannot always be cut"):
        PassageSettings(least, most)


@pytest.mark.parametrize(
    "text", ["." * 200_000, '."' * 100_000, ". " * 100_000, ".  (" * 50_000, " " * 200_000, "A. " * 60_000]
)
@pytest.mark.timeout(10)
def test_odd_texts_take_no_longer_than_others(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
