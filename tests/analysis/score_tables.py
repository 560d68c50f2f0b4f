"""Runs written by hand: one mapping a value, with what differs from a common case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from veracity.analysis.scores import RunTables
from veracity.core.finding import Finding, ResultTable
from veracity.metrics.metric_rows import METRIC_ROWS
from veracity.metrics.trajectory_rows import STEPS, TRAJECTORIES

COMMON: Mapping[str, Any] = {
    "policy": "a", "item": "p", "mode": "direct", "system": "none", "condition": "neutral", "replicate": 0,
    "metric": "m", "config": "c", "direction": "higher", "status": "ok", "domain": "d", "split": None, "text": "So.",
    "target": None, "judge": None, "about": "trajectory", "arm": None, "cluster": None, "trials": None, "se": None,
}  # fmt: skip


def run_of(values: Iterable[Mapping[str, Any]], name: str = "r", **more: Any) -> RunTables:
    """The tables; a trajectory is what agrees in policy, mode, prompt, condition, item and replicate."""
    trajectories: dict[str, dict[str, Any]] = {}
    steps, rows = [], []
    for given in values:
        one = {**COMMON, **given}
        one["cluster"], one["arm"] = one["cluster"] or one["item"], one["arm"] or one["policy"]
        parts = (name, *(one[c] for c in ("policy", "mode", "system", "condition", "domain", "item", "replicate")))
        key = " ".join(map(str, parts))
        if key not in trajectories:
            shared = {c: one[c] for c in ("item", "cluster", "domain", "arm", "mode", "system", "condition", "split")}
            trajectories[key] = shared | {
                "trajectory": key, "model": f"model {one['policy']}", "replicate": one["replicate"],
                "prompt_hash": "h", "question": f"{one['item']}?", "options": ["yes", "no"], "order": [0, 1],
                "correct": 0, "reference": "yes", "answer": one["text"], "steps": 1, "tokens": 3,
                "target_tokens": one["target"], "opening": [{"role": "user", "content": f"{one['item']}?"}],
                "status": "complete",
            }  # fmt: skip
            flags = {"trainable": True, "hidden": False, "apart": False, "speaker": "assistant", "kind": "response"}
            steps.append({"trajectory": key, "step": 1, "content": one["text"], **flags})
        value = one["value"] if one["status"] == "ok" else None
        kept = ("item", "cluster", "domain", "arm", "replicate", "metric", "config", "direction", "status", "judge")
        about = key if one["about"] == "trajectory" else None
        more_of = {"trajectory": about, "value": value, "trials": one["trials"], "se": one["se"]}
        rows.append({c: one[c] for c in kept} | more_of)
    told = TRAJECTORIES.frame(trajectories.values())
    return RunTables(name, told, METRIC_ROWS.frame(rows), STEPS.frame(steps), **more)


def table(finding: Finding, name: str) -> list[dict[str, Any]]:
    """A table of a finding, one mapping a row."""
    return found(finding, name).records()  # type: ignore[return-value]


def found(finding: Finding, name: str) -> ResultTable:
    return next(one for one in finding.tables if one.name == name)


def row(finding: Finding, name: str, **wanted: Any) -> dict[str, Any]:
    """The only row of a table with these values."""
    rows = [r for r in table(finding, name) if all(r[k] == v for k, v in wanted.items())]
    assert len(rows) == 1, (wanted, table(finding, name))
    return rows[0]
