"""Graders from OpenAI's specifications: run here as there, and refused by name where they cannot be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted_programs import run, shown

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.judging.graders import open_grader
from veracity.judging.graders.openai_spec import grader_from_spec

PROBLEM = Problem("p", "d", "Will it rain?", options=("rain", "sun"), correct=0)
OPEN = Problem("p", "d", "Will it rain?", options=("rain", "sun"))
SPEC: dict[str, Any] = {
    "type": "score_model",
    "name": "kindness",
    "model": "o4-mini",
    "range": [1, 5],
    "input": [
        {"role": "developer", "content": "You grade."},
        {"role": "user", "content": "{{ item.question }} | {{item.option_1}} | {{ sample.output_text }}"},
    ],
}


def test_a_score_is_brought_to_the_range_from_0_to_1() -> None:
    """4 on a scale from 1 to 5 is .75."""
    grader = grader_from_spec(json.dumps(SPEC))
    graded, asked = run(grader.grade(PROBLEM, "Bring a coat. {{ item.correct_option }}"), lambda _: "<score>4</score>")
    assert (graded.reward, graded.status) == (0.75, "ok") and grader.bounds == (0, 1)
    text = shown(asked[0])
    assert "You grade." in text and "| sun | Bring a coat. {{ item.correct_option }}" in text  # not filled twice
    assert run(grader.grade(PROBLEM, "x"), lambda _: "0.5")[0].status == "out_of_range"
    spec = grader.to_openai_spec()
    assert spec["range"] == [1, 5] and spec["input"][1] == SPEC["input"][1]


def test_what_a_problem_lacks_is_no_grade() -> None:
    spec = SPEC | {"input": [{"role": "user", "content": "{{ item.reference }} {{ sample.output_text }}"}]}
    graded, asked = run(grader_from_spec(spec).grade(OPEN, "x"), lambda _: "3")
    assert (graded.reward, graded.status, asked) == (None, "no_truth", [])


def test_what_we_export_we_read_back() -> None:
    for name in ("model", "model_agreement", "python_brier"):
        spec = open_grader(name).to_openai_spec()
        back = grader_from_spec(spec).to_openai_spec()
        ours = {key: value for key, value in spec.items() if key not in ("name", "range")}
        assert {key: back[key] for key in ours} == ours


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "multi"}, "type 'multi' cannot be run here"),
        ({"type": "python"}, "lacks 'source'"),
        ({"model": ""}, "lacks 'model'"),
        ({"input": []}, "no list of messages"),
        ({"input": [{"role": "user"}]}, "lacks 'content'"),
        ({"input": [{"role": "judge", "content": "x"}]}, "a message of 'judge'"),
        ({"input": [{"role": "system", "content": "x"}]}, "not the user's"),
        ({"input": [{"role": "user", "content": "{{ env.KEY }}"}]}, "known here"),
        ({"range": [1, 1]}, "the lower first"),
        ({"range": [True, "5"]}, "the lower first"),
    ],
)
def test_what_cannot_be_run_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        grader_from_spec(SPEC | change)
    with pytest.raises(ConfigError, match="no JSON"):
        grader_from_spec("{")
