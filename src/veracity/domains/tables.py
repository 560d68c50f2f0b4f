"""A local file as rows, each with its line: CSV, TSV, JSON, JSONL, Parquet, and plain lists of lines.

What is in the rows is no concern of this module; `dataset` validates them. Every complaint names file and line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from veracity.core.errors import DataError
from veracity.core.text_rows import csv_records, jsonl_records, read_text

Record = dict[str, Any]
Records = Iterator[tuple[int, Record]]
"""(line, columns to values) of each row. Lines count from 1; in a Parquet file they are rows."""


def files_of(path: Path) -> list[Path]:
    """The file itself, or all files of a folder that can be read, by name. DataError if there is none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError("does not exist; give a file, or a folder of files", path=path)
    found = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in _READERS)
    if not found:
        raise DataError(f"holds no file that ends with one of {', '.join(_READERS)}", path=path)
    return found


def read_table(path: Path, lists: Sequence[str] = (), column: str = "", keyed: str = "") -> Records:
    """The rows of a file; its ending says what it is.

    Args:
        path: A file that ends with .csv, .tsv, .json, .jsonl, .ndjson, .parquet or .txt; text is UTF-8.
        lists: Keys under which a JSON object may hold the list of rows.
        column: The one column of a plain list (.txt), which has no header: a row is a line that is not blank.
        keyed: The column that the keys of a JSON object {key: row} fill; empty if rows do not stand so.

    Raises:
        DataError: naming file and line: another ending, not UTF-8, not valid, ragged rows, a column twice, NaN in JSON.
    """
    ending = path.suffix.lower()
    if ending not in _READERS or (ending == ".txt" and not column):
        known = ", ".join(e for e in _READERS if e != ".txt" or column)
        raise DataError(f"ends with {ending!r}, which is not read here; save it as one of {known}", path=path)
    return _json(path, lists, keyed) if ending == ".json" else _READERS[ending](path, lists, column)


def _csv(path: Path, separator: str) -> Records:
    def check_header(header: Sequence[str]) -> None:
        _check_header(path, header, separator)

    return csv_records(path, read_text(path), check_header, separator)


def _check_header(path: Path, header: Sequence[str], separator: str) -> None:
    other = next((s for s in (",", ";", "\t") if s != separator and len(header) == 1 and s in header[0]), None)
    if other is not None:
        raise DataError(f"separates its columns by {other!r}, not by {separator!r}; save it so", path=path, line=1)
    repeated = next((name for name in header if name and header.count(name) > 1), None)
    if repeated is not None:
        raise DataError("is a column twice; remove one", path=path, line=1, field=repeated)


def _lines(path: Path, column: str) -> Records:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            yield number, {column: line.strip()}


def _parquet(path: Path) -> Records:
    import polars as pl

    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise DataError(f"is not a readable Parquet file ({first}); write it anew", path=path) from error
    yield from enumerate(table.iter_rows(named=True), start=1)


def _json(path: Path, lists: Sequence[str], keyed: str = "") -> Records:
    scan = _Scanner(path, read_text(path))
    if scan.peek() == "{" and scan.holds_lines():
        yield from jsonl_records(path, scan.text)
        return
    if scan.peek() == "{" and keyed:
        yield from _keyed(path, scan, keyed)
        return
    if scan.peek() == "{":
        scan.enter_list(lists)
    if scan.peek() != "[":
        scan.fail("must hold a list of rows, [{…}, {…}]; correct it")
    for line, value in scan.items():
        if not isinstance(value, dict):
            raise DataError(f"a row must be an object {{…}}, not a {type(value).__name__}", path=path, line=line)
        yield line, value


def _keyed(path: Path, scan: _Scanner, column: str) -> Records:
    seen: set[str] = set()
    for line, key, value in scan.entries():
        if not isinstance(value, dict):
            raise DataError(f"a row must be an object {{…}}, not a {type(value).__name__}", path=path, line=line)
        if key in seen:
            raise DataError(f"the key {key!r} stands twice; keep one", path=path, line=line, field=column)
        seen.add(key)
        yield line, {column: key, **value}


class _Scanner:
    """Reads one JSON document value by value, so that each row of a list knows the line on which it begins."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text
        self._at, self._line, self._counted = 0, 1, 0
        self._decoder = json.JSONDecoder(parse_constant=self._refuse_constant, object_pairs_hook=self._once)

    def peek(self) -> str:
        """The next character that is not space; empty at the end."""
        while self._at < len(self.text) and self.text[self._at].isspace():
            self._at += 1
        return self.text[self._at : self._at + 1]

    def holds_lines(self) -> bool:
        """Whether more follows the first value: the file is JSON lines."""
        line = self.text[self._at :].partition("\n")
        try:
            json.loads(line[0])
        except ValueError:
            return False
        return bool(line[2].strip())

    def enter_list(self, keys: Sequence[str]) -> None:
        """Move to the list of rows inside an object. DataError if no key of `keys` holds one."""
        self._at += 1
        found: list[str] = []
        while self.peek() not in ("}", ""):
            key = self.value()
            self._expect(":")
            if key in keys and self.peek() == "[":
                return
            found.append(str(key))
            self.value()
            if self.peek() == ",":
                self._at += 1
        wanted = f" under {' or '.join(map(repr, keys))}" if keys else ""
        self.fail(f"has no list of rows{wanted}, only {', '.join(found) or 'nothing'}; put the rows into [ ]")

    def items(self) -> Iterator[tuple[int, Any]]:
        """(line, value) of each item of the list that comes next."""
        self._expect("[")
        while self.peek() != "]":
            line = self.line
            yield line, self.value()
            if self.peek() != "]":
                self._expect(",")

    def entries(self) -> Iterator[tuple[int, str, Any]]:
        """(line, key, value) of each entry of the object that comes next."""
        self._expect("{")
        while self.peek() != "}":
            line, key = self.line, self.value()
            self._expect(":")
            yield line, str(key), self.value()
            if self.peek() != "}":
                self._expect(",")

    def value(self) -> Any:
        """The next value. DataError with the line if it is not valid JSON."""
        self.peek()
        try:
            value, self._at = self._decoder.raw_decode(self.text, self._at)
        except json.JSONDecodeError as error:
            problem = f"is not valid JSON ({error.msg} at column {error.colno}); correct it"
            raise DataError(problem, path=self.path, line=error.lineno) from error
        except RecursionError as error:
            raise DataError("is nested too deeply; correct it", path=self.path, line=self.line) from error
        return value

    @property
    def line(self) -> int:
        """The line of the next character."""
        self._line += self.text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def fail(self, problem: str) -> NoReturn:
        """Raise a DataError at the current line."""
        raise DataError(problem, path=self.path, line=self.line)

    def _expect(self, mark: str) -> None:
        if self.peek() != mark:
            self.fail(f"is not valid JSON (expected {mark!r}); the file may be cut off here")
        self._at += 1

    def _refuse_constant(self, constant: str) -> NoReturn:
        self.fail(f"this row holds {constant}, which marks a missing value; write the real one")

    def _once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            keys = [k for k, _ in pairs]
            repeated = next(k for k in keys if keys.count(k) > 1)
            raise DataError("stands twice in one object; keep one", path=self.path, line=self.line, field=repeated)
        return record


_READERS: dict[str, Callable[[Path, Sequence[str], str], Records]] = {
    ".csv": lambda path, lists, column: _csv(path, ","),
    ".tsv": lambda path, lists, column: _csv(path, "\t"),
    ".json": lambda path, lists, column: _json(path, lists),
    ".jsonl": lambda path, lists, column: jsonl_records(path, read_text(path)),
    ".ndjson": lambda path, lists, column: jsonl_records(path, read_text(path)),
    ".parquet": lambda path, lists, column: _parquet(path),
    ".txt": lambda path, lists, column: _lines(path, column),
}
