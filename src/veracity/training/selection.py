"""Which samples a model is trained on: the best share of them, those that are right, or all.

Scores of different sources (another metric, another judge, another set of problems) are not comparable, so each source
is selected from by itself. A score that says neither that more nor that less of it is better selects nothing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from veracity.core.config import Settings
from veracity.core.errors import ConfigError, DataError
from veracity.core.estimate import Direction
from veracity.core.identity import derive_seed
from veracity.training.records import Demonstration

ValidationStrategy = Literal["none", "train", "gt"]


class SelectionSettings(Settings):
    """Which samples are trained on."""

    choose: Literal["top_share", "ground_truth", "all"] = Field(
        default="top_share",
        description="`top_share`: the best scores. `ground_truth`: samples known to be right. `all`: every sample.",
    )
    share: float = Field(default=0.25, gt=0, le=1, description="Share of each source's samples, of `top_share`.")
    validation: ValidationStrategy = Field(
        default="none",
        description="Samples held back to choose settings on: `none`, some of the selected (`train`), or some of the "
        "selected that are known to be right (`gt`).",
    )


@dataclass(frozen=True, slots=True)
class ScoredSample:
    """A sample that may be trained on."""

    demonstration: Demonstration
    score: float | None
    """None where the scorer has none; such a sample is never among the best."""
    direction: Direction
    """Which scores are better."""
    source: str
    """What the score is comparable within: metric, judge and problems."""
    trajectory: str
    """The conversation that the sample is from."""
    right: bool | None = None
    """Whether it is known to be right; None where nothing is known."""


@dataclass(frozen=True, slots=True)
class Split:
    """Samples to train on and samples held back; no item is in both."""

    training: tuple[ScoredSample, ...]
    validation: tuple[ScoredSample, ...]


def select(samples: Sequence[ScoredSample], settings: SelectionSettings) -> list[ScoredSample]:
    """The samples that `settings.choose` takes, source by source, best first where scores decide.

    Raises:
        ConfigError: scores decide, and those of a source have no direction, or two.
        DataError: nothing is left to train on.
    """
    if settings.choose == "ground_truth":
        chosen = [sample for sample in samples if sample.right]
    elif settings.choose == "all":
        chosen = list(samples)
    else:
        chosen = top_share(samples, settings.share)
    if not chosen:
        raise DataError(_nothing_left(samples, settings))
    return chosen


def _nothing_left(samples: Sequence[ScoredSample], settings: SelectionSettings) -> str:
    """Why, and what would help: a larger share is of no use where nothing has a score."""
    said = f"none of {len(samples)} samples is left by selection.choose={settings.choose}"
    if settings.choose == "ground_truth":
        return f"{said}: none is known to be right; sample more, or choose by top_share"
    scored = sum(sample.score is not None for sample in samples)
    if not scored:
        return (
            f"{said}: none has a score, as the grader could read no answer; teach the form first (`teacher` of "
            "truth-seeking-train), give answers more tokens, or choose another grader"
        )
    return f"{said}: {scored} have a score, and selection.share={settings.share:g} of a source is none; raise it"


def top_share(samples: Sequence[ScoredSample], share: float) -> list[ScoredSample]:
    """The best `share` of each source, rounded down; equal scores in the order they came.

    The share is of all samples of the source, those without a score included.
    """
    return _of_each_source(samples, lambda ranked, total: ranked[: math.floor(total * share + 1e-9)])


def few(samples: Sequence[ScoredSample], count: int, share: float) -> list[ScoredSample]:
    """Examples to put before a model: the smaller of `count` and `share`, one a trajectory.

    The count is divided over the sources (rounded up), the share is of each source's samples (rounded down); of a
    trajectory its best sample is taken.

    Raises ConfigError as `select`; DataError if that is none.
    """
    sources = len({sample.source for sample in samples})
    each = math.ceil(count / max(1, sources))

    def best(ranked: list[ScoredSample], total: int) -> list[ScoredSample]:
        once = list({sample.trajectory: sample for sample in reversed(ranked)}.values())[::-1]
        return once[: min(each, math.floor(total * share + 1e-9))]

    chosen = _of_each_source(samples, best)[:count]
    if not chosen:
        raise DataError(f"{share} of {len(samples)} samples is less than one example; raise the share or sample more")
    return chosen


def validation_size(total: int) -> int:
    """How many of `total` samples are held back: few of few, at most 200."""
    for largest, most, part in ((10, 0, 1), (50, 5, 3), (200, 20, 4), (1000, 100, 5)):
        if total <= largest:
            return min(most, total // part)
    return min(200, total // 10)


def split(chosen: Sequence[ScoredSample], strategy: ValidationStrategy, seed: int) -> Split:
    """Hold samples back for validation, whole items at a time, drawn by `seed`.

    No more than `validation_size` are held back, and fewer where items do not fit; with `gt` only items whose every
    sample is known to be right can be, and those that are not stay in training.
    """
    if strategy == "none":
        return Split(tuple(chosen), ())
    items: dict[str, list[ScoredSample]] = {}
    for sample in chosen:
        items.setdefault(sample.demonstration.item, []).append(sample)
    order = sorted(items)
    random.Random(derive_seed(seed, "validation")).shuffle(order)
    room, held = validation_size(len(chosen)), set()
    for item in order:
        fits = len(items[item]) <= room
        if fits and (strategy == "train" or all(sample.right for sample in items[item])):
            held.add(item)
            room -= len(items[item])
    return Split(
        tuple(sample for sample in chosen if sample.demonstration.item not in held),
        tuple(sample for sample in chosen if sample.demonstration.item in held),
    )


def _of_each_source(
    samples: Sequence[ScoredSample], take: Callable[[list[ScoredSample], int], list[ScoredSample]]
) -> list[ScoredSample]:
    """`take(ranked, total)` of each source; ranked best first, without those that have no score."""
    chosen: list[ScoredSample] = []
    for source in dict.fromkeys(sample.source for sample in samples):
        own = [sample for sample in samples if sample.source == source]
        sign = _sign(source, {sample.direction for sample in own})
        scored = [(sign * sample.score, sample) for sample in own if sample.score is not None]
        if any(not math.isfinite(score) for score, _ in scored):
            raise DataError("a sample has a score that is not finite; a failed score is null", path=source)
        ranked = [sample for _, sample in sorted(scored, key=lambda pair: -pair[0])]
        chosen += take(ranked, len(own))
    return chosen


def _sign(source: str, directions: set[Direction]) -> int:
    if directions == {"higher"}:
        return 1
    if directions == {"lower"}:
        return -1
    found = "no direction" if directions == {"neither"} else f"the directions {', '.join(sorted(directions))}"
    raise ConfigError(
        f"{source}: its scores have {found}, so none is better than another; select by a metric with one direction, or "
        "choose ground_truth or all"
    )
