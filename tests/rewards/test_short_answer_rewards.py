"""SimpleFact and KnowRL by their tables, advantages by hand, schedules, and what holds for any group."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_groups import LABELS, claims, group, short

from veracity.core.errors import ConfigError, DataError
from veracity.core.judged import Group, JudgedResponse
from veracity.core.problem import Problem
from veracity.rewards import RewardSchedule, check_problems, fact_then_caution, open_reward
from veracity.rewards.knowrl import KNOWRL

MODES = ("fact", "caution", "both")
LETTERS = st.text("CPAW?", min_size=1, max_size=12)


def simplefact(letters: str, options: str = "mode=both") -> list[float | None]:
    return open_reward(f"simplefact?{options}").of(short(letters))


@pytest.mark.parametrize(
    ("letters", "fact", "caution", "both"),
    [
        ("CPAW", [1, 0.5, 0, 0], [0, 0, 0, 0], [1, 0.5, 0, 0]),
        ("PAW", [0, 0, 0], [0, 1, 0], [0, 1, 0]),
        ("PPW", [0, 0, 0], [0, 0, 0], [0, 0, 0]),  # process-correct is never "somebody is right"
        ("AAA", [0, 0, 0], [1, 1, 1], [1, 1, 1]),
        ("WWW", [0, 0, 0], [0, 0, 0], [0, 0, 0]),
        ("CCC", [1, 1, 1], [0, 0, 0], [1, 1, 1]),
    ],
)
def test_simplefact_is_its_table(letters: str, fact: list[float], caution: list[float], both: list[float]) -> None:
    assert [simplefact(letters, f"mode={mode}") for mode in MODES] == [fact, caution, both]


def test_a_failed_grade_leaves_open_only_what_depends_on_it() -> None:
    """Nobody is known to be right in `A?W`: abstaining earns 1 if the failed one is wrong and 0 if it is right, a wrong
    answer 0 either way. In `CA?` somebody is right whatever the failed one is."""
    assert simplefact("A?W") == [None, None, 0.0]
    assert simplefact("P?A", "mode=fact") == [None, None, 0.0]
    assert simplefact("P?A", "mode=caution") == [0.0, None, None]
    assert simplefact("CA?") == [1.0, 0.0, None]


@pytest.mark.parametrize(
    ("letters", "advantages"),
    [
        ("C" * 4 + "W" * 16, {"C": 1.949, "W": -0.487}),
        ("C" * 4 + "P" * 2 + "W" * 14, {"C": 1.813, "P": 0.604, "W": -0.604}),
        ("A" * 5 + "W" * 15, {"A": 1.688, "W": -0.563}),
        ("C" + "W" * 19, {"C": 4.247, "W": -0.224}),
    ],
)
def test_advantages_in_a_group_of_twenty(letters: str, advantages: dict[str, float]) -> None:
    """(r − mean) / (sample sd + 1e-4). 4C/16W: mean .2, sd sqrt(4·.8²+16·.2²)/sqrt(19) = .4104; .8/.4105 = 1.949."""
    rewards = [r for r in simplefact(letters) if r is not None]
    mean, spread = statistics.fmean(rewards), statistics.stdev(rewards) + 1e-4
    found = {letter: (r - mean) / spread for letter, r in zip(letters, rewards, strict=True)}
    assert found == pytest.approx(advantages, abs=5.1e-4)


def test_a_term_that_no_group_changes_is_added_for_wrong_answers_alone() -> None:
    assert simplefact("CPAW", "wrong=-0.1") == [1.0, 0.5, 0.0, -0.1]
    assert simplefact("PAW", "wrong=-0.1") == [0.0, 1.0, -0.1]
    assert simplefact("A?W", "wrong=-0.1") == [None, None, -0.1]
    assert simplefact("CP", "process=0.25") == [1.0, 0.25]


@given(LETTERS, st.sampled_from(MODES), st.randoms())
def test_simplefact_is_bounded_and_follows_the_order_of_the_group(letters: str, mode: str, random: object) -> None:
    rewards = simplefact(letters, f"mode={mode}")
    assert all(r is None or 0 <= r <= 1 for r in rewards)
    assert all(r is None for r, letter in zip(rewards, letters, strict=True) if letter == "?")
    order = list(range(len(letters)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert simplefact("".join(letters[i] for i in order), f"mode={mode}") == [rewards[i] for i in order]


@given(LETTERS)
def test_both_is_the_sum_of_fact_and_caution(letters: str) -> None:
    fact, caution, both = (simplefact(letters, f"mode={mode}") for mode in MODES)
    for f, c, b in zip(fact, caution, both, strict=True):
        assert f is None or c is None or b == f + c


def test_the_sequential_setting_switches_at_its_step() -> None:
    schedule = fact_then_caution(100)
    assert [schedule.at(step) for step in (0, 99, 100, 500)] == ["simplefact?mode=fact"] * 2 + [
        "simplefact?mode=caution"
    ] * 2
    assert [(s.reward, s.start, s.stop) for s in schedule.spans(150)] == [
        ("simplefact?mode=fact", 0, 100),
        ("simplefact?mode=caution", 100, 150),
    ]
    assert [s.stop for s in schedule.spans(80)] == [80]
    assert open_reward(fact_then_caution(5, wrong=-0.1).at(5)).of(short("AW")) == [1.0, -0.1]


@given(st.lists(st.integers(1, 50), unique=True, max_size=4), st.integers(1, 60))
def test_spans_cover_every_step_once(switches: list[int], steps: int) -> None:
    schedule = RewardSchedule(tuple(f"r{i}" for i in range(len(switches) + 1)), tuple(sorted(switches)))
    spans = schedule.spans(steps)
    assert [s.reward for s in spans for _ in range(s.start, s.stop)] == [schedule.at(step) for step in range(steps)]


@pytest.mark.parametrize(("rewards", "switches"), [(("a", "b"), ()), (("a", "b"), (0,)), (("a", "b", "c"), (5, 5))])
def test_an_impossible_schedule_is_refused(rewards: tuple[str, ...], switches: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="schedule"):
        RewardSchedule(rewards, switches)


def test_knowrl_adds_facts_where_the_answer_is_wrong_and_no_refusal() -> None:
    """Three of four claims supported, gamma 10: 3/4 · exp(1 − 10/4) = .75 · .2231 = .1673."""
    judged = [
        JudgedResponse("x", 1, well_formed=w, outcome=o, claims=claims(c).claims)
        for w, o, c in [
            (True, "correct", "ssss"),
            (True, "abstained", "rr"),
            (False, "incorrect", "sssr"),
            (True, "incorrect", ""),
            (True, "incorrect", None),
            (True, None, "s"),
        ]
    ]
    parts = [open_reward(spec).of(group(*judged)) for spec in KNOWRL]
    assert parts[0] == [1, 1, -1, 1, 1, 1]
    assert parts[1] == [2, 1, -1, -1, -1, None]
    assert parts[2] == [0, 0, pytest.approx(0.16735, abs=1e-5), 0, None, None]


@given(LETTERS, st.text("".join(LABELS), max_size=5))
def test_knowrl_facts_are_shares(letters: str, labels: str) -> None:
    responses = [
        JudgedResponse("x", 1, outcome=r.outcome, claims=claims(labels).claims) for r in short(letters).responses
    ]
    assert all(
        r is None or 0 <= r <= 1
        for r in open_reward("knowrl_facts").of(Group(Problem("q", "d", "?"), tuple(responses)))
    )


def test_problems_without_what_a_reward_reads_are_refused_by_name() -> None:
    unmarked, marked = Problem("q1", "d", "Who?"), Problem("q2", "d", "Who?", meta=(("answerable", False),))
    check_problems([open_reward("simplefact"), open_reward("truthrl")], [Problem("q", "d", "Who?", ("A",)), marked])
    check_problems([open_reward("factscore")], [unmarked])
    with pytest.raises(DataError, match=r"d/q1: the reward 'truthrl' .* answerable=False"):
        check_problems([open_reward("truthrl")], [marked, unmarked])
    with pytest.raises(DataError, match="fact_seeking"):
        check_problems([open_reward("flame")], [unmarked])
