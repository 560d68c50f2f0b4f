"""Read what can still be read of a damaged SQLite table, row by row, in the order the rows were written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

_LONGEST_GAP = 1 << 24
"""Rows that one unreadable stretch may span before the rest of the table is given up."""


def salvage(path: Path, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the readable rows of `table`, stepping over unreadable ones; a hopeless file yields nothing.

    Rows are found through the table's own tree, never through an index, which may point to pages that are gone. After
    an unreadable row the reader jumps ahead by 1, 2, 4, … rows until it can read again, so of a hole of n rows it may
    lose n more.
    """
    query = f"SELECT rowid, {columns} FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid"
    last, gap = 0, 0
    with closing(sqlite3.connect(path)) as connection:
        try:
            # A file shorter than its header says is refused at the first read, unless the schema is declared writable.
            connection.execute("PRAGMA writable_schema=ON")
        except sqlite3.DatabaseError:
            return
        while gap < _LONGEST_GAP:
            try:
                for rowid, *row in connection.execute(query, (last + gap,)):
                    yield tuple(row)
                    last, gap = rowid, 0
                return
            except sqlite3.DatabaseError:
                gap = max(1, 2 * gap)
