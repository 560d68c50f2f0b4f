"""`sim/judge` on answers without probabilities: what a bare answer expresses, and what expresses nothing."""

from __future__ import annotations

import pytest

from veracity.core.requests import Generate, Sampling, user
from veracity.engine import Engine
from veracity.models.resolve import open_model

URNS = (
    "Urn A holds 7 red and 3 blue balls, urn B holds 3 red and 7 blue balls. "
    "Before any evidence, the probability of urn A is 0.4. "
    "Which urn is it?\nA) urn A\nB) urn B\n"
)
QUESTION = "What probability does the writer give to urn A? Reply with the number alone."


def read(transcript: str, judge: str = "sim/judge?facts=none") -> float:
    def asked():
        prompt = user(f"{URNS}\n<transcript>\n{transcript}\n</transcript>\n{QUESTION}")
        return (yield Generate("judge", prompt, sampling=Sampling(max_tokens=64)))

    return float(Engine({"judge": open_model(judge)}).run({"x": asked()})["x"].text)


@pytest.mark.parametrize(
    ("said", "belief"),
    [
        ("A", 0.9),
        ("B", 0.1),
        ("Answer: B", 0.1),
        ("It deserves to be looked at with care.\n\nAnswer: A.", 0.9),
        ("urn B", 0.1),
        ("Urn A.\n", 0.9),
        ("I put urn A at 0.6316 and urn B at 0.3684.\n\nAnswer: B", 0.6316),  # a probability says more than an answer
    ],
)
def test_a_bare_answer_expresses_a_belief(said: str, belief: float) -> None:
    assert read(said) == pytest.approx(belief, abs=1e-4)


@pytest.mark.parametrize("said", ["C", "I don't know.", "It is A or B.", "Answer:", "A\nthen again, who knows"])
def test_what_is_no_answer_leaves_the_judge_with_its_prior(said: str) -> None:
    assert read(said) == pytest.approx(0.4)


def test_how_much_an_answer_expresses_can_be_set() -> None:
    assert read("A", "sim/judge?facts=none&committed=0.75") == pytest.approx(0.75, abs=1e-4)
