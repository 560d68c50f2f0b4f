"""Ten prompts with their replies, so that a reader sees what a number is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from veracity.report.tables import Moment

PLAN = (
    ("before", "generation", "learn", "target"),
    ("widest", "generation", "learn", "target"),
    ("widest", "forced_choice", "learn", "target"),
    ("end of acquisition", "generation", "learn", "target"),
    ("end of acquisition", "verification", "learn", "target"),
    ("end of acquisition", "multiple_choice", "learn", "target"),
    ("end of acquisition", "reverse", "learn", "target"),
    ("end of the update", "generation", "update", "target"),
    ("end of the update", "forced_choice", "learn", "target"),
    ("end of the update", "forced_choice", "update", "target"),
    ("end of unrelated", "generation", "learn", "target"),
    ("end of unrelated", "forced_choice", "learn", "target"),
    ("end of acquisition", "generation", "learn", "control"),
    ("end of acquisition", "verification", "learn", "control"),
    ("end of acquisition", "forced_choice", "control", "target"),
)
"""What to show of one fact: (start of the moment's name, probe, value, arm), in the order of the run."""


@dataclass(frozen=True, slots=True)
class Example:
    """One prompt and what came back."""

    moment: str
    asked: str
    prompt: str
    reply: str
    outcome: str
    """`right`, `wrong`, `unsure`, `not parsed` or `request failed`."""


def examples(probes: pl.DataFrame, scored: pl.DataFrame, at: list[Moment], count: int = 10) -> list[Example]:
    """One fact followed through the run's moments by `PLAN`, and a reply that was not parsed if there was one.

    The fact is the first (by seed and id) that is recognised but not stated at the widest gap, else the first.
    """
    keyed = probes.with_columns(since=scored["since"])
    if not at or keyed.height == 0:
        return []
    seed, fact = _telling_fact(keyed, at)
    own = keyed.filter((pl.col("seed") == seed) & (pl.col("fact") == fact))
    failed = keyed.filter(pl.col("status") == "parse_failed").sort("seed", "epoch", "fact", maintain_order=True).head(1)
    found = [e for place, *kind in PLAN for m in _named(at, place) for e in _shown(own, m, kind)]
    unparsed = [_example(row, f"epoch {row['epoch']}") for row in failed.iter_rows(named=True)]
    return [*found[: count - len(unparsed)], *unparsed]


def _telling_fact(keyed: pl.DataFrame, at: list[Moment]) -> tuple[int, str]:
    moment = next((m for m in at if m.name.startswith("widest")), at[0])
    here = keyed.filter(_here(moment) & (pl.col("target") == "learn") & (pl.col("arm") == "target"))
    chosen = here.filter(pl.col("probe").is_in(["forced_choice", "verification"]) & (pl.col("correct") == True))  # noqa: E712
    stated = here.filter((pl.col("probe") == "generation") & (pl.col("correct") == False))  # noqa: E712
    both = chosen.join(stated, on=["seed", "fact"], how="semi").sort("seed", "fact")
    first = both if both.height else keyed.sort("seed", "fact")
    return int(first["seed"][0]), str(first["fact"][0])


def _named(at: list[Moment], start: str) -> list[Moment]:
    """The first moment whose name starts so, if there is one."""
    return [moment for moment in at if moment.name.startswith(start)][:1]


def _shown(own: pl.DataFrame, moment: Moment, kind: Sequence[str]) -> list[Example]:
    """The first row of a kind at a moment, if there is one."""
    mask = pl.all_horizontal(pl.col(c) == k for c, k in zip(("probe", "target", "arm"), kind, strict=True))
    return [_example(row, moment.name) for row in own.filter(_here(moment) & mask).head(1).iter_rows(named=True)]


def _here(moment: Moment) -> pl.Expr:
    return (pl.col("phase") == moment.phase) & (pl.col("since") == moment.since) & (pl.col("delay") == moment.delay)


def _example(row: dict[str, Any], moment: str) -> Example:
    words = {"parse_failed": "not parsed", "request_failed": "request failed", "unsure": "unsure"}
    outcome = words.get(row["status"]) or ("right" if row["correct"] else "wrong")
    value = {"learn": "first value", "update": "new value", "control": "never-trained value"}[row["target"]]
    kind = f"{row['probe'].replace('_', ' ')}{', control' if row['arm'] == 'control' else ''}"
    return Example(moment, f"{kind} · {value}", row["prompt"] or "", row["reply"] or "", outcome)
