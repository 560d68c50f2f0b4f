"""Verdict rows of models with a fixed habit, built from what they say rather than from what is scored."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from veracity.metrics.probe_rows import probe_table

Habit = Callable[[bool, str, int], str]
"""From (is the shown value true?, polarity, fact) to `True`, `False`, `unsure` or anything else."""


def verdict_rows(habit: Habit, facts: int = 4, foils: int = 2) -> pl.DataFrame:
    shown = [(f, t, p) for f in range(facts) for t in (True, *[False] * foils) for p in ("correct", "incorrect")]
    return probe_table(_row(habit(t, p, f), t, p, f) for f, t, p in shown)


def _row(said: str, shown_true: bool, polarity: str, fact: int) -> dict[str, object]:
    status = "ok" if said in ("True", "False") else "unsure" if said == "unsure" else "parse_failed"
    right = str(shown_true == (polarity == "correct"))
    correct = {"ok": said == right, "unsure": not shown_true, "parse_failed": None}[status]
    return {
        "seed": 0, "phase": "acquisition", "epoch": 0, "fact": f"f{fact}", "subject": f"s{fact}",
        "category": f"c{fact % 2}", "relation": "r", "probe": "verification", "target": "learn",
        "arm": "target" if shown_true else "control", "foil_kind": "" if shown_true else "real",
        "polarity": polarity, "template": "critic_v1", "status": status, "correct": correct,
        "answer": said if status != "parse_failed" else None, "prompt": "?", "reply": said,
    }  # fmt: skip


def always_true(shown_true: bool, polarity: str, fact: int) -> str:
    return "True"


def always_reject(shown_true: bool, polarity: str, fact: int) -> str:
    return "False" if polarity == "correct" else "True"


def expert(shown_true: bool, polarity: str, fact: int) -> str:
    return str(shown_true == (polarity == "correct"))
