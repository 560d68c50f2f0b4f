"""GRPO and RLOO on the tiny model: rewards rise, advantages are the published ones, a killed training ends alike."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from rl_lab import START, judge_of, long_words, part, problems, prompts, trainer

from veracity.core.errors import ConfigError, ContextLengthError, DataError, TrainingStoppedError
from veracity.core.judged import Group
from veracity.rewards import Reward
from veracity.training.grpo import GRPO, train_grpo
from veracity.training.lineage import read_lineage
from veracity.training.records import Judge, Prompt, RewardPart
from veracity.training.rl_log import part_steps, rl_steps
from veracity.training.rl_settings import GrpoSettings, RlooSettings
from veracity.training.rloo import RLOO, train_rloo
from veracity.training.watch import TrainingLog

SMALL = GrpoSettings(batch_size=16, group_size=4, max_completion_length=8, learning_rate=1e-3, beta=0.0)


def grpo(tmp: Path, settings: GrpoSettings = SMALL, rewards: Any = None, n: int = 8, **more: Any) -> TrainingLog:
    judge: Judge = more.pop("judge", judge_of(problems(n)))
    rewards = rewards or [part("length", long_words)]
    where = {"folder": tmp / "checkpoints", "out": tmp / "out", "seed": 3, "judged_by": "look-up"}
    return train_grpo(START, more.pop("prompts", prompts(n)), judge, rewards, settings, **{**where, **more})


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize(("train", "settings"), [(train_grpo, GrpoSettings), (train_rloo, RlooSettings)])
def test_a_trivial_reward_rises_in_a_few_steps(tmp_path: Path, train: Any, settings: Any) -> None:
    """The share of the letter a, from 8 passes over 8 prompts, the first two against the last two.

    Whole passes are compared, because a step has half of the prompts. Seeds 1 to 3 give 1.7 to 2.4 with either trainer.
    """
    how = settings(batch_size=32, group_size=8, steps=16, max_completion_length=8, learning_rate=1e-3, beta=1e-3)
    where = {"folder": tmp_path / "checkpoints", "out": tmp_path / "out", "seed": 3, "judged_by": "look-up"}
    log = train(START, prompts(), judge_of(problems()), [part("share of a", share_of_a)], how, **where)
    rewards = [row.reward or 0.0 for row in rl_steps(log)]
    assert len(rewards) == read_lineage(tmp_path / "out").steps == 16
    assert sum(rewards[-4:]) > 1.4 * sum(rewards[:4])
    assert read_lineage(tmp_path / "out").trainer == train.__name__.removeprefix("train_")
    assert all(row.kl is not None for row in rl_steps(log))


def share_of_a(response: Any) -> float:
    return response.text.count("a") / max(1, len(response.text))


def advantages(tmp: Path, values: list[float | None], kind: Any = GRPO, **settings: Any) -> list[float]:
    """What the trainer makes of one group with these rewards."""
    given = RewardPart(Reward("given", frozenset(), lambda group: list(values)), 1.0)
    cls = RlooSettings if kind is RLOO else GrpoSettings
    n = len(values)
    made = trainer(kind, cls(batch_size=n, group_size=n, max_completion_length=2, beta=0.0, **settings), tmp, [given])
    made.model.train()
    found = made._generate_and_score_completions([made.train_dataset[0]] * n)["advantages"]
    return [round(value, 3) for value in found.tolist()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0] * 4 + [0.0] * 16, {1.949, -0.487}),
        ([1.0] * 4 + [0.5] * 2 + [0.0] * 14, {1.813, 0.604, -0.604}),
        ([1.0] * 5 + [0.0] * 15, {1.688, -0.563}),
        ([1.0] + [0.0] * 19, {4.247, -0.224}),
    ],
)
def test_advantages_are_the_deviation_over_sd_plus_1e_4(
    tmp_path: Path, values: list[float | None], expected: set[float]
) -> None:
    """4 of 20 right: mean .2, sample sd √(20·.2·.8/19) = .41039; .8/.41049 = 1.949, −.2/.41049 = −.487."""
    assert set(advantages(tmp_path, values)) == expected


def test_scaling_by_nothing_leaves_the_deviation_and_rloo_compares_with_the_others(tmp_path: Path) -> None:
    assert advantages(tmp_path, [1.0, 0.0, 0.0, 0.0], scale_rewards="none") == [0.75, -0.25, -0.25, -0.25]
    assert advantages(tmp_path, [1.0, 0.0, 0.0, 0.0], kind=RLOO) == [1.0, -0.333, -0.333, -0.333]


def test_a_completion_without_a_reward_is_in_no_mean_and_learns_nothing(tmp_path: Path) -> None:
    """Of 1, None, 0 the mean is .5, not .33."""
    assert advantages(tmp_path, [1.0, None, 0.0, 0.0, 1.0], scale_rewards="none") == [0.5, 0.0, -0.5, -0.5, 0.5]


def test_every_reward_part_is_weighed_and_reported(tmp_path: Path) -> None:
    parts = [part("length", long_words, 1.0), part("constant", lambda r: 2.0, 3.0)]
    log = grpo(tmp_path, SMALL.model_copy(update={"steps": 1, "beta": 0.01}), parts)
    row, rows = rl_steps(log)[0], {p.part: p for p in part_steps(log)}
    assert row.reward == pytest.approx((rows["length"].mean or 0) + 6.0)
    assert (rows["length"].variance_share, rows["constant"].variance_share) == (pytest.approx(1.0), pytest.approx(0.0))
    assert log.metrics[0]["reward"] == pytest.approx(row.reward, rel=1e-5)
    for value in (row.kl, row.entropy, row.clipped, row.grad_norm, row.generation_s, row.reward_s, row.update_s):
        assert value is not None and value >= 0
    assert row.equal_groups is not None and row.truncated is not None and row.abstained is None and row.claims is None


def test_a_group_that_does_not_divide_the_batch_is_refused_with_numbers_that_fit() -> None:
    with pytest.raises(ValueError, match="set batch_size to 60 or 70, or group_size to 4 or 8"):
        GrpoSettings(batch_size=64, group_size=10)


def test_what_cannot_be_trained_on_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    gold = RewardPart(Reward("gold", frozenset({"gold"}), lambda group: [1.0] * len(group.responses)), 1.0)
    found = [*problems(7), unanswered()]
    with pytest.raises(DataError, match="cannot judge it: it has no accepted answer"):
        grpo(tmp_path, rewards=[gold], judge=judge_of(found), prompts=[Prompt(p.id, p.messages()) for p in found])
    with pytest.raises(ConfigError, match="3 prompts do not fill one batch of 4"):
        grpo(tmp_path, n=3)
    with pytest.raises(DataError, match="two prompts"):
        grpo(tmp_path, prompts=[*prompts(), prompts()[0]])
    with pytest.raises(ConfigError, match="each once"):
        grpo(tmp_path, rewards=[part("same", long_words), part("same", long_words)])
    with pytest.raises(ContextLengthError, match="more than the model's context, 512"):
        grpo(tmp_path, SMALL.model_copy(update={"max_completion_length": 511}))
    assert not (tmp_path / "out").exists()


def unanswered() -> Any:
    from veracity.core.problem import Problem

    return Problem("nobody", "world-qa", "Where was nobody born?")


def test_a_judge_that_fails_on_most_rows_stops_the_training_and_keeps_the_weights(tmp_path: Path) -> None:
    calls: list[int] = []

    def value(response: Any) -> float | None:
        calls.append(1)
        return None if len(calls) > 32 and len(calls) % 8 else long_words(response)

    with pytest.raises(TrainingStoppedError, match=r"no value for 14 of 16 completions.*the weights before it are in"):
        grpo(tmp_path, rewards=[part("failing", value)], settings=SMALL.model_copy(update={"epochs": 2}))
    assert weights(tmp_path / "checkpoints" / "stopped") != weights(START)
    assert read_lineage(tmp_path / "checkpoints" / "stopped").steps == 2
    assert not (tmp_path / "out").exists()


def test_a_judge_that_answers_something_else_is_told_so(tmp_path: Path) -> None:
    def judge(batch: Any) -> list[Group]:
        return judge_of(problems())(batch)[1:]

    with pytest.raises(TrainingStoppedError, match="it has to answer each"):
        grpo(tmp_path, judge=judge)


def test_groups_without_differences_stop_the_training_or_warn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    same = [part("same", lambda r: 1.0)]
    settings = SMALL.model_copy(update={"epochs": 2, "equal_batches": 3})
    with pytest.raises(TrainingStoppedError, match="in 3 batches in a row"):
        grpo(tmp_path / "stop", settings, same)
    log = grpo(tmp_path / "warn", settings.model_copy(update={"when_equal": "warn"}), same)
    assert len(log.steps) == 4
    assert "in 3 batches in a row" in caplog.text
    assert [row.equal_groups for row in rl_steps(log)] == [1.0] * 4


def graded() -> list[RewardPart]:
    """Needs a grade, so that problems can be chosen by it; what it pays for is the length."""
    of = Reward("graded", frozenset({"outcome"}), lambda group: [long_words(r) for r in group.responses])
    return [RewardPart(of, 1.0)]


CHILD = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_grpo import graded, grpo, RESUMED
tmp = Path(sys.argv[1])
grpo(tmp, RESUMED, graded(), on_step=lambda done, total: done == 5 and os.kill(os.getpid(), signal.SIGKILL))
"""
RESUMED = SMALL.model_copy(
    update={
        "epochs": 4,
        "save_every": 2,
        "beta": 0.05,
        "sync_reference": {"mixup": 0.5, "every": 1},
        "resampling": {"samples": 4},
        "updates_per_generation": 2,
        "iterations": 1,
    }
)
RESUMED = GrpoSettings.model_validate(RESUMED.model_dump(warnings=False))


def test_a_training_killed_at_step_five_ends_with_the_same_weights(tmp_path: Path) -> None:
    """The checkpoint is of step 4, in the middle of nothing: two generations of two updates are behind it."""
    child = [sys.executable, "-c", CHILD.format(tests=str(Path(__file__).parent)), str(tmp_path / "killed")]
    assert subprocess.run(child, check=False, capture_output=True).returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "out").exists()
    resumed, whole = grpo(tmp_path / "killed", RESUMED, graded()), grpo(tmp_path / "whole", RESUMED, graded())
    assert (resumed.resumed_from, whole.resumed_from) == (4, 0)
    assert weights(tmp_path / "killed" / "out") == weights(tmp_path / "whole" / "out")
    assert (resumed.losses, resumed.steps) == (whole.losses, whole.steps)


def test_random_state_outside_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    grpo(tmp_path, SMALL.model_copy(update={"steps": 1}))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "how",
    [
        {"accumulation": 2, "iterations": 2, "loss_type": "grpo", "scale_rewards": "none"},
        {"lora": {"rank": 4}, "beta": 0.1, "injected": ("unknown",), "loss_type": "dr_grpo"},
        {"other_prompt": {"system": "Be careful.", "share": 0.25}, "importance_sampling_level": "sequence"},
        {"generator": "transformers", "mask_truncated": True, "entropy": {"coefficient": 0.01}},
    ],
    ids=["iterations", "adapters", "other prompt", "transformers"],
)
def test_options_work_together(tmp_path: Path, how: dict[str, Any]) -> None:
    settings = GrpoSettings.model_validate(SMALL.model_dump() | {"steps": 2} | how)
    log = grpo(tmp_path, settings)
    assert log.steps == [1, 2] and not log.skipped
    assert weights(tmp_path / "out") != weights(START)
