"""The table of token evidence: how much a context changed the log-probability of each token of a text.

Paradigms that score by a difference of log-probabilities (mutual predictability, world in the loop) leave it behind, so
that the score can be read off the text.
"""

from __future__ import annotations

import polars as pl

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
"""Columns of `tables/token_evidence.parquet`."""
