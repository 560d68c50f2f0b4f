"""What holds for every reward that is registered: it follows the order of the group, and says None, never NaN."""

from __future__ import annotations

import math
from random import Random
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from veracity.core.judged import ClaimLabel, Coverage, Group, JudgedClaim, JudgedResponse, MetricScore, Outcome
from veracity.core.problem import Problem
from veracity.rewards import REWARDS, open_reward

OPTIONS = {"length": "length?longest=20&buffer=5", "metric": "metric?name=brier"}
EVERY = [open_reward(OPTIONS.get(name, name)) for name in REWARDS.names()]
PROBLEM = Problem("q", "d", "Who?", ("A",), meta=(("fact_seeking", True),))

SHARES = st.floats(0, 1)
CLAIMS = st.builds(JudgedClaim, st.just("c"), st.none() | st.sampled_from(get_args(ClaimLabel)), st.none() | SHARES)
RESPONSES = st.builds(
    JudgedResponse,
    text=st.just("x"),
    tokens=st.integers(0, 30),
    well_formed=st.none() | st.booleans(),
    outcome=st.none() | st.sampled_from(get_args(Outcome)),
    claims=st.none() | st.lists(CLAIMS, max_size=4).map(tuple),
    checklist=st.none() | st.lists(st.none() | st.sampled_from(get_args(Coverage)), max_size=4).map(tuple),
    general=st.none() | st.floats(-20, 20),
    relevance=st.none() | SHARES,
    scores=st.tuples(st.builds(MetricScore, st.just("brier"), st.none() | SHARES, st.just("lower"))) | st.just(()),
)


@given(st.lists(RESPONSES, max_size=6), st.randoms())
def test_every_reward_follows_the_order_of_its_group(responses: list[JudgedResponse], random: Random) -> None:
    order = list(range(len(responses)))
    random.shuffle(order)
    for reward in EVERY:
        values = reward.of(Group(PROBLEM, tuple(responses)))
        assert len(values) == len(responses)
        assert all(value is None or math.isfinite(value) for value in values)
        assert reward.of(Group(PROBLEM, tuple(responses[i] for i in order))) == [values[i] for i in order]


def test_a_response_of_which_nothing_was_asked_has_no_reward_but_for_its_length() -> None:
    group = Group(PROBLEM, (JudgedResponse("x", 10), JudgedResponse("y", 10)))
    given_something = [reward.spec for reward in EVERY if reward.of(group) != [None, None]]
    assert given_something == ["length?longest=20&buffer=5"]
