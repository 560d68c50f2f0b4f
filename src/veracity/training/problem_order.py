"""Which problems come when: an order that seed and epoch decide, or a choice by how the model fares at that moment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from veracity.core.identity import derive_seed
from veracity.core.judged import Group
from veracity.store.atomic import atomic_write_text
from veracity.training.filtering import draw_epoch, tried
from veracity.training.generation import prompt_ids, sampling_of, turns
from veracity.training.launcher import Launch
from veracity.training.records import Completion, Prompt
from veracity.training.reward_functions import RewardStage
from veracity.training.rl_settings import Resampling, RlSettings


class ProblemOrder:
    """The sampler: which rows come when. Every epoch has the same number of whole generations.

    Args:
        rows: number of prompts.
        settings: say how many prompts a generation takes and how often each row is repeated for it.
        choose: (epoch, number of problems) → row numbers in order.
    """

    def __init__(self, rows: int, settings: RlSettings, choose: Callable[[int, int], list[int]]) -> None:
        self._chunk = settings.prompts_per_step * settings.updates_per_generation
        self._repeat = settings.group_size
        self._rounds = settings.iterations * settings.updates_per_generation * settings.accumulation
        wanted = settings.resampling.problems if settings.resampling else None
        self._problems = (wanted or rows) // self._chunk * self._chunk
        self._choose, self._epoch = choose, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the data loader before each epoch, counting from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._problems * self._repeat * self._rounds

    def __iter__(self) -> Iterator[int]:
        order = self._choose(self._epoch, self._problems)
        for first in range(0, self._problems, self._chunk):
            for _ in range(self._rounds):
                for row in order[first : first + self._chunk]:
                    yield from [row] * self._repeat


class Chooser:
    """The rows of an epoch: all in the order that (seed, epoch) decides, or those that pass rates recommend."""

    def __init__(
        self,
        prompts: Sequence[Prompt],
        stage: RewardStage,
        settings: RlSettings,
        seed: int,
        folder: Path,
        trainer: Callable[[], Any],
    ) -> None:
        self._prompts, self._stage, self._settings = prompts, stage, settings
        self._seed, self._folder, self._trainer = seed, folder, trainer

    def __call__(self, epoch: int, problems: int) -> list[int]:
        """Row numbers of `problems` different prompts, in their order; the same in every process."""
        how = self._settings.resampling
        if how is None:
            return Random(derive_seed(self._seed, "order", str(epoch))).sample(range(len(self._prompts)), problems)
        return Launch.from_environment().from_main(lambda: self._kept(epoch, problems, how))

    def _kept(self, epoch: int, problems: int, how: Resampling) -> list[int]:
        """The choice of an epoch, from its file if it was made before."""
        path = self._folder / f"epoch-{epoch:04d}.json"
        if path.is_file():
            found: list[int] = json.loads(path.read_text("utf-8"))
            return found
        began = time.perf_counter()
        measured = [tried(group) for group in self._sampled(epoch, how.samples)]
        items = draw_epoch(measured, problems, caution=how.caution, seed=derive_seed(self._seed, "epoch", str(epoch)))
        rows = {prompt.item: row for row, prompt in enumerate(self._prompts)}
        chosen = [rows[item] for item in items]
        figures = self._trainer()._metrics["train"]
        figures["problems/mixed"].append(sum(one.mixed for one in measured) / len(measured))
        figures["problems/never"].append(sum(one.never for one in measured) / len(measured))
        figures["seconds/resampling"].append(time.perf_counter() - began)
        atomic_write_text(path, json.dumps(chosen))
        return chosen

    def _sampled(self, epoch: int, samples: int) -> list[Group]:
        """Every problem sampled with the weights of this moment, and judged."""
        trainer = self._trainer()
        ids = prompt_ids(trainer._tokenizer, [turns(prompt.messages) for prompt in self._prompts])
        rows = [row for row in ids for _ in range(samples)]
        keys = [derive_seed(self._seed, "resampling", f"{epoch}/{number}") for number in range(len(rows))]
        drawn = trainer.engine.continued(rows, keys, sampling_of(self._settings))
        texts = trainer._tokenizer.batch_decode(drawn, skip_special_tokens=True)
        said = [Completion(t, len(d), self._stage.cut(d)) for t, d in zip(texts, drawn, strict=True)]
        asked = [(p.item, said[i * samples : (i + 1) * samples]) for i, p in enumerate(self._prompts)]
        return self._stage.judged(asked)
