"""What users give the qualitative judge: a rubric in lines, examples with their scores, further candidates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from veracity.core.errors import ConfigError, DataError
from veracity.core.problem import Problem
from veracity.judging.qualitative import RUBRIC, Criterion, Example, QualitativeSettings, Scores, Subject


def rubric_of(text: str | None) -> tuple[Criterion, ...]:
    """Criteria, one a line: `name: what is looked for`; the own rubric where none is given.

    Raises:
        ConfigError: a line without a colon.
    """
    if text is None:
        return RUBRIC
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, what = line.partition(":")
        if not colon:
            raise ConfigError(
                f"qual.rubric: {line!r:.60} is no criterion; write `name: what is looked for`, one a line"
            )
        found.append(Criterion(name.strip(), what.strip()))
    return tuple(found)


def examples_in(source: str, settings: QualitativeSettings) -> tuple[Example, ...]:
    """Examples of a JSON or JSONL file: `question`, `transcript`, `criteria` (name → score), `overall`, `rationale`.

    Raises:
        DataError: the file cannot be read, or a record lacks something or has a score off the scale; its place is told.
    """
    return tuple(_example(record, settings, source, place) for place, record in enumerate(_records(Path(source)), 1))


def candidates_of(folder: str) -> list[Subject]:
    """The neutral trajectories of another run, to be made examples. StoreError if the folder has none."""
    from veracity.store.run import RunFolder

    run = RunFolder(folder)
    trajectories, steps = run.read_table("trajectories"), run.read_table("steps")
    spoken: dict[str, list[str]] = {}
    for row in steps.sort("trajectory", "step").iter_rows(named=True):
        if row["speaker"] == "assistant":
            spoken.setdefault(row["trajectory"], []).append(row["content"].strip())
    return [
        Subject(_problem(row), "\n\n".join(spoken[row["trajectory"]]))
        for row in trajectories.iter_rows(named=True)
        if row["condition"] == "neutral" and row["trajectory"] in spoken
    ]


def _records(path: Path) -> list[Any]:
    try:
        text = path.read_text("utf-8")
        return (
            list(json.loads(text)) if text.lstrip().startswith("[") else [json.loads(x) for x in text.splitlines() if x]
        )
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DataError(
            f"cannot be read as examples ({error}); give a JSON list or one object a line", path=path
        ) from None


def _example(record: Any, settings: QualitativeSettings, source: str, place: int) -> Example:
    try:
        problem = Problem(f"example {place}", "examples", str(record["question"]))
        scores = Scores.read({name: record[name] for name in ("criteria", "overall", "rationale")}, settings)
        return Example(Subject(problem, str(record["transcript"])), scores)
    except (KeyError, TypeError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{what}; an example has question, transcript, criteria, overall, rationale",
                        path=source, field=f"record {place}") from None  # fmt: skip


def _problem(row: Mapping[str, Any]) -> Problem:
    options, correct = tuple(row["options"]), row["correct"]
    return Problem(
        row["item"], row["domain"], row["question"], options=options, correct=correct, cluster=row["cluster"]
    )
