"""What runs there are: what each measured, on how many, at what cost, and what to be careful about.

`catalog.json` has one entry a run; a page that lists runs reads nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from veracity.analysis.base import Analyzer, analyzer
from veracity.analysis.scores import RunTables, setups, statuses
from veracity.analysis.wording import cell, from_to, mode_words, opening
from veracity.core.config import Settings
from veracity.core.finding import Finding, Place, ResultTable
from veracity.stats.cluster import bootstrap_mean

MISSING = 0.05
"""Share of rows without a value from which a metric is warned about."""
FEW = 30
"""Sources below which intervals are warned about."""


@analyzer("results_catalog")
class ResultsCatalog(Analyzer):
    """Which runs are there, and what did they find?"""

    def __init__(self, options: Settings | None = None, *, seed: int = 0, resamples: int = 2000) -> None:
        super().__init__(options, seed=seed, resamples=resamples)
        self._entries: dict[str, dict[str, Any]] = {}

    def on_run(self, run: RunTables, scores: pl.DataFrame) -> Iterable[Finding]:
        """The entry of one run."""
        entry = self._known(run, scores)
        yield Finding(
            self.name, "run", Place(model=f"run-{run.name}"), run.name, [_metrics_table(entry)],
            notes=entry["warnings"], files={"catalog.json": _json([entry])}, answer=_sentence(entry),
            summary={
                "status": entry["status"], "trajectories": entry["trajectories"],
                "metrics": len({m["algorithm"] for m in entry["metrics"]}), "cost, $": entry["cost"],
                "seconds": entry["wall_s"], "warnings": len(entry["warnings"]),
            },
        )  # fmt: skip

    def across(self, runs: Sequence[RunTables], scores: pl.DataFrame) -> Iterable[Finding]:
        """All entries in one file."""
        entries = [self._known(run, scores.filter(pl.col("run") == run.name)) for run in runs]
        header = ("run", "status", "trajectories", "policies", "domains", "modes", "metrics", "cost", "warnings")
        rows = tuple(
            (e["run"], e["status"], e["trajectories"], ", ".join(e["policies"]), ", ".join(e["domains"]),
             ", ".join(e["modes"]), len({m["algorithm"] for m in e["metrics"]}), e["cost"], len(e["warnings"]))
            for e in entries
        )  # fmt: skip
        table = ResultTable("runs", "Runs", header, rows, "Cost in US dollars, where the manifest says it.")
        yield Finding(
            self.name, "across", Place(), f"{len(runs)} runs", [table], files={"catalog.json": _json(entries)},
            answer=" ".join(_sentence(entry) for entry in entries),
        )  # fmt: skip

    def _known(self, run: RunTables, scores: pl.DataFrame) -> dict[str, Any]:
        """The entry, which two scales ask for; made once."""
        if run.name not in self._entries:
            self._entries[run.name] = self._entry(run, scores)
        return self._entries[run.name]

    def _entry(self, run: RunTables, scores: pl.DataFrame) -> dict[str, Any]:
        metrics = [metric for setup in setups(scores) for metric in self._metrics(setup.scores)]
        return {
            "run": run.name,
            "status": "finished" if run.manifest else "unfinished",
            "config": run.manifest.get("recipe"),
            "written": run.manifest.get("written"),
            "cost": run.manifest.get("cost"),
            "wall_s": run.manifest.get("wall_s"),
            "files": list(run.files),
            "trajectories": run.trajectories.height,
            "policies": sorted(set(scores["policy"])),
            "domains": sorted(set(run.trajectories["domain"])),
            "modes": sorted(set(run.trajectories["mode"])),
            "prompts": sorted(set(run.trajectories["system"])),
            "metrics": metrics,
            "warnings": _warnings(run, metrics),
        }

    def _metrics(self, scores: pl.DataFrame) -> Iterable[dict[str, Any]]:
        for (policy,), own in sorted(scores.group_by("policy", maintain_order=True), key=lambda pair: str(pair[0])):
            ok = own.filter(pl.col("status") == "ok")
            mean = bootstrap_mean(
                ok["value"].to_numpy(), ok["source"].to_list(), seed=self.seed, resamples=self.resamples
            )  # fmt: skip
            first = own.row(0, named=True)
            yield {
                **{name: first[name] for name in ("algorithm", "metric", "domain", "mode", "system", "direction")},
                "policy": policy,
                "value": cell(mean.value), "se": cell(mean.se), "low": cell(mean.ci_low), "high": cell(mean.ci_high),
                "n": mean.n, "sources": mean.clusters, "rows": own.height, "statuses": statuses(own),
            }  # fmt: skip


def _sentence(entry: dict[str, Any]) -> str:
    """The run in one sentence."""
    parts = [
        f"{entry['trajectories']:,} trajectories of {_count(entry['policies'], 'policy', 'policies')}",
        f"in {_count(entry['modes'], 'mode', 'modes')}",
        f"on {_count(entry['domains'], 'domain', 'domains')}",
    ]
    cost = "" if entry["cost"] is None else f", ${entry['cost']:,.2f}"
    warned = f"; {_count(entry['warnings'], 'warning', 'warnings')}" if entry["warnings"] else ""
    return f"{entry['run']} is {entry['status']}: {' '.join(parts)}{cost}{warned}."


def _count(things: Sequence[Any], one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"


def _warnings(run: RunTables, metrics: Sequence[dict[str, Any]]) -> list[str]:
    found = [] if run.manifest else ["The run is not finished."]
    failed = run.trajectories.filter(pl.col("status") != "complete")
    if failed.height:
        told = ", ".join(f"{count} {name}" for name, count in statuses(failed).items())
        found.append(f"Of {run.trajectories.height} trajectories, not complete: {told}.")
    few = []
    for metric in metrics:
        who, how = f"{opening(metric['algorithm'])} of {metric['policy']}", mode_words(metric["mode"])
        name = f"{who} on {metric['domain']}, {how}"
        if metric["rows"] - metric["n"] > MISSING * metric["rows"]:
            found.append(f"{name}: {metric['rows'] - metric['n']} of {metric['rows']} rows have no value.")
        elif metric["sources"] < FEW:
            few.append(int(metric["sources"]))
    if few:
        found.append(f"{len(few)} of {len(metrics)} means rest on {from_to(few)} sources, few for an interval.")
    return found


def _metrics_table(entry: dict[str, Any]) -> ResultTable:
    header = ("algorithm", "domain", "mode", "system", "policy", "direction", "value", "se", "low", "high", "n")
    rows = tuple(tuple(metric[name] for name in header) for metric in entry["metrics"])
    return ResultTable("metrics", "What was measured", header, rows, "Means, intervals by source.")


def _json(entries: Sequence[dict[str, Any]]) -> str:
    return json.dumps(entries, indent=1, ensure_ascii=False, default=str) + "\n"
