"""Training by examples: the best samples are put before the model's conversations; no weight changes.

The "trained" model is a folder with the examples and a lineage that names the model they are put before; the kind
`trained/<run>/<name>` opens it like any other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import Field

from veracity.core.config import Settings
from veracity.core.errors import DataError
from veracity.core.requests import Backend, Message
from veracity.models.wrapped import example_turns, with_examples
from veracity.store.atomic import atomic_folder
from veracity.training.lineage import Lineage, data_hash, write_lineage
from veracity.training.records import Demonstration
from veracity.training.selection import ScoredSample, few

EXAMPLES_FILE = "examples.jsonl"


class FewShotSettings(Settings):
    """Training by examples."""

    count: int = Field(default=8, ge=1, description="Examples, at most.")
    share: float = Field(default=0.25, gt=0, le=1, description="Share of the samples, at most.")


def train_few_shot(
    parent: Backend,
    parent_name: str,
    samples: Sequence[ScoredSample],
    settings: FewShotSettings,
    *,
    out: Path,
    run: str = "",
    recipe: str = "",
) -> tuple[Demonstration, ...]:
    """Choose the examples, and write the folder of the model that is asked after them.

    Args:
        parent: The model to put them before.
        parent_name: Its name, by which `open_model` opens it again.
        samples: To choose from: the smaller of count and share, the best of each trajectory, the best last.
        settings: How many.
        out: The folder to be.
        run: For the lineage.
        recipe: For the lineage.

    Returns:
        The examples in the order in which the model sees them.

    Raises:
        ConfigError: the scores have no direction.
        DataError: not one example is left, or one is no exchange of user and assistant.
        CapabilityError: the model cannot be given a conversation.
    """
    chosen = tuple(sample.demonstration for sample in reversed(few(samples, settings.count, settings.share)))
    rows = [{"messages": [asdict(turn) for turn in _turns(one)]} for one in chosen]
    with_examples(parent, rows)  # refuses what it cannot take, before anything is written
    lineage = Lineage(
        trainer="few_shot",
        parent=parent.identity,
        parent_name=parent_name,
        data={"examples": data_hash(chosen)},
        settings=settings.model_dump(mode="json"),
        seed=0,
        run=run,
        recipe=recipe,
    )
    with atomic_folder(out) as temporary:
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (temporary / EXAMPLES_FILE).write_text("".join(lines), "utf-8")
        write_lineage(temporary, lineage)
    return chosen


def read_examples(folder: Path) -> tuple[Message, ...]:
    """The turns that stand before each conversation. Raises DataError if the file is missing or damaged."""
    return example_turns(folder / EXAMPLES_FILE)


def _turns(one: Demonstration) -> tuple[Message, ...]:
    """The example as turns; its system message is left out, because a conversation has one, its own."""
    turns = tuple(turn for turn in one.messages if turn.role != "system")
    if not turns:
        raise DataError("its prompt has no turn but the system message, so it is no example", path=one.item)
    return (*turns, Message("assistant", one.response))
