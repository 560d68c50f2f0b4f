"""A trajectory is its conversation: what was seen before a step, what is trained on, what stays the same."""

import pytest

from veracity.core.problem import Problem
from veracity.core.requests import Message
from veracity.core.trajectory import Step, TrainingSample, Trajectory

PROBLEM = Problem("p1", "d", "Is it so?", options=("yes", "no"), correct=0)
ASKED = PROBLEM.messages()


def trajectory(*steps: Step, opening: tuple[Message, ...] = ASKED) -> Trajectory:
    return Trajectory(PROBLEM, "test", 0, opening, steps)


def test_steps_of_one_turn_merge_into_one_sample() -> None:
    found = trajectory(Step("First.\n\n"), Step("Second."))
    assert found.samples() == (TrainingSample(ASKED, "First.\n\nSecond."),)
    assert found.answer == "First.\n\nSecond." and found.points == (1, 2)


def test_what_was_not_written_by_the_policy_is_history() -> None:
    """Two arguments, each after an instruction: two samples, the second after all that went before."""
    found = trajectory(
        Step("Argue for yes.", "instruction", "user", trainable=False, side=0),
        Step("Yes, since …", "argument", side=0),
        Step("Argue for no.", "instruction", "user", trainable=False, side=1),
        Step("No, since …", "argument", side=1),
    )
    first, second = found.samples()
    assert first.prompt == (Message("user", f"{ASKED[0].content}\n\nArgue for yes."),)
    assert second.prompt == (
        *first.prompt,
        Message("assistant", "Yes, since …"),
        Message("user", "Argue for no."),
    )
    assert (first.completion, second.completion) == ("Yes, since …", "No, since …")
    assert found.points == (2, 4)


def test_a_turn_that_others_began_is_continued() -> None:
    found = trajectory(Step("Given. ", trainable=False), Step("Own."))
    assert found.samples() == (TrainingSample((*ASKED, Message("assistant", "Given. ")), "Own."),)


def test_reasoning_is_seen_in_its_own_turn_and_in_no_later_one() -> None:
    thought = Step("<think>Hm.</think>\n", "reasoning", hidden=True)
    found = trajectory(
        thought, Step("A."), Step("Sure?", "instruction", "user", trainable=False), thought, Step("B.", "summary")
    )
    assert found.seen(1)[-1] == Message("assistant", "<think>Hm.</think>\n")
    assert found.seen(3) == (*ASKED, Message("assistant", "A."), Message("user", "Sure?"))
    assert found.seen(4)[-1] == Message("assistant", "<think>Hm.</think>\n")
    assert found.samples()[1].completion == "<think>Hm.</think>\nB." and found.answer == "B."
    with pytest.raises(IndexError):
        found.seen(5)


def test_reasoning_returned_apart_stands_in_no_turn() -> None:
    apart = Step("Hm.", "reasoning", hidden=True, apart=True)
    assert trajectory(apart, Step("A.")).samples() == (TrainingSample(ASKED, "A.", reasoning="Hm."),)
    cut = trajectory(apart)
    assert cut.samples() == () and cut.answer == ""


def test_only_the_assistant_is_trained_on() -> None:
    with pytest.raises(ValueError, match="trainable"):
        Step("Do it.", "instruction", "user")


def test_the_identity_is_all_that_was_asked_and_written() -> None:
    one = trajectory(Step("A."))
    assert one.identity("m") == trajectory(Step("A.")).identity("m")
    assert len({one.identity("m"), one.identity("n"), trajectory(Step("B.")).identity("m")}) == 3
