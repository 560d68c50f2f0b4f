"""Judged groups become what TRL calls reward functions, and what is worth knowing of each batch of them.

TRL calls one function a reward part, one after the other, with the completions of whole groups. Here the judge is asked
once a batch, whichever part comes first, and a completion belongs to its group by the problem's id, which every row of
the data set carries; a group that is not whole is an error, never a smaller group.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from veracity.core.errors import ConfigError, DataError, TrainingStoppedError, VeracityError
from veracity.core.judged import Group, JudgedResponse
from veracity.rewards import check_problems, combined, shares_of_variance
from veracity.rewards.combining import Values
from veracity.training.launcher import Launch
from veracity.training.records import Completion, Judge, Prompt, RewardPart

ALONE = Launch(rank=0, processes=1, accumulation=None)
Report = Callable[[str, float], None]
"""(name, value): a figure of this batch for the training log."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One group with the value of each part, as it was given."""

    group: Group
    parts: Mapping[str, Values]
    total: tuple[float | None, ...]
    """Weighted sum, one a response; None where a part that holds for the group has no value."""
    scale: Mapping[str, float]
    """What each part is multiplied by, because parts that do not hold for this group were left out."""

    @property
    def equal(self) -> bool:
        """Whether nothing can be learned from it: all rewards are the same, or there are none."""
        return len({value for value in self.total if value is not None}) < 2


def rows_of_groups(items: Sequence[str], size: int) -> dict[str, list[int]]:
    """Which rows belong to each problem, by its id.

    Raises DataError unless each problem has exactly `size` rows, one after the other (advantages are taken so).
    """
    rows: dict[str, list[int]] = {}
    for row, item in enumerate(items):
        rows.setdefault(item, []).append(row)
    for item, places in rows.items():
        if len(places) != size or places[-1] - places[0] != size - 1:
            raise DataError(
                f"{len(places)} completions in rows {places[0]} to {places[-1]} of a batch, where a group of {size} "
                "belongs in one piece; make the batch of each process a multiple of group_size",
                path=f"problem {item}",
            )
    return rows


def score(group: Group, rewards: Sequence[RewardPart]) -> Scored:
    """Every part of one group; raises ConfigError unless a reward gives one value a response."""
    parts = {part.reward.spec: tuple(part.reward.of(group)) for part in rewards}
    for name, values in parts.items():
        if len(values) != len(group.responses):
            raise ConfigError(
                f"the reward {name!r} gave {len(values)} values for {len(group.responses)} responses; "
                "it has to give one each, None where there is none"
            )
    weights = {part.reward.spec: part.weight for part in rewards}
    whole = combined(parts, weights)
    return Scored(group, parts, whole.values, {name: grown / weights[name] for name, grown in whole.weights.items()})


class RewardStage:
    """Judge and rewards of one training, as reward functions for TRL.

    Args:
        judge: asked once a batch.
        rewards: the parts; their specs name them and must differ.
        group_size: completions of one problem.
        max_missing: share of a batch's completions without a value of some part above which training stops.
        launch: of several processes the first alone asks the judge, for all of them.
    """

    def __init__(
        self,
        judge: Judge,
        rewards: Sequence[RewardPart],
        group_size: int,
        max_missing: float,
        launch: Launch = ALONE,
    ) -> None:
        self.rewards, self._launch = tuple(rewards), launch
        self._judge, self._size, self._max_missing = judge, group_size, max_missing
        self._batch: Any = None
        self._columns: dict[str, list[float | None]] = {}
        self._ends: frozenset[int] = frozenset()

    def end_with(self, tokens: Iterable[int]) -> None:
        """Token ids that end a completion; one that ends with another token was cut at the limit."""
        self._ends = frozenset(tokens)

    def cut(self, ids: Sequence[int]) -> bool:
        """Whether a completion was cut at the token limit."""
        return not ids or ids[-1] not in self._ends

    def functions(self) -> list[Callable[..., list[float | None]]]:
        """One a part, named after it, in the order of the parts."""
        return [self._function(part.reward.spec) for part in self.rewards]

    def _function(self, name: str) -> Callable[..., list[float | None]]:
        def part(
            completions: list[Any],
            completion_ids: list[list[int]],
            item: list[str],
            log_metric: Report | None = None,
            **_: Any,
        ) -> list[float | None]:
            if completion_ids is not self._batch:
                self._take(completions, completion_ids, item, log_metric or _unheard)
            return self._columns[name]

        part.__name__ = name
        return part

    def _take(self, completions: list[Any], ids: list[list[int]], items: list[str], report: Report) -> None:
        """Judge and score a batch; its columns are kept for the parts that are asked for next."""
        began = time.perf_counter()
        rows = rows_of_groups(items, self._size)
        said = [Completion(_text(c), len(i), self.cut(i)) for c, i in zip(completions, ids, strict=True)]
        asked = [(item, [said[row] for row in places]) for item, places in rows.items()]
        scored = [score(group, self.rewards) for group in self._judged_together(asked)]
        self._columns = {part.reward.spec: _column(scored, part.reward.spec, rows, len(ids)) for part in self.rewards}
        self._batch = ids
        for name, value in batch_figures(scored, {part.reward.spec: part.weight for part in self.rewards}).items():
            report(name, value)
        self._stop_if_missing(scored)
        report("seconds/reward", time.perf_counter() - began)

    def _judged_together(self, asked: list[tuple[str, list[Completion]]]) -> list[Group]:
        """This process's groups; process 0 asks for all processes at once."""
        if self._launch.processes == 1:
            return self.judged(asked)
        from accelerate.utils import gather_object

        counts, everyones = gather_object([len(asked)]), gather_object(asked)
        first = sum(counts[: self._launch.rank])
        return self._launch.from_main(lambda: self.judged(everyones))[first : first + len(asked)]

    def judged(self, asked: Sequence[tuple[str, Sequence[Completion]]]) -> list[Group]:
        """The judge's groups. Raises TrainingStoppedError if it fails, or answers something else than it was asked."""
        try:
            groups = list(self._judge(asked))
        except VeracityError as error:
            raise TrainingStoppedError(f"the judge failed: {error}") from error
        sizes = [len(completions) for _, completions in asked]
        if [len(group.responses) for group in groups] != sizes:
            raise TrainingStoppedError(
                f"the judge was given {len(asked)} groups of {sizes[:3]}… completions and answered with {len(groups)} "
                f"of {[len(group.responses) for group in groups[:3]]}…; it has to answer each, in that order"
            )
        return groups

    def _stop_if_missing(self, scored: Sequence[Scored]) -> None:
        for part in self.rewards:
            values = [value for one in scored for value in one.parts[part.reward.spec]]
            missing = sum(value is None for value in values)
            if missing > self._max_missing * len(values):
                raise TrainingStoppedError(
                    f"the reward {part.reward.spec!r} has no value for {missing} of {len(values)} completions of one "
                    f"batch, more than max_missing={self._max_missing:g} allows: its judge fails, or the responses "
                    f"lack what it reads ({', '.join(sorted(part.reward.needs)) or 'nothing'}); look at the judge's "
                    "failures, or raise max_missing"
                )


def check_prompts(prompts: Sequence[Prompt], stage: RewardStage, prompts_per_batch: int) -> list[Group]:
    """Refuse, before anything is loaded, what training could not use; the judge's empty groups, one a prompt.

    The judge is asked about every prompt without completions, which costs nothing and shows the problems.

    Raises:
        ConfigError: no rewards, two of the same spec, or fewer prompts than a batch has.
        DataError: a prompt occurs twice, or its problem lacks what a reward reads.
    """
    names = [part.reward.spec for part in stage.rewards]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"rewards {names}: give at least one, and each once (weights say how much each counts)")
    if len(prompts) < prompts_per_batch:
        raise ConfigError(
            f"{len(prompts)} prompts do not fill one batch of {prompts_per_batch}; give more prompts, or set "
            f"batch_size to at most {len(prompts)} × group_size"
        )
    items = [prompt.item for prompt in prompts]
    if twice := [item for item, count in Counter(items).items() if count > 1]:
        raise DataError("occurs in two prompts; groups are told apart by it", path=f"problem {twice[0]}")
    groups = stage.judged([(item, ()) for item in items])
    check_problems([part.reward for part in stage.rewards], [group.problem for group in groups])
    return groups


def batch_figures(scored: Sequence[Scored], weights: Mapping[str, float]) -> dict[str, float]:
    """What is logged of one batch, by name; a figure that nothing was measured for is left out.

    `reward/mean` and `/sd` are over completions, `part/<spec>/share` is the part's share of the variance inside groups,
    the only variance that advantages see; shares of completions and of groups are in [0, 1].
    """
    responses = [response for one in scored for response in one.group.responses]
    found = {
        "groups/equal": _mean(one.equal for one in scored),
        "completions/unscored": _mean(value is None for one in scored for value in one.total),
        "completions/tokens": _mean(r.tokens for r in responses),
        "completions/truncated": _mean(r.truncated for r in responses),
        "completions/abstained": _mean(r.abstained for r in responses if r.abstained is not None),
        **_claims(responses),
        **_spread("reward", [value for one in scored for value in one.total]),
    }
    centred = {name: [value for one in scored for value in _centred(one.parts[name])] for name in weights}
    shares = shares_of_variance(centred, weights)
    for name in weights:
        values = [value for one in scored for value in one.parts[name]]
        found |= _spread(f"part/{name}", values)
        found[f"part/{name}/missing"] = _mean(value is None for value in values)
        found[f"part/{name}/share"] = shares.get(name)
    return {name: value for name, value in found.items() if value is not None}


def _claims(responses: Sequence[JudgedResponse]) -> dict[str, float | None]:
    counts = [len(r.claims) for r in responses if r.claims is not None]
    outcomes = [r.outcome for r in responses if r.outcome is not None]
    return {
        "claims/mean": _mean(counts),
        "claims/none": _mean(count == 0 for count in counts),
        "outcomes/correct": _mean(outcome == "correct" for outcome in outcomes),
    }


def _spread(name: str, values: Values) -> dict[str, float | None]:
    present = [value for value in values if value is not None]
    return {
        f"{name}/mean": _mean(present),
        f"{name}/sd": statistics.stdev(present) if len(present) > 1 else None,
    }


def _centred(values: Values) -> list[float | None]:
    """Values less the mean of their group."""
    mean = _mean(value for value in values if value is not None)
    return [None if value is None or mean is None else value - mean for value in values]


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return fsum(found) / len(found) if found else None


def _column(scored: Sequence[Scored], name: str, rows: Mapping[str, Sequence[int]], size: int) -> list[float | None]:
    """The part's values by row of the batch, such that TRL's weighted sum is each group's own total."""
    column: list[float | None] = [None] * size
    for one, places in zip(scored, rows.values(), strict=True):
        for place, value, total in zip(places, one.parts[name], one.total, strict=True):
            column[place] = None if value is None or total is None else value * one.scale.get(name, 1.0)
    return column


def _text(completion: Any) -> str:
    """A completion as TRL hands it over: text, or one assistant turn."""
    return str(completion if isinstance(completion, str) else completion[-1]["content"])


def _unheard(name: str, value: float) -> None:
    """Where nobody keeps a log."""
