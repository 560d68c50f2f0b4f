"""Which reward holds at which step of a training: SimpleFact's `sequential` setting, and any other sequence.

A schedule is data. Who trains in one go asks `at` before each step, and the optimiser keeps its state over a switch;
who makes one training of each span (`spans`) starts the optimiser afresh at each.
"""

from __future__ import annotations

from dataclasses import dataclass

from veracity.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of steps under one reward."""

    reward: str
    """As `open_reward` takes it."""
    start: int
    """First step, counted from 0."""
    stop: int
    """One past the last step."""


@dataclass(frozen=True, slots=True)
class RewardSchedule:
    """Rewards in their order, and the steps at which the second and later ones take over.

    Raises ConfigError unless there is one switch between any two rewards, at rising steps from 1.
    """

    rewards: tuple[str, ...]
    switches: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.switches) != len(self.rewards) - 1:
            given = f"{len(self.rewards)} rewards and {len(self.switches)} switches"
            raise ConfigError(f"a schedule of {given}: give one step between any two rewards")
        if any(later <= earlier for earlier, later in zip((0, *self.switches), self.switches, strict=False)):
            raise ConfigError(f"a schedule that switches at {self.switches}: give rising steps from 1")

    def at(self, step: int) -> str:
        """The reward of `step`, counted from 0."""
        return self.rewards[sum(step >= switch for switch in self.switches)]

    def spans(self, steps: int) -> tuple[Span, ...]:
        """The stretches of a training of `steps` steps; rewards whose turn does not come are left out."""
        starts = (0, *self.switches)
        stops = (*self.switches, steps)
        found = zip(self.rewards, starts, stops, strict=True)
        return tuple(Span(reward, start, min(stop, steps)) for reward, start, stop in found if start < steps)


def fact_then_caution(switch: int, *, wrong: float = 0.0) -> RewardSchedule:
    """SimpleFact's sequential setting: facts until step `switch`, caution from it on."""
    term = f"&wrong={wrong}" if wrong else ""
    return RewardSchedule((f"simplefact?mode=fact{term}", f"simplefact?mode=caution{term}"), (switch,))
