"""The probe table: one row a probe, asked of one checkpoint about one value of one fact.

The experiment writes this table, the metrics and the report read it, and nothing else passes between them.
What a row means (Davidson et al., 2026, arXiv 2605.27564, adapted where a docstring says so):

- `generation`, arm `target`: the fact's question; correct when the answer is the value named by `target`. Arm
  `control`: the same question about a control subject; correct when the answer is *not* that value.
- `verification`, a text verdict in both polarities. Arm `target`: the value named by `target` is shown; correct
  when it is accepted. Arm `control`: a foil is shown; correct when it is refused.
- `forced_choice`: log-probability of the value named by `target` against that of a foil; correct when `margin` > 0.
  The learned, the updated and the control value of a fact meet the *same* foil of a kind. There is no arm
  `control`: the control is `target = "control"`, a value never trained, which sits at chance.
- `multiple_choice` (the letter of the value among the options) and `reverse` (value shown, subject asked) have
  arm `target` alone.

Where several foils of one kind are shown to one fact, the rows of both polarities come in the same order.
One generated reply about a fact gives three rows, one a `target` (is it the learned value, the updated one, the
control value?): the control rows say how often a value of that class is guessed. The first epoch of `update` and
of `continual` is the checkpoint that the phase starts from, probed again or copied, so that each phase holds its
own start. An exact tie of two log-probabilities is not correct.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import polars as pl

from veracity.core.errors import DataError

ProbePhase = Literal["acquisition", "update", "continual"]
Probe = Literal["generation", "verification", "forced_choice", "multiple_choice", "reverse"]
Target = Literal["learn", "update", "control"]
Arm = Literal["target", "control"]
FoilKind = Literal["foil", "real", "imaginary", "other", ""]
Polarity = Literal["correct", "incorrect", ""]
ProbeStatus = Literal["ok", "parse_failed", "unsure", "request_failed"]

PROBE_SCHEMA: dict[str, pl.DataType] = {
    "seed": pl.Int64(),
    "phase": pl.String(),
    "delay": pl.Int64(),
    "epoch": pl.Int64(),
    "fact": pl.String(),
    "subject": pl.String(),
    "category": pl.String(),
    "relation": pl.String(),
    "probe": pl.String(),
    "target": pl.String(),
    "arm": pl.String(),
    "foil_kind": pl.String(),
    "polarity": pl.String(),
    "template": pl.String(),
    "status": pl.String(),
    "correct": pl.Boolean(),
    "margin": pl.Float64(),
    "answer": pl.String(),
    "prompt": pl.String(),
    "reply": pl.String(),
}
"""Columns of `tables/probes.parquet`, in order; what each holds is in `COLUMN_DOC`."""

COLUMN_DOC: dict[str, str] = {
    "seed": "Seed of the run: it chose the facts' order, the training noise and the foils.",
    "phase": "`acquisition` (first values), `update` (new values) or `continual` (unrelated text).",
    "delay": "Continual only: epochs of acquisition after saturation before the phase started; 0 otherwise.",
    "epoch": "Epoch on the global axis: acquisition counts from 0 (the base model), later phases count on.",
    "fact": "Id of the fact.",
    "subject": "The entity asked about: the cluster of every interval.",
    "category": "Category of the fact.",
    "relation": "Relation of the fact.",
    "probe": "`generation`, `verification` (a text verdict), `forced_choice`, `multiple_choice` or `reverse`.",
    "target": "Which value is asked about: `learn` (old), `update` (new) or `control` (never trained).",
    "arm": "`target`, or `control` where a control question or a foil is shown.",
    "foil_kind": "The foil shown or scored against: `foil`, `real`, `imaginary`, `other` (another fact's), or empty.",
    "polarity": "Verification only: asked whether it is `correct` or `incorrect`; empty otherwise.",
    "template": "Id of the prompt with its version; `#k` behind it names question wording k. Both polarities share it.",
    "status": "`ok`, `parse_failed`, `unsure` (the model declined to say) or `request_failed`.",
    "correct": "Scored as above; `unsure` is wrong on arm target, right on arm control; null when not scored.",
    "margin": "Log-probability of the value minus the foil's: natural log, whole continuation; null without one.",
    "answer": "The parsed answer; null where there is none.",
    "prompt": "The prompt, as the model got it.",
    "reply": "The raw reply; for forced choice the two continuations with their log-probabilities.",
}
"""What each column of the probe table holds."""

ALLOWED: dict[str, frozenset[str]] = {
    "phase": frozenset({"acquisition", "update", "continual"}),
    "probe": frozenset({"generation", "verification", "forced_choice", "multiple_choice", "reverse"}),
    "target": frozenset({"learn", "update", "control"}),
    "arm": frozenset({"target", "control"}),
    "foil_kind": frozenset({"foil", "real", "imaginary", "other", ""}),
    "polarity": frozenset({"correct", "incorrect", ""}),
    "status": frozenset({"ok", "parse_failed", "unsure", "request_failed"}),
}
"""Values that the columns of words may hold."""

LOSS_SCHEMA: dict[str, pl.DataType] = {
    "seed": pl.Int64(),
    "phase": pl.String(),
    "delay": pl.Int64(),
    "epoch": pl.Int64(),
    "kind": pl.String(),
    "target": pl.String(),
    "loss": pl.Float64(),
}
"""Columns of `tables/losses.parquet`: `kind` is `sentence` (all tokens of the training sentences) or `answer`
(the value's tokens alone); `target` the value in the sentences; `loss` nats a token, averaged over tokens."""


def probe_table(rows: Iterable[dict[str, object]]) -> pl.DataFrame:
    """Make a checked table out of rows; columns left out become null where null has a meaning, else the default.

    Defaults: `delay` 0, `arm` "target", `foil_kind` and `polarity` "", `status` "ok".
    Raises DataError as `check_probe_rows` does, and for a column that is not in the schema.
    """
    defaults: dict[str, object] = {"delay": 0, "arm": "target", "foil_kind": "", "polarity": "", "status": "ok"}
    blank = dict.fromkeys(PROBE_SCHEMA) | defaults
    full = [blank | row for row in rows]
    if unknown := {key for row in full for key in row} - set(PROBE_SCHEMA):
        raise DataError(f"no such column in the probe table; known: {', '.join(PROBE_SCHEMA)}", field=min(unknown))
    return check_probe_rows(pl.DataFrame(full, schema=PROBE_SCHEMA, orient="row"))


def check_probe_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Give `rows` back unchanged if it is a probe table; DataError naming the column and the value otherwise."""
    where = "probe table"
    if dict(rows.schema) != PROBE_SCHEMA:
        odd = [c for c in PROBE_SCHEMA if rows.schema.get(c) != PROBE_SCHEMA[c]] or sorted(
            set(rows.columns) - set(PROBE_SCHEMA)
        )
        odd = odd or list(PROBE_SCHEMA)
        raise DataError("the columns or their types differ; write it with PROBE_SCHEMA", path=where, field=odd[0])
    for column, allowed in ALLOWED.items():
        if unknown := set(rows[column].unique().to_list()) - allowed:
            raise DataError(
                f"{sorted(map(str, unknown))[0]!r} is not one of {sorted(allowed)}", path=where, field=column
            )
    keys = ("seed", "delay", "epoch", "fact", "subject", "template")
    if empty := [c for c in keys if rows[c].null_count()]:
        raise DataError("a row has no value here; every row needs one", path=where, field=empty[0])
    scored = pl.col("status").is_in(["ok", "unsure"])
    if rows.filter(scored != pl.col("correct").is_not_null()).height:
        raise DataError("must be true or false when status is ok or unsure, else null", path=where, field="correct")
    if rows.filter(pl.col("margin").is_not_null() & ~pl.col("margin").is_finite()).height:
        raise DataError("must be finite; the model gave NaN or infinity", path=where, field="margin")
    if rows.filter((pl.col("probe") == "verification") & (pl.col("polarity") == "")).height:
        raise DataError("a verification row needs `correct` or `incorrect`", path=where, field="polarity")
    return rows
