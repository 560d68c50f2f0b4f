"""The files of a run folder, read with care: a damaged one raises DamagedError, a missing one FileNotFoundError."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veracity.core.estimate import Estimate
from veracity.store.damage import DamagedError

if TYPE_CHECKING:
    import polars as pl

_KEY = "veracity.stage_key"
"""Name of the stage's key among a Parquet file's own metadata."""
_NUMBERS = ("value", "se", "ci_low", "ci_high")
"""Fields of an estimate that may be NaN, which JSON lacks."""


def write_table(path: Path, frame: pl.DataFrame, key: str) -> None:
    """Write `frame` as Parquet with the stage's key among its metadata; the same frame gives the same bytes."""
    frame.write_parquet(path, metadata={_KEY: key})


def read_table(path: Path) -> pl.DataFrame:
    """The table in a Parquet file."""
    import polars as pl

    with path.open("rb"):  # a missing file is not a damaged one
        pass
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DamagedError(path, _first_line(error)) from error


def read_table_key(path: Path) -> str | None:
    """The stage's key in a Parquet file; None if it was written by other means."""
    import polars as pl

    try:
        return pl.read_parquet_metadata(path).get(_KEY)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DamagedError(path, _first_line(error)) from error


def to_json(value: object) -> str:
    """Indented JSON with a final line end; values that JSON lacks (paths, dates) become text, NaN is refused."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    data = path.read_bytes()
    try:
        value = json.loads(data)
    except ValueError as error:
        raise DamagedError(path, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise DamagedError(path, "not a JSON object")
    return value


def estimates_to_json(estimates: Mapping[str, Estimate]) -> str:
    """One object a name, with the fields of `Estimate`; NaN becomes null."""
    return to_json({name: {k: _null_for_nan(v) for k, v in asdict(e).items()} for name, e in estimates.items()})


def read_estimates(path: Path) -> dict[str, Estimate]:
    """What `estimates_to_json` wrote."""
    rows = read_json(path)
    try:
        return {name: Estimate(**row | {k: _nan_for_null(row[k]) for k in _NUMBERS}) for name, row in rows.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(path, f"not estimates: {error!r}") from error


def _null_for_nan(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _nan_for_null(value: float | None) -> float:
    return math.nan if value is None else value


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
