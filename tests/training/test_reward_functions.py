"""Rewards as TRL calls them: groups by problem, one judgement a batch, missing values, and the figures of a batch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rl_lab import judge_of, part, problems

from veracity.core.errors import ConfigError, DataError, TrainingStoppedError
from veracity.core.judged import Group, JudgedClaim, JudgedResponse
from veracity.core.problem import Problem
from veracity.rewards import Reward
from veracity.training.records import RewardPart
from veracity.training.reward_functions import RewardStage, batch_figures, rows_of_groups, score
from veracity.training.rl_log import PartStep, dominant_part, variance_shares

PROBLEM = Problem("q", "set", "Where?")


def given_part(name: str, values: list[float | None], weight: float = 1.0) -> RewardPart:
    return RewardPart(Reward(name, frozenset(), lambda group: list(values)), weight)


def group(*responses: JudgedResponse) -> Group:
    return Group(PROBLEM, responses)


def test_rows_belong_to_their_problem_and_every_group_is_whole() -> None:
    assert rows_of_groups(["b", "b", "a", "a"], 2) == {"b": [0, 1], "a": [2, 3]}
    for torn in (["a", "a", "b"], ["a", "b", "a", "b"], ["a"] * 4):
        with pytest.raises(DataError, match="a group of 2 belongs in one piece"):
            rows_of_groups(torn, 2)


def test_the_judge_is_asked_once_a_batch_and_each_part_gets_its_column() -> None:
    found, asked = problems(2), []

    def judge(batch: Any) -> list[Group]:
        asked.append([(item, [c.text for c in said], [c.truncated for c in said]) for item, said in batch])
        return judge_of(found)(batch)

    stage = RewardStage(judge, [part("length", lambda r: len(r.text)), part("tokens", lambda r: r.tokens)], 2, 0.5)
    stage.end_with([1])
    batch = {
        "completions": [[{"role": "assistant", "content": text}] for text in ("a", "bb", "ccc", "d")],
        "completion_ids": [[5, 1], [5, 6, 1], [5, 6], [1]],
        "item": [found[0].id, found[0].id, found[1].id, found[1].id],
        "unused": None,
    }
    length, tokens = stage.functions()
    assert (length(**batch), tokens(**batch)) == ([1, 2, 3, 1], [2, 3, 2, 1])
    assert (length.__name__, tokens.__name__) == ("length", "tokens")
    assert asked == [[(found[0].id, ["a", "bb"], [False, False]), (found[1].id, ["ccc", "d"], [True, False])]]


def test_trls_sum_is_the_groups_own_total_where_a_part_is_missing() -> None:
    """Part b has no value for the third response: it has no reward at all, since the others are judged by both."""
    found = problems(1)
    parts = [given_part("a", [1.0, 2.0, 3.0], 1.0), given_part("b", [4.0, 5.0, None], 2.0)]
    stage = RewardStage(judge_of(found), parts, 3, 0.5)
    batch: Any = {"completions": ["x"] * 3, "completion_ids": [[1]] * 3, "item": [found[0].id] * 3}
    a, b = (of(**batch) for of in stage.functions())
    assert (a, b) == ([1.0, 2.0, None], [4.0, 5.0, None])


def test_a_part_that_does_not_hold_for_a_group_leaves_its_weight_to_the_others() -> None:
    """Weights 1 and 3, the second part missing in the whole group: the first counts 4."""
    found = problems(1)
    parts = [given_part("a", [1.0, 2.0], 1.0), given_part("b", [None, None], 3.0)]
    stage = RewardStage(judge_of(found), parts, 2, 1.0)
    batch: Any = {"completions": ["x"] * 2, "completion_ids": [[1]] * 2, "item": [found[0].id] * 2}
    a, b = (of(**batch) for of in stage.functions())
    assert (a, b) == ([4.0, 8.0], [None, None])
    assert score(group(JudgedResponse("x", 1), JudgedResponse("y", 1)), parts).total == (4.0, 8.0)


def test_more_missing_values_than_declared_stop_the_training() -> None:
    found = problems(1)
    batch: Any = {"completions": ["x"] * 4, "completion_ids": [[1]] * 4, "item": [found[0].id] * 4}
    half = RewardStage(judge_of(found), [given_part("a", [1.0, None, None, 2.0])], 4, 0.5)
    assert half.functions()[0](**batch) == [1.0, None, None, 2.0]
    most = RewardStage(judge_of(found), [given_part("a", [1.0, None, None, None])], 4, 0.5)
    with pytest.raises(TrainingStoppedError, match="'a' has no value for 3 of 4"):
        most.functions()[0](**batch)


def test_a_reward_of_the_wrong_length_is_told_so() -> None:
    with pytest.raises(ConfigError, match="gave 3 values for 1 responses"):
        score(group(JudgedResponse("x", 1)), [given_part("a", [1.0, 2.0, 3.0])])


def test_figures_of_a_batch_by_hand() -> None:
    """Two groups: rewards 1, 3 and 2, 2. Mean 2, sd √(2/3); one of two groups is equal; claims 2, 0 and none known."""
    claims = (JudgedClaim("x"), JudgedClaim("y"))
    first = group(
        JudgedResponse("a", 4, truncated=True, abstained=False, outcome="correct", claims=claims),
        JudgedResponse("b", 2, abstained=True, outcome="abstained", claims=()),
    )
    second = group(JudgedResponse("c", 3), JudgedResponse("d", 3))
    scored = [score(first, [given_part("a", [1.0, 3.0])]), score(second, [given_part("a", [2.0, 2.0])])]
    assert batch_figures(scored, {"a": 1.0}) == pytest.approx(
        {
            "groups/equal": 0.5, "completions/unscored": 0.0, "completions/tokens": 3.0, "completions/truncated": 0.25,
            "completions/abstained": 0.5, "claims/mean": 1.0, "claims/none": 0.5, "outcomes/correct": 0.5,
            "reward/mean": 2.0, "reward/sd": (2 / 3) ** 0.5, "part/a/mean": 2.0, "part/a/sd": (2 / 3) ** 0.5,
            "part/a/missing": 0.0, "part/a/share": 1.0,
        }
    )  # fmt: skip


def test_differences_between_prompts_are_no_variance_that_training_sees() -> None:
    """Part b differs between the groups only (0 and 100), part a inside them: all that advantages see is a."""
    one = score(group(*[JudgedResponse("x", 1)] * 2), [given_part("a", [0.0, 1.0]), given_part("b", [0.0, 0.0])])
    two = score(group(*[JudgedResponse("x", 1)] * 2), [given_part("a", [1.0, 0.0]), given_part("b", [100.0, 100.0])])
    figures = batch_figures([one, two], {"a": 1.0, "b": 1.0})
    assert (figures["part/a/share"], figures["part/b/share"]) == (1.0, 0.0)


def test_one_part_that_explains_more_than_four_fifths_is_named() -> None:
    def rows(share: float) -> list[PartStep]:
        return [PartStep(1, "a", 0.0, 1.0, 0.0, share), PartStep(1, "b", 0.0, 1.0, 0.0, 1 - share)]

    assert dominant_part(rows(0.81)) == "a"
    assert dominant_part(rows(0.79)) is None
    assert dominant_part([PartStep(1, "a", 0.0, 1.0, 0.0, 1.0)]) is None
    assert variance_shares([PartStep(1, "a", 0.0, 1.0, 0.0, None)]) == {}


@given(st.lists(st.lists(st.none() | st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=4))
def test_shares_and_counts_stay_in_their_bounds(values: list[list[float | None]]) -> None:
    one = [JudgedResponse("x", 1)] * 3
    scored = [score(group(*one), [given_part("a", row), given_part("b", [1.0, 2.0, 3.0], 2.0)]) for row in values]
    figures = batch_figures(scored, {"a": 1.0, "b": 2.0})
    shares = [figures[f"part/{name}/share"] for name in "ab" if f"part/{name}/share" in figures]
    assert not shares or sum(shares) == pytest.approx(1.0)
    assert all(0 <= figures[name] <= 1 for name in ("groups/equal", "completions/unscored", "part/a/missing"))
