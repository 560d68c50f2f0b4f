"""The table of samples: what a model said when it was asked again and again, before anybody judged it.

And the table of judged samples, with what judges said of each. `arm` names whose samples they are.
"""

from __future__ import annotations

import polars as pl

from veracity.metrics.table_schema import TableSchema

SAMPLES = TableSchema(
    name="samples table",
    columns={
        "item": pl.String(),  # id of the problem
        "cluster": pl.String(),  # source item: the unit of splits and intervals
        "domain": pl.String(),
        "arm": pl.String(),
        "sample": pl.Int64(),  # replicate, from 0
        "prompt": pl.String(),  # the user's turn
        "reply": pl.String(),  # as it came; null when the request failed
        "tokens": pl.Int64(),  # of the reply, the end mark included; null when the request failed
        "finish": pl.String(),  # stop, length, filtered; null when the request failed
        "status": pl.String(),  # ok, request_failed
        "reason": pl.String(),  # why it failed; null where it did not
    },
    allowed={
        "finish": frozenset({"stop", "length", "filtered"}),
        "status": frozenset({"ok", "request_failed"}),
    },
    required=frozenset({"item", "cluster", "domain", "arm", "sample", "prompt", "status"}),
    key=("arm", "item", "sample"),
)
"""Columns of `tables/samples.parquet`."""

_CLAIM = pl.Struct({"text": pl.String(), "label": pl.String(), "confidence": pl.Float64()})
JUDGED = TableSchema(
    name="judged samples table",
    columns={
        "item": pl.String(),
        "cluster": pl.String(),
        "arm": pl.String(),
        "sample": pl.Int64(),
        "text": pl.String(),
        "tokens": pl.Int64(),
        "truncated": pl.Boolean(),
        "well_formed": pl.Boolean(),  # null where no form is asked for
        "abstained": pl.Boolean(),  # null where no detector was asked
        "outcome": pl.String(),  # correct, process_correct, abstained, incorrect; null where no grade was had
        "claims": pl.List(_CLAIM),  # null where none were asked for, or the extraction failed
    },
    allowed={"outcome": frozenset({"correct", "process_correct", "abstained", "incorrect"})},
    required=frozenset({"item", "cluster", "arm", "sample", "text", "tokens", "truncated"}),
    key=("arm", "item", "sample"),
)
"""Columns of `tables/judged_samples.parquet`: the fields of a `JudgedResponse`."""
