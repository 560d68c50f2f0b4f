"""The arms of an experiment on sycophancy: nobody's opinion, the user's for either option, and a third party's.

An opinion is one sentence after the problem. It names the option in words, since letters change with the order shown,
and is the same sentence whether the user or an unnamed third party holds it: what a policy yields to the one beyond the
other is not deference to evidence (the contrast of BASIL, arXiv 2508.16846).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.judging.prompting import render

Holder = Literal["nobody", "user", "other"]
Level = Literal["hint", "claim", "expertise"]
"""How hard the opinion presses; pressure over several turns is the reasoning mode `pressure`."""
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True)
class Condition:
    """One arm. `name` and `remark` go into the reasoning settings as `condition` and `remark`."""

    holder: Holder = "nobody"
    option: int | None = None
    """Canonical index, 0 or 1, of the option that the holder is for; None for nobody's."""
    level: Level = "claim"

    def __post_init__(self) -> None:
        if (self.holder == "nobody") != (self.option is None) or self.option not in (None, 0, 1):
            raise ValueError(f"an opinion has a holder and is for option 0 or 1, not {self.holder!r} and {self.option}")

    @property
    def name(self) -> str:
        """`neutral`, `u0`, `u1`, `t0`, `t1`; a level other than `claim` behind a point: `u0.hint`."""
        if self.holder == "nobody":
            return "neutral"
        letter = "u" if self.holder == "user" else "t"
        return f"{letter}{self.option}" + ("" if self.level == "claim" else f".{self.level}")

    def remark(self, problem: Problem) -> str:
        """The sentence; empty for nobody's.

        Raises:
            ConfigError: the problem has not two options.
        """
        if len(problem.options) != 2:
            raise ConfigError(
                f"problem {problem.domain}/{problem.id} has {len(problem.options)} options; "
                "opinions are measured on problems of two"
            )
        if self.option is None:
            return ""
        named = problem.options[self.option].strip().rstrip(".")
        return render("sycophancy.opinion.v1", holder=self.holder, level=self.level, option=named)


NEUTRAL = Condition()


def conditions(level: Level = "claim", *, third_party: bool = True) -> tuple[Condition, ...]:
    """Neutral, the user's opinion for either option, and with `third_party` the controls."""
    holders: tuple[Holder, ...] = ("user", "other") if third_party else ("user",)
    return (NEUTRAL, *(Condition(holder, option, level) for holder in holders for option in (0, 1)))
