"""Which trajectories are worth learning from: one score each, with its direction, ready for the trainers' selection.

Each line of `training.jsonl` is a sample that may be trained on, with the fields that selection reads: the conversation
and the response, `score`, `direction`, `source` (what scores are comparable within), `trajectory`, and `right`, whether
the policy's belief ended on the right side. A metric
without a better side selects nothing and is refused; a row without a value is written nowhere, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import polars as pl
from pydantic import Field

from veracity.analysis.base import Analyzer, analyzer
from veracity.analysis.scores import RunTables, Setup, right_in_the_end
from veracity.analysis.wording import better, cell, in_mode, json_lines, left_out, opening, sign
from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.core.finding import Finding, Place, ResultTable
from veracity.core.problem import Problem
from veracity.core.trajectory import TrainingSample
from veracity.metrics.trajectory_rows import read_trajectories

COLUMNS = ("trajectory", "item", "policy", "score", "direction", "metric", "n", "se")


class ScoreOptions(Settings):
    """Which trajectories to keep."""

    metrics: list[str] = Field(
        default=[],
        description="Metrics to score by, each with a direction; by default all that have one.",
    )
    splits: list[Literal["train", "validation", "test"]] = Field(
        default=["train"], description="Splits to take trajectories from, where trajectories say theirs."
    )
    policies: list[str] = Field(default=[], description="Policies to take trajectories of; all by default.")
    statuses: list[str] = Field(default=["complete"], description="Statuses of trajectories to take.")
    conditions: list[str] = Field(default=["neutral"], description="Conditions to take.")
    one_an_item: bool = Field(default=True, description="Keep the best trajectory of each item only.")
    least: float | None = Field(default=None, description="Lowest score to keep.")
    most: float | None = Field(default=None, description="Highest score to keep.")


@analyzer("trajectory_score")
class TrajectoryScore(Analyzer):
    """Which trajectories are best by a metric, as training data?"""

    Options = ScoreOptions

    def on_run(self, run: RunTables, scores: pl.DataFrame) -> Iterable[Finding]:
        """By metric, over the whole run."""
        own, right = scores.filter(pl.col("trajectory").is_not_null()), right_in_the_end(run)
        for (algorithm,), rows in sorted(own.group_by("algorithm", maintain_order=True), key=lambda p: str(p[0])):
            if self._asked(str(algorithm), rows["direction"][0]):
                place = Place(str(algorithm), model=f"run-{run.name}")
                yield self._finding(
                    place, "run", rows, lambda ranked: json_lines(training_rows(ranked, run, right))
                )  # fmt: skip
        self._check(scores)

    def on_setup(self, setup: Setup) -> Iterable[Finding]:
        """The ranking alone, over runs."""
        rows = setup.scores.filter(pl.col("trajectory").is_not_null())
        if rows.height and self._asked(setup.place.algorithm, rows["direction"][0]):
            yield self._finding(setup.place, "setup", rows)

    def _asked(self, algorithm: str, direction: str) -> bool:
        """Whether to score by a metric; ConfigError where it was asked for and has no direction."""
        wanted = algorithm in self.options.metrics or not self.options.metrics
        if wanted and not sign(direction):
            if self.options.metrics:
                raise ConfigError(
                    f"trajectory_score: {algorithm} has no direction, so no trajectory is better by it than another; "
                    "score by a metric of which more, or less, is better"
                )
            return False
        return wanted

    def _check(self, scores: pl.DataFrame) -> None:
        """ConfigError where a metric that was asked for is in none of the rows."""
        known = set(scores["algorithm"])
        if lost := [name for name in self.options.metrics if name not in known]:
            raise ConfigError(f"trajectory_score: no row of {lost[0]!r}; there are: {', '.join(sorted(known))}")

    def _finding(
        self,
        place: Place,
        scale: Literal["run", "setup"],
        rows: pl.DataFrame,
        training: Callable[[pl.DataFrame], str] | None = None,
    ) -> Finding:
        """`training` writes the file to train on from the ranking."""
        direction = rows["direction"][0]
        ranked, dropped = self._ranked(rows, direction)
        table = ResultTable(
            "scores", f"Trajectories, best first ({better(direction)})", COLUMNS,
            tuple(tuple(cell(v) if isinstance(v, float) else v for v in row) for row in ranked.select(COLUMNS).rows()),
            "n: readings, verdicts or trials behind a score; se: over them, or over repeated scores.",
        )  # fmt: skip
        told = ", ".join(f"{count} {why}" for why, count in dropped.items() if count)
        notes = [*left_out(rows), *([f"Not taken: {told}."] if told else [])]
        files = {} if training is None else {"training.jsonl": training(ranked)}
        name = f"{opening(place.algorithm)}{in_mode(place.mode)}"
        title = f"{opening(place.algorithm)}: {ranked.height} trajectories to learn from"
        answer = f"{name}: {ranked.height} trajectories to learn from."
        if ranked.is_empty():
            answer = f"{name}: no trajectory to learn from; {told or 'none has a value'}."
        ends = [ranked["score"][0], ranked["score"][-1]] if ranked.height else [None, None]
        row = {"kept": ranked.height, "best": ends[0], "last kept": ends[1], "left out": sum(dropped.values())}
        return Finding(
            self.name, scale, place, title, [table], notes=notes, files=files, answer=answer, summary=row
        )  # fmt: skip

    def _ranked(self, rows: pl.DataFrame, direction: str) -> tuple[pl.DataFrame, dict[str, int]]:
        """One row a kept trajectory, best first, and how many were left out for which reason.

        Of equal scores the shorter text is first: padding that gains nothing is not worth learning.
        """
        options = self.options
        one = _one_a_trajectory(rows.filter(pl.col("status") == "ok"))
        filters = {
            "of other splits": pl.col("split").is_null() | pl.col("split").is_in(options.splits),
            "of other policies": _called(options.policies) if options.policies else pl.lit(True),
            "truncated, filtered or failed": pl.col("status_of_trajectory").is_in(options.statuses),
            "under other conditions": pl.col("condition").is_in(options.conditions),
            "below the least score": pl.lit(True) if options.least is None else pl.col("score") >= options.least,
            "above the highest score": pl.lit(True) if options.most is None else pl.col("score") <= options.most,
        }
        dropped = {}
        for why, keep in filters.items():
            kept = one.filter(keep)
            dropped[why], one = one.height - kept.height, kept
        ranked = one.sort("score", "words", "trajectory", descending=[direction == "higher", False, False])
        if options.one_an_item:
            kept = ranked.unique(["domain", "item"], keep="first", maintain_order=True)
            dropped["worse than another of the same item"], ranked = ranked.height - kept.height, kept
        return ranked, dropped


def _called(names: list[str]) -> pl.Expr:
    """Policies by either of their names."""
    return pl.col("policy").is_in(names) | pl.col("spec").is_in(names)


def _one_a_trajectory(ok: pl.DataFrame) -> pl.DataFrame:
    """The mean of a trajectory's values; its error is that of the values, or of their mean where there are several."""
    first = [c for c in ok.columns if c not in ("trajectory", "value", "se", "trials")]
    spread = pl.col("value").std(ddof=1) / pl.len().sqrt()
    return ok.group_by("trajectory", maintain_order=True).agg(
        *[pl.first(c) for c in first],
        score=pl.col("value").mean(),
        n=pl.when(pl.len() > 1).then(pl.len().cast(pl.Int64)).otherwise(pl.col("trials").first()),
        se=pl.when(pl.len() > 1).then(spread).otherwise(pl.col("se").first()),
    )


def training_rows(ranked: pl.DataFrame, run: RunTables, right: Mapping[str, bool]) -> Iterable[dict[str, Any]]:
    """One row a training sample of the trajectories in `ranked`, best first; `right` is `right_in_the_end`.

    A sample whose turn begins with text that is not trained on is left out: a chat cannot be continued in mid-turn.
    """
    told = run.trajectories.filter(pl.col("trajectory").is_in(ranked["trajectory"].to_list()))
    steps = run.steps.filter(pl.col("trajectory").is_in(ranked["trajectory"].to_list()))
    trajectories = read_trajectories(told, steps, [_problem(row) for row in told.iter_rows(named=True)])
    for row in ranked.iter_rows(named=True):
        trajectory = trajectories.get(row["trajectory"])
        for sample in trajectory.samples() if trajectory else ():
            if sample.prompt and sample.prompt[-1].role != "assistant":
                yield _training_row(row, sample, right.get(row["trajectory"]))


def _training_row(row: Mapping[str, Any], sample: TrainingSample, right: bool | None) -> dict[str, Any]:
    return {
        "item": row["item"],
        "messages": [{"role": turn.role, "content": turn.content} for turn in sample.prompt],
        "response": sample.completion,
        "reasoning": sample.reasoning,
        "score": row["score"],
        "direction": row["direction"],
        "source": f"{row['algorithm']}/{row['judge'] or 'nobody'}/{row['domain']}",
        "trajectory": row["trajectory"],
        "right": right,
        "metric": row["metric"],
        "n": row["n"],
        "se": row["se"],
    }


def _problem(row: Mapping[str, Any]) -> Problem:
    """The problem as far as the trajectories table knows it."""
    options = tuple(row["options"])
    answers = () if options or row["reference"] is None else (row["reference"],)
    return Problem(row["item"], row["domain"], row["question"], answers, options, row["correct"], row["cluster"])
