"""The probe table refuses what it cannot mean, and names the column."""

import polars as pl
import pytest
from simulated_learner import Learner, tables

from veracity.core.errors import DataError
from veracity.metrics.probe_rows import COLUMN_DOC, PROBE_SCHEMA, check_probe_rows, probe_table

ROW = {
    "seed": 0,
    "phase": "acquisition",
    "epoch": 0,
    "fact": "f",
    "subject": "s",
    "probe": "generation",
    "target": "learn",
    "template": "question_v1",
    "correct": True,
}


def test_defaults_and_types():
    table = probe_table([ROW])
    assert dict(table.schema) == PROBE_SCHEMA
    assert table.row(0, named=True)["arm"] == "target" and table.row(0, named=True)["status"] == "ok"
    assert probe_table([]).height == 0


def test_every_column_is_explained():
    assert set(COLUMN_DOC) == set(PROBE_SCHEMA) and all(COLUMN_DOC.values())


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"phase": "aquisition"}, "phase"),
        ({"probe": "essay"}, "probe"),
        ({"correct": None}, "correct"),
        ({"status": "parse_failed"}, "correct"),
        ({"margin": float("nan")}, "margin"),
        ({"margin": float("inf")}, "margin"),
        ({"subject": None}, "subject"),
        ({"probe": "verification"}, "polarity"),
        ({"tempalte": "x"}, "tempalte"),
    ],
)
def test_a_bad_row_is_refused_by_name(change, column):
    with pytest.raises(DataError) as error:
        probe_table([ROW | change])
    assert error.value.field == column and column in str(error.value)


def test_wrong_types_are_refused():
    with pytest.raises(DataError, match="PROBE_SCHEMA"):
        check_probe_rows(probe_table([ROW]).with_columns(pl.col("epoch").cast(pl.Int32)))
    with pytest.raises(DataError, match="extra"):
        check_probe_rows(probe_table([ROW]).with_columns(extra=pl.lit(1)))


def test_round_trip_through_parquet(tmp_path):
    rows, _ = tables(Learner(seeds=1, facts=3))
    rows.write_parquet(tmp_path / "probes.parquet")
    assert check_probe_rows(pl.read_parquet(tmp_path / "probes.parquet")).equals(rows)
