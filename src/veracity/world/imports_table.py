"""A user's CSV or JSONL of subject, relation and object as validated rows, each with its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from veracity.core.errors import DataError
from veracity.core.registry import nearest
from veracity.core.text_rows import csv_records
from veracity.world.facts import ValueKind
from veracity.world.imports_rows import Location, Name, Names, Questions, ReverseQuestion, Row, Statements, data_error

REQUIRED = ("subject", "relation", "object")


class TableRow(Row):
    """One fact as a row of a CSV or JSONL file; what is None is completed from the templates file or drawn."""

    id: Name | None = None
    subject: Name
    relation: Name
    object: Name
    category: Name = "uncategorised"
    subject_kind: Name = "entity"
    update: Name | None = None
    foil: Name | None = None
    control: Name | None = None
    value_kind: ValueKind = "name"
    aliases: Names = ()
    real_foils: Names = ()
    imaginary_foils: Names = ()
    statements: Statements | None = None
    questions: Questions | None = None
    claims: Statements | None = None
    denials: Statements | None = None
    reverse_question: ReverseQuestion | None = None
    control_subject: Name | None = None
    exposure: Annotated[float, Field(ge=0)] = 0.0

    @property
    def fact_id(self) -> str:
        """The given id, or one that names relation and subject."""
        return self.id or f"{self.relation}/{self.subject}"

    @property
    def answers(self) -> set[str]:
        """The object and its other spellings, case-folded."""
        return {v.casefold() for v in (self.object, *self.aliases)}


LISTS = ("aliases", "real_foils", "imaginary_foils", "statements", "questions", "claims", "denials")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row and the line (from 1) on which it begins."""

    line: int
    row: TableRow


def fact_records(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, cells by column, lists read) of each row of a CSV. Raises DataError, as `csv_records`."""
    for line, record in csv_records(path, text, partial(_check_header, path)):
        yield line, {k: _cell_list(path, line, k, v) if k in LISTS else v for k, v in record.items()}


def _check_header(path: Path, header: Sequence[str]) -> None:
    known = ["value", *TableRow.model_fields]
    if len(header) == 1 and header[0] not in known:
        separator = next((s for s in (";", "\t") if s in header[0]), None)
        hint = f"separate the columns by commas, not by {separator!r}" if separator else "is it a CSV file?"
        raise DataError(f"has no header with the columns {', '.join(REQUIRED)}; {hint}", path=path, line=1)
    for column in header:
        if column not in known:
            hint = nearest(column, known) or f"; known: {', '.join(known)}"
            raise DataError(f"is not a column of facts{hint}", path=path, line=1, field=column)
        if header.count(column) > 1:
            raise DataError("is a column twice; remove one", path=path, line=1, field=column)
    for column in REQUIRED:
        if column not in header and not (column == "object" and "value" in header):
            raise DataError("is missing from the header; add the column", path=path, line=1, field=column)


def _cell_list(path: Path, line: int, field: str, cell: str) -> list[Any] | None:
    """A cell with a JSON list or with parts between `|`; None when it is empty."""
    stripped = cell.strip()
    if not stripped:
        return None
    if not stripped.startswith("["):
        return cell.split("|")
    try:
        items = json.loads(stripped)
    except json.JSONDecodeError as error:
        problem = f"begins with [ but is not a JSON list ({error.msg}); correct it or separate the parts by |"
        raise DataError(problem, path=path, line=line, field=field) from error
    return list(items)


def validated_rows(path: Path, records: Iterator[tuple[int, dict[str, Any]]]) -> list[Entry]:
    """Every record as a row. An optional field that is empty or null counts as not given."""
    entries = []
    for line, record in records:
        if "value" in record and "object" in record:
            raise DataError(
                "stands beside 'object', which means the same; keep one", path=path, line=line, field="value"
            )
        fields = {"object" if k == "value" else k: v for k, v in record.items()}
        given = {k: v for k, v in fields.items() if k in REQUIRED or not _blank(v)}
        try:
            entries.append(Entry(line, TableRow.model_validate(given)))
        except ValidationError as error:
            raise data_error(error, path, _always(line)) from error
    return entries


def _always(line: int) -> Callable[[Location], int]:
    """A row of a table stands on one line, whatever the field."""
    return lambda _: line


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
