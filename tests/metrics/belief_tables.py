"""Tables of trajectories and beliefs written by hand: each path is a list of beliefs, each belief its readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from veracity.metrics.belief_rows import BELIEFS
from veracity.metrics.trajectory_rows import STEPS, TRAJECTORIES

Read = float | str | Sequence[float | str]
"""A belief: one reading, or several; a word is the status of one that failed."""


def trajectory(name: str, **changes: Any) -> dict[str, Any]:
    row = {
        "trajectory": name, "item": name, "cluster": name, "domain": "d", "arm": "a", "model": "m", "mode": "direct",
        "system": "none", "condition": "neutral", "replicate": 0, "prompt_hash": "h", "question": "?",
        "options": ["yes", "no"], "order": [0, 1], "correct": 0, "answer": "", "steps": 2, "tokens": 1, "opening": [],
        "status": "complete",
    }  # fmt: skip
    return {**row, **changes}


def readings(about: dict[str, Any], path: Sequence[Read], **changes: Any) -> list[dict[str, Any]]:
    """Rows of the beliefs about one trajectory: the first is its `first_step` prior, the last its end."""
    rows = []
    for step, belief in enumerate(path, start=1):
        said = belief if isinstance(belief, Sequence) and not isinstance(belief, str) else [belief]
        for replicate, p in enumerate(said):
            number = None if isinstance(p, str) else p
            row = {name: about[name] for name in ("trajectory", "item", "cluster", "domain", "arm", "condition")}
            row |= {"step": step, "last": step == len(path), "prior": "first_step" if step == 1 else "none"}
            row |= {"replicate": replicate, "judge": "j", "owner": "judge_own", "view": "prefix", "prompt_hash": "h"}
            row |= {"order": [0, 1], "probability": number, "status": p if isinstance(p, str) else "ok"}
            rows.append(row | {"probabilities": None if number is None else [number, 1 - number]} | changes)
    return rows


def tables(paths: dict[str, Sequence[Read]], **changes: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both tables, of one trajectory an entry; `changes` of trajectories are lists, an entry each."""
    given = [
        trajectory(name, steps=len(path), **{k: v[i] for k, v in changes.items()})
        for i, (name, path) in enumerate(paths.items())
    ]
    said = [r for about, path in zip(given, paths.values(), strict=True) for r in readings(about, path)]
    return TRAJECTORIES.frame(given), BELIEFS.frame(said)


def spoken(trajectories: pl.DataFrame, texts: dict[str, str]) -> pl.DataFrame:
    """A steps table of one step a trajectory."""
    flags = {"trainable": True, "hidden": False, "apart": False}
    return STEPS.frame(
        {"trajectory": name, "step": 1, "kind": "response", "speaker": "assistant", "content": texts[name], **flags}
        for name in trajectories["trajectory"].to_list()
    )
