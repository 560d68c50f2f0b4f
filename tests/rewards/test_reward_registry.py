"""Rewards by name: options as in a model's name, wrong ones refused with the nearest."""

from __future__ import annotations

import pytest

from veracity.core.errors import ConfigError
from veracity.core.judged import Group, JudgedResponse, Outcome
from veracity.core.problem import Problem
from veracity.rewards import open_reward

OUTCOMES: tuple[Outcome | None, ...] = ("correct", "abstained", "incorrect", "process_correct", None)
GROUP = Group(Problem("q", "d", "Who?", ("A",)), tuple(JudgedResponse("x", 1, outcome=o) for o in OUTCOMES))


def test_an_option_changes_the_reward() -> None:
    assert open_reward("truthrl").of(GROUP) == [1.0, 0.0, -1.0, -1.0, None]
    assert open_reward("truthrl?abstained=0.5&wrong=-2").of(GROUP) == [1.0, 0.5, -2.0, -2.0, None]


def test_what_a_reward_needs_is_known_before_it_is_called() -> None:
    assert open_reward("truthrl").needs == {"outcome"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("thruthrl", "did you mean 'truthrl'"),
        ("truthrl?abstain=1", "did you mean 'abstained'"),
        ("truthrl?wrong=x", "no float"),
    ],
)
def test_a_wrong_name_option_or_value_is_refused(spec: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_reward(spec)
