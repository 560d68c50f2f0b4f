r"""What a reply says of a probability: the last marked number, strictly, with a status for everything else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.judging.beliefs import parse_probability, parse_steps

NUMBERS = {
    "0.7": 0.7,
    " .25\n": 0.25,
    "1": 1.0,
    "0.": 0.0,
    "1e-3": 0.001,
    "70%": 0.7,
    "12.5 percent": 0.125,
    "100 per cent": 1.0,
    "Probability: 0.7": 0.7,
    "probability = 30%.": 0.3,
    "**Probability:** 0.7": 0.7,
    "**Probability: 0.7**": 0.7,
    "- Final probability: `0.7`": 0.7,
    "```\nProbability: 0.7\n```": 0.7,  # fenced
    "Probability: 0.2\nNo, on reflection:\nProbability: 0.8": 0.8,  # two of them: the last
    r"I settle on \finalBeliefProb{0.35}, all told.": 0.35,
    r"\finalBeliefProb{35\%}": 0.35,
    r"Probability: 0.9" + "\n" + r"\finalBeliefProb{0.1}": 0.1,
    "<probability>\n0.4\n</probability>": 0.4,
    "It rains 3 days in 10.\n\nProbability: 0.3": 0.3,
    "-0.0": 0.0,
}
REFUSED = {
    "NaN": "parse_failed",
    "Probability: nan": "parse_failed",
    "Probability: inf": "parse_failed",
    "Probability: 1e999": "out_of_range",
    "70": "out_of_range",
    "Probability: 1.0001": "out_of_range",
    "Probability: -0.1": "out_of_range",
    "Probability: 130%": "out_of_range",
    r"\finalBeliefProb{7}": "out_of_range",
    "": "parse_failed",
    "Probability:": "parse_failed",
    "Probability: 0.2\nProbability:": "parse_failed",  # truncated: the last is what counts, and it is empty
    "Probability: 0.2-0.4": "parse_failed",
    "Probability: 3/4": "parse_failed",
    "Probability: 0,7": "parse_failed",
    "Probability: about 0.7": "parse_failed",
    "Probability: 0.7 or so": "parse_failed",  # trailing prose
    "Probability: {0.7}": "parse_failed",
    r"\finalBeliefProb{\finalBeliefProb{x}}": "parse_failed",  # nested
    "<probability>0.7": "parse_failed",  # truncated
    '{"probability": 0.7} {"probability": 0.2}': "parse_failed",  # another form than was asked for
    "The probability is 0.7.": "parse_failed",
    "The writer seems fairly sure.": "parse_failed",
    "It is likely, at 0.7.": "parse_failed",
    "I cannot give a probability.": "refused",
    "I'm sorry, but I can't help with that.": "refused",
    "Probability: I do not know": "refused",
    "٠.٧": "parse_failed",
}


@pytest.mark.parametrize(("reply", "expected"), NUMBERS.items())
def test_what_is_a_number(reply: str, expected: float) -> None:
    found = parse_probability(reply)
    assert (found.probability, found.status) == (pytest.approx(expected), "ok")
    assert math.copysign(1, found.probability or 0.0) == 1


@pytest.mark.parametrize(("reply", "status"), REFUSED.items())
def test_what_is_none(reply: str, status: str) -> None:
    found = parse_probability(reply)
    assert (found.probability, found.status) == (None, status)


@given(st.text(max_size=200))
def test_any_text_has_a_status_and_no_number_outside_of_0_and_1(text: str) -> None:
    for found in (parse_probability(text), parse_probability(f"{text}\nProbability: {text}")):
        assert (found.probability is not None) == (found.status == "ok")
        assert found.probability is None or 0 <= found.probability <= 1


@given(st.floats(0, 1), st.text(max_size=80))
def test_the_last_marked_number_counts_whatever_came_before(value: float, before: str) -> None:
    for said in (f"{value!r}", f"{value:.6f}"):
        assert parse_probability(f"{before}\nProbability: {said}").probability == pytest.approx(float(said))
        assert parse_probability(f"{before} \\finalBeliefProb{{{said}}}").probability == pytest.approx(float(said))


@given(st.floats(allow_nan=True, allow_infinity=True).filter(lambda x: not 0 <= x <= 1))
def test_no_number_out_of_range_gets_in(value: float) -> None:
    found = parse_probability(f"Probability: {value!r}")
    assert found.status == ("out_of_range" if math.isfinite(value) else "parse_failed")


def test_steps_are_read_each_for_itself() -> None:
    reply = "Step 0: 0.5\n**Step 2:** 40%\nStep 4: rather sure\nStep 9: 0.1\nStep 2: 0.45"
    found = parse_steps(reply, (0, 2, 4, 6))
    assert [(f.probability, f.status) for f in found] == [
        (0.5, "ok"), (0.45, "ok"), (None, "parse_failed"), (None, "parse_failed"),
    ]  # fmt: skip
    assert {f.status for f in parse_steps("I cannot help with that.", (0, 1))} == {"refused"}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_steps_written_as_asked_come_back(values: list[float]) -> None:
    steps = tuple(range(0, 2 * len(values), 2))
    reply = "\n".join(f"Step {step}: {value:.4f}" for step, value in zip(steps, values, strict=True))
    assert [f.probability for f in parse_steps(reply, steps)] == pytest.approx([round(v, 4) for v in values])
