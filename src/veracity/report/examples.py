"""Ten prompts with their replies, so that a reader sees what a number is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from veracity.report.tables import Moment

WANTED = (
    ("generation", "learn", "target"),
    ("forced_choice", "learn", "target"),
    ("forced_choice", "update", "target"),
    ("generation", "learn", "control"),
    ("verification", "learn", "target"),
    ("verification", "learn", "control"),
    ("multiple_choice", "learn", "target"),
    ("reverse", "learn", "target"),
)
"""What is worth showing of one fact at one moment: (probe, target, arm), the telling ones first."""


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
    """One fact followed through the run's moments, then other kinds of probes, and a reply that was not parsed.

    The fact is the first (by seed and id) that is recognised but not stated at the widest gap, else the first.
    """
    keyed = probes.with_columns(since=scored["since"])
    if not at or keyed.height == 0:
        return []
    seed, fact = _telling_fact(keyed, at)
    own = keyed.filter((pl.col("seed") == seed) & (pl.col("fact") == fact))
    found: list[Example] = []
    failed = keyed.filter(pl.col("status") == "parse_failed").sort("seed", "epoch", "fact").head(1)
    for kinds, moments in ((WANTED[:2], at), (WANTED[2:], at[-2:-1] or at)):
        for moment in moments:
            for kind in kinds:
                found += [_example(row, moment.name) for row in _rows(own, moment, kind)[:1]]
    found = _distinct(found)[: count - failed.height]
    return [*found, *[_example(row, f"epoch {row['epoch']}") for row in failed.iter_rows(named=True)]]


def _telling_fact(keyed: pl.DataFrame, at: list[Moment]) -> tuple[int, str]:
    moment = next((m for m in at if m.name.startswith("widest")), at[0])
    here = keyed.filter(_here(moment) & (pl.col("target") == "learn") & (pl.col("arm") == "target"))
    chosen = here.filter(pl.col("probe").is_in(["forced_choice", "verification"]) & (pl.col("correct") == True))  # noqa: E712
    stated = here.filter((pl.col("probe") == "generation") & (pl.col("correct") == False))  # noqa: E712
    both = chosen.join(stated, on=["seed", "fact"], how="semi").sort("seed", "fact")
    first = both if both.height else keyed.sort("seed", "fact")
    return int(first["seed"][0]), str(first["fact"][0])


def _rows(own: pl.DataFrame, moment: Moment, kind: tuple[str, str, str]) -> list[dict[str, Any]]:
    probe, target, arm = kind
    mask = (pl.col("probe") == probe) & (pl.col("target") == target) & (pl.col("arm") == arm)
    return own.filter(_here(moment) & mask).to_dicts()


def _here(moment: Moment) -> pl.Expr:
    return (pl.col("phase") == moment.phase) & (pl.col("since") == moment.since) & (pl.col("delay") == moment.delay)


def _example(row: dict[str, Any], moment: str) -> Example:
    words = {"parse_failed": "not parsed", "request_failed": "request failed", "unsure": "unsure"}
    outcome = words.get(row["status"]) or ("right" if row["correct"] else "wrong")
    value = {"learn": "first value", "update": "new value", "control": "never-trained value"}[row["target"]]
    kind = f"{row['probe'].replace('_', ' ')}{', control' if row['arm'] == 'control' else ''}"
    return Example(moment, f"{kind} · {value}", row["prompt"] or "", row["reply"] or "", outcome)


def _distinct(found: list[Example]) -> list[Example]:
    """Without those that repeat an earlier prompt, reply and kind."""
    seen: dict[tuple[str, str, str], Example] = {}
    for example in found:
        seen.setdefault((example.asked, example.prompt, example.reply), example)
    return list(seen.values())
