"""Text files as rows, each with its line: CSV and JSON lines, refused at the first place that is wrong.

What is in the rows is no concern of this module.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from veracity.core.errors import DataError


def read_text(path: Path) -> str:
    """The text of a UTF-8 file without byte-order mark. Raises DataError with the line of the first wrong byte."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror}); check its permissions", path=path) from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError("is UTF-16; save it as UTF-8", path=path, line=1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        problem = f"is not UTF-8 (byte 0x{data[error.start]:02x}, perhaps Latin-1); save it as UTF-8"
        raise DataError(problem, path=path, line=line) from error
    if not text.strip():
        raise DataError("is empty; write its rows into it", path=path)
    return text


def csv_records(
    path: Path, text: str, check_header: Callable[[Sequence[str]], None], separator: str = ","
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, cells by column) of each row; `check_header` raises what it has against the columns.

    Raises DataError for ragged rows and open quotation marks.
    """
    reader, line = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), 1
    try:
        header = [cell.strip() for cell in next(reader)]
        check_header(header)
        line = reader.line_num + 1
        for cells in reader:
            start, line = line, reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                problem = f"has {len(cells)} cells, but the header has {len(header)} columns; put quotation marks "
                raise DataError(problem + f"around cells that hold {separator!r}", path=path, line=start)
            yield start, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        problem = f"is not valid CSV: {error}; close every quotation mark that a cell opens"
        raise DataError(problem, path=path, line=line) from error


def jsonl_records(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, fields) of each line. Raises DataError for torn lines, NaN, repeated keys and lines that are no object."""
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue

        def refuse_constant(constant: str, number: int = number) -> NoReturn:
            what = f"holds {constant}, which marks a missing value; write the real one"
            raise DataError(what, path=path, line=number)

        def once(pairs: list[tuple[str, Any]], number: int = number) -> dict[str, Any]:
            keys = [k for k, _ in pairs]
            repeated = next((k for k in keys if keys.count(k) > 1), None)
            if repeated is not None:
                raise DataError("stands twice in one object; keep one", path=path, line=number, field=repeated)
            return dict(pairs)

        try:
            record = json.loads(line, parse_constant=refuse_constant, object_pairs_hook=once)
        except json.JSONDecodeError as error:
            torn = number == len(lines)
            remedy = "the file seems cut off here; write it anew or remove the line" if torn else "correct it"
            problem = f"is not valid JSON ({error.msg} at column {error.colno}); {remedy}"
            raise DataError(problem, path=path, line=number) from error
        except RecursionError as error:
            raise DataError("is nested too deeply to be a row; correct it", path=path, line=number) from error
        if not isinstance(record, dict):
            problem = f"must be a JSON object {{…}}, one a line, not a {type(record).__name__}"
            raise DataError(problem, path=path, line=number)
        yield number, record
