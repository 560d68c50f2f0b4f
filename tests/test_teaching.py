"""Training from Python: what is shown is learned, what is rewarded rises, and the model that comes back is a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import veracity
from veracity.core.errors import ConfigError, DataError
from veracity.core.problem import Problem
from veracity.core.trajectory import TrainingSample
from veracity.training.lineage import read_lineage

FAST = {"batch_size": 4, "learning_rate": 1e-3}
ASKED = "What does Quaenar Tincture treat?"


@pytest.fixture(scope="module")
def tiny() -> veracity.Model:
    return veracity.load("tiny", ledger=None)


def test_a_model_says_what_it_was_shown_and_the_start_what_it_said(tmp_path: Path, tiny: veracity.Model) -> None:
    before = tiny.infer(ASKED)
    taught = veracity.train_sft(tiny, [(ASKED, "gout")] * 4, tmp_path / "taught", epochs=12, **FAST)
    assert before != "gout" and taught.infer(ASKED) == "gout" and tiny.infer(ASKED) == before
    lineage = read_lineage(tmp_path / "taught")
    assert (lineage.trainer, lineage.steps) == ("sft", 12) and not (tmp_path / "taught.checkpoints").exists()
    steps: list[tuple[int, int]] = []
    again = veracity.train_sft(
        "tiny", [(ASKED, "gout")] * 4, tmp_path / "taught", epochs=12, on_step=lambda *of: steps.append(of), **FAST
    )
    assert steps == [] and again.infer(ASKED) == "gout"  # found finished


def test_answers_samples_and_problems_can_be_shown(tmp_path: Path, tiny: veracity.Model) -> None:
    problem = veracity.open_domain("world-qa").problems(1, split="train")[0]
    answer = tiny.infer(problem)
    sample = TrainingSample(answer.messages, answer.text)
    taught = veracity.train_sft(tiny, [answer, sample, problem, {"question": ASKED, "answer": "gout"}],
                                tmp_path / "taught", epochs=1, **FAST)  # fmt: skip
    assert taught.infer(problem).text
    with pytest.raises(DataError, match="leave it out"):
        veracity.train_sft(tiny, [veracity.Failure("x", "ModelError", "gone")], tmp_path / "b")  # type: ignore[list-item]


def test_the_better_answer_grows_likelier_than_the_worse(tmp_path: Path, tiny: veracity.Model) -> None:
    def ahead(model: veracity.Model) -> float:
        said = [[{"role": "user", "content": ASKED}, {"role": "assistant", "content": x}] for x in ("gout", "headache")]
        return model.logprobs(said[0]) - model.logprobs(said[1])

    taught = veracity.train_dpo(tiny, [(ASKED, "gout", "headache")] * 4, tmp_path / "dpo", epochs=4, **FAST)
    assert ahead(taught) > ahead(tiny) + 2


def test_a_function_rewards_and_another_one_makes_another_model(tmp_path: Path, tiny: veracity.Model) -> None:
    problems = veracity.open_domain("world-qa").problems(4, split="train")
    how = {"steps": 1, "batch_size": 8, "group_size": 4, "max_completion_length": 8, "learning_rate": 1e-3}
    first = veracity.train_grpo(tiny, problems, lambda _, text: float(len(text)), tmp_path / "rl", **how)
    key = read_lineage(tmp_path / "rl").key
    veracity.train_grpo(tiny, problems, lambda _, text: float(len(text)), tmp_path / "rl", **how)
    assert read_lineage(tmp_path / "rl").key == key  # the same code is the same reward
    second = veracity.train_grpo(tiny, problems, lambda _, text: -float(len(text)), tmp_path / "rl", **how)
    assert read_lineage(tmp_path / "rl").key != key and first.identity != second.identity


def test_another_truth_makes_another_model(tmp_path: Path, tiny: veracity.Model) -> None:
    """The same questions, and so the same prompts; what is right of them decides the rewards."""
    problems = veracity.open_domain("forecasting?worlds=dice&n=40").problems(2, split="train")
    turned = [replace(problem, correct=1 - (problem.correct or 0)) for problem in problems]
    how = {"steps": 1, "batch_size": 4, "group_size": 2, "max_completion_length": 8, "misformed": -1.0}
    keys = []
    for asked in (problems, turned, turned):
        veracity.train_grpo(tiny, asked, "python_brier", tmp_path / "rl", **how)
        keys.append(read_lineage(tmp_path / "rl").key)
    assert keys[0] != keys[1] == keys[2]


def test_a_reward_may_ask_a_model(tmp_path: Path, tiny: veracity.Model) -> None:
    def judged(problem: Problem, text: str) -> float:
        return float(len(tiny.infer(problem).text) + len(text))

    problems = veracity.open_domain("world-qa").problems(2, split="train")
    how = {"steps": 1, "batch_size": 4, "group_size": 2, "max_completion_length": 8}
    veracity.train_grpo(tiny, problems, judged, tmp_path / "rl", **how)
    assert read_lineage(tmp_path / "rl").steps == 1


def test_a_grader_of_ones_own_code_runs_confined(tmp_path: Path, tiny: veracity.Model) -> None:
    (tmp_path / "long.py").write_text("def grade(sample, item):\n    return len(sample['output_text'])\n")
    problems = veracity.open_domain("world-qa").problems(2, split="train")
    how = {"steps": 1, "batch_size": 4, "group_size": 2, "max_completion_length": 8}
    veracity.train_grpo(tiny, problems, f"python?file={tmp_path}/long.py", tmp_path / "rl", **how)
    assert read_lineage(tmp_path / "rl").steps == 1


def test_what_a_reward_raises_ends_the_training(tmp_path: Path, tiny: veracity.Model) -> None:
    def broken(problem: Problem, text: str) -> float:
        raise ValueError(f"no number for {problem.id}")

    problems = veracity.open_domain("world-qa").problems(2, split="train")
    with pytest.raises(ValueError, match="no number for"):
        veracity.train_grpo(tiny, problems, broken, tmp_path / "rl", batch_size=4, group_size=2)
    with pytest.raises(TypeError, match="is 'good'; the function returns a number, or None"):
        veracity.train_grpo(tiny, problems, lambda *_: "good", tmp_path / "rl", batch_size=4, group_size=2)  # type: ignore[arg-type, return-value]
    assert not (tmp_path / "rl").exists()


def test_what_cannot_be_trained_is_named(tmp_path: Path, tiny: veracity.Model) -> None:
    with pytest.raises(ConfigError, match="words before its conversations"):
        veracity.train_sft(tiny.with_system("careful"), [(ASKED, "gout")], tmp_path / "a")
    with pytest.raises(ConfigError, match="sim/bayesian has no weights to train"):
        veracity.train_sft("sim/bayesian", [(ASKED, "gout")], tmp_path / "a")
    with pytest.raises(ConfigError, match="epoch"):
        veracity.train_sft(tiny, [(ASKED, "gout")], tmp_path / "a", epoch=3)
    with pytest.raises(ConfigError, match="asks 'judge', whom nobody plays"):
        problems = veracity.open_domain("forecasting?worlds=dice&n=40").problems(1)
        veracity.train_grpo(tiny, problems, "model_brier?role=judge", tmp_path / "a")
    with pytest.raises(ConfigError, match="cannot grade"):
        veracity.train_grpo(tiny, veracity.open_domain("world-qa").problems(1), "python_brier", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
