"""Which problems are worth training on, by how often the model answers them right: once, or before every epoch.

A group whose answers are all right or all wrong teaches nothing. The filters here are pure functions of measured pass
rates; who measures them samples the model and asks a judge. Every choice is decided by (seed, item) alone, so adding
or removing problems moves no other, except where one takes another's place in a quota.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from veracity.core.errors import ConfigError
from veracity.core.identity import derive_seed
from veracity.core.judged import Group
from veracity.domains.wording import normalised


@dataclass(frozen=True, slots=True)
class Tried:
    """A problem, and how the model fared when it was sampled."""

    item: str
    source: str
    """What quotas are kept for: the data set that it comes from."""
    right: int
    judged: int
    """Samples with a grade; those whose judge failed are in neither count."""
    entropy: float = 0.0
    """Of its normalised answers, nats."""

    @property
    def rate(self) -> float | None:
        """Share of right answers; None where none was graded."""
        return self.right / self.judged if self.judged else None

    @property
    def mixed(self) -> bool:
        """Whether some answers are right and some are not."""
        return 0 < self.right < self.judged

    @property
    def never(self) -> bool:
        """Whether answers were graded and none was right."""
        return self.right == 0 < self.judged


@dataclass(frozen=True, slots=True)
class Selection:
    """The just-hard-enough problems, and beside them some that were never answered right."""

    learnable: tuple[str, ...]
    """Items, the most varied first within each source."""
    caution: tuple[str, ...]
    """Items with a pass rate of 0: what a model can only learn to decline."""


def tried(group: Group, *, answer: Callable[[str], str] = normalised) -> Tried:
    """How a problem fared; its source is its domain. `answer` gives the part of a text that entropy compares."""
    graded = [response for response in group.responses if response.outcome is not None]
    counts = Counter(answer(response.text) for response in graded)
    return Tried(
        group.problem.id,
        group.problem.domain,
        right=sum(response.outcome == "correct" for response in graded),
        judged=len(graded),
        entropy=-math.fsum(n / len(graded) * math.log(n / len(graded)) for n in counts.values()) + 0.0,
    )


def just_hard_enough(found: Sequence[Tried], keep: int, *, caution: int = 0, seed: int = 0) -> Selection:
    """The `keep` problems whose correctness varies most, by p(1 − p), evenly from each source.

    Ties go by the entropy of their answers, then by seed. Problems that are always or never right are dropped;
    `caution` of those that are never right are kept apart. A source that has too few leaves its places to the others.
    SimpleFact sampled 16 times and kept 2,500.

    Raises ConfigError unless there are as many of either as asked for.
    """
    learnable = [one for one in found if one.mixed]
    unknown = [one for one in found if one.never]
    for setting, asked, there, kind in (
        ("keep", keep, learnable, "sometimes"),
        ("caution", caution, unknown, "never"),
    ):
        if asked > len(there):
            raise ConfigError(
                f"filter.{setting}={asked}: of {len(found)} problems only {len(there)} are {kind} answered right; ask "
                "for fewer, or try more problems"
            )

    def varied(one: Tried) -> tuple[float, float, int]:
        p = one.rate or 0.0
        return (-p * (1 - p), -one.entropy, _place(seed, one.item))

    return Selection(
        tuple(one.item for one in _evenly(learnable, keep, varied)),
        tuple(one.item for one in _evenly(unknown, caution, lambda one: _place(seed, one.item))),
    )


def draw_epoch(found: Sequence[Tried], size: int, *, caution: float = 0.0, seed: int = 0) -> list[str]:
    """`size` different problems for an epoch, in the order of training.

    A share `caution` is of problems never answered right; the others are sometimes right, or were not graded. Each
    source keeps its share of all problems. Where too few are left, the places are filled with the remaining problems:
    an epoch has the same number of steps whatever the pass rates are.

    Raises ConfigError when there are fewer than `size` problems.
    """
    if size > len(found):
        raise ConfigError(f"an epoch of {size} problems cannot be drawn from {len(found)}; lower resampling.problems")
    shares = Counter(one.source for one in found)
    order = sorted(found, key=lambda one: _place(seed, one.item))
    wary = _by_source([one for one in order if one.never], round(caution * size), shares)
    useful = _by_source([one for one in order if one.mixed or not one.judged], size - len(wary), shares)
    chosen = {one.item for one in (*wary, *useful)}
    rest = [one for one in order if one.item not in chosen]
    chosen.update(one.item for one in rest[: size - len(chosen)])
    return [one.item for one in order if one.item in chosen]


def quotas(total: int, available: Mapping[str, int], shares: Mapping[str, float]) -> dict[str, int]:
    """`total` places dealt out by `shares`, no source getting more than it has; whole numbers by largest remainder.

    What a source cannot fill goes to the others by their shares. The sum is `total`, or all there is if that is less.
    """
    given = dict.fromkeys(available, 0)
    left = min(total, sum(available.values()))
    while left:
        open_ = [name for name in given if given[name] < available[name]]
        whole = math.fsum(shares[name] for name in open_)
        exact = {name: left * shares[name] / whole for name in open_}
        dealt = {name: min(int(exact[name]), available[name] - given[name]) for name in open_}
        if not any(dealt.values()):
            by_remainder = sorted(open_, key=lambda name: (int(exact[name]) - exact[name], name))
            dealt = dict.fromkeys(by_remainder[:left], 1)
        for name, n in dealt.items():
            given[name] += n
        left -= sum(dealt.values())
    return given


def _evenly(found: Sequence[Tried], n: int, key: Callable[[Tried], object]) -> list[Tried]:
    order = sorted(found, key=key)  # type: ignore[arg-type]
    return _by_source(order, n, dict.fromkeys({one.source for one in found}, 1.0))


def _by_source(order: Iterable[Tried], n: int, shares: Mapping[str, float]) -> list[Tried]:
    """The first of each source, as many as its quota."""
    pools: dict[str, list[Tried]] = {}
    for one in order:
        pools.setdefault(one.source, []).append(one)
    given = quotas(n, {name: len(pool) for name, pool in sorted(pools.items())}, shares)
    return [one for name, pool in sorted(pools.items()) for one in pool[: given[name]]]


def _place(seed: int, item: str) -> int:
    return derive_seed(seed, "filtering", item)
