"""The table of token evidence: how much a context changed the log-probability of each token of a text.

Paradigms that score by a difference of log-probabilities (mutual predictability, world in the loop) leave it behind, so
that the score can be read off the text: over a trial, `logprob` less `base_logprob` adds up to the trial's uplift.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from veracity.judging.token_scores import TokenScores
from veracity.metrics.table_schema import TableSchema

TOKEN_EVIDENCE = TableSchema(
    name="token evidence table",
    columns={
        "trajectory": pl.String(),
        "metric": pl.String(),  # whose score the tokens add up to
        "trial": pl.Int64(),  # from 0
        "position": pl.Int64(),  # of the token, from 0
        "token": pl.String(),  # as text
        "logprob": pl.Float64(),  # natural, with the context
        "base_logprob": pl.Float64(),  # natural, without it
    },
    required=frozenset({"trajectory", "metric", "trial", "position", "token", "logprob", "base_logprob"}),
    key=("trajectory", "metric", "trial", "position"),
)
"""Columns of `tables/token_evidence.<metric>.parquet`; each metric that has such evidence writes a table of its own."""
TOKEN_TABLE = "token_evidence"
"""How the names of these tables begin."""


def token_rows(trajectory: str, metric: str, trial: int, scores: TokenScores) -> list[dict[str, Any]]:
    """Rows of one trial, a token each."""
    both = zip(scores.tokens, scores.given, scores.base, strict=True)
    return [
        {"trajectory": trajectory, "metric": metric, "trial": trial, "position": place, "token": token,
         "logprob": given, "base_logprob": base}
        for place, (token, given, base) in enumerate(both)
    ]  # fmt: skip


def token_scores(evidence: pl.DataFrame) -> dict[tuple[str, int], TokenScores]:
    """By (trajectory, trial) of one metric's table, what `token_rows` wrote."""
    found = {}
    for (trajectory, trial), own in evidence.sort("position").group_by("trajectory", "trial", maintain_order=True):
        columns = [tuple(own[name].to_list()) for name in ("token", "logprob", "base_logprob")]
        found[str(trajectory), int(trial)] = TokenScores(*columns)
    return found


def evidence_tables(names: Iterable[str]) -> list[str]:
    """Those of the names of tables that are such tables."""
    return [name for name in names if name == TOKEN_TABLE or name.startswith(f"{TOKEN_TABLE}.")]
