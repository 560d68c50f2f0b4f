"""The hash of a reward that is a function: what changes it, what does not, and that processes agree on it."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from veracity.judging.graders.function_code import code_hash

Reward = Callable[[Any, str], float]
BONUS = 1.0


@dataclass(frozen=True, slots=True)
class Rubric:
    weight: float


class Scorer:
    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, problem: Any, text: str) -> float:
        return self.weight * len(text)

    def score(self, problem: Any, text: str) -> float:
        return self.weight


def doubled(value: float) -> float:
    return 2 * value


def helped(problem: Any, text: str) -> float:
    return doubled(BONUS)


def again(problem: Any, text: str) -> float:
    return again(problem, text[1:]) if text else 0.0


def among(problem: Any, text: str) -> float:
    return float(text in {"yes", "no", "maybe", "never", "always"})


def weighted(weight: Any) -> Reward:
    return lambda problem, text: weight.weight if isinstance(weight, Rubric) else weight


def by_default(weight: float) -> Reward:
    def scored(problem: Any, text: str, by: float = weight) -> float:
        return by * len(text)

    return scored


def test_what_a_function_carries_makes_it_another_reward() -> None:
    pairs = [
        (weighted(1.0), weighted(-1.0)),
        (weighted(Rubric(1.0)), weighted(Rubric(2.0))),
        (by_default(1.0), by_default(2.0)),
        (Scorer(1.0), Scorer(2.0)),
        (Scorer(1.0).score, Scorer(2.0).score),
        (functools.partial(again, text="a"), functools.partial(again, text="b")),
    ]
    for one, other in pairs:
        assert code_hash(one) != code_hash(other)


def test_equal_functions_are_one_reward_wherever_they_lie_in_memory() -> None:
    makers: list[Callable[[], Callable[..., Any]]] = [
        lambda: weighted(1.0),
        lambda: weighted(Rubric(1.0)),
        lambda: Scorer(1.0),
        lambda: Scorer(1.0).score,
        lambda: functools.partial(Scorer(2.0), text="x"),
        lambda: again,
    ]
    kept = [(make(), make()) for make in makers]  # both alive, so at two places
    assert all(code_hash(one) == code_hash(other) for one, other in kept)


def test_values_and_functions_of_its_module_count(monkeypatch: Any) -> None:
    before = code_hash(helped)
    monkeypatch.setitem(globals(), "BONUS", 2.0)
    assert code_hash(helped) != before
    monkeypatch.setitem(globals(), "BONUS", 1.0)
    assert code_hash(helped) == before
    monkeypatch.setitem(globals(), "doubled", weighted(3.0))
    assert code_hash(helped) != before


def test_processes_agree_where_sets_stand_in_another_order() -> None:
    """A set in the code is held in the order of salted hashes, which differ from process to process."""
    asked = "from tests.judging.test_function_code import among, code_hash; print(code_hash(among))"
    told = {
        subprocess.run(
            [sys.executable, "-c", asked], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True,
            check=True, cwd=__file__.partition("/tests/")[0],
        ).stdout
        for seed in "12"
    }  # fmt: skip
    assert len(told) == 1
