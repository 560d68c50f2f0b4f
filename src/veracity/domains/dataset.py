"""Published data sets as domains: a schema (a row type), a function from a row to a problem, and where the rows are.

    @dataset("simpleqa", hub=HubSet("basicv8vc/SimpleQA", part="test"))
    def simpleqa(row: SimpleQARow) -> Problem: ...

Each such domain has the same options: `path` (a local file or folder in the published schema), or `hub`, `config`,
`part`, `revision` (a repository of the Hugging Face hub). Columns that the schema does not know are ignored. Nothing
malformed gets through: the first wrong row is a DataError with file, line and field.

A domain with a bundled sample gives that sample where no option says otherwise: rows in the same schema, written or
generated for this package (`bundled` reads them). Domains with options of their own are made of the same parts:
`read_rows`, then `problems_of`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from veracity.core.errors import ConfigError, DataError
from veracity.core.identity import content_hash, file_hash
from veracity.core.problem import Problem
from veracity.core.registry import nearest
from veracity.domains.base import DOMAINS
from veracity.domains.hub import HubSet, read_hub
from veracity.domains.tables import Record, files_of, read_table
from veracity.domains.wording import normalised
from veracity.world.imports_rows import data_error

# What data frames write where a value is missing. `None` and `null` are left out: they are answers, too.
MISSING_MARKS = frozenset({"nan", "NaN", "NAN", "NaT", "<NA>", "#N/A", ".nan"})


def _text(text: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise ValueError("is empty; fill it in, or remove the row")
    if stripped in MISSING_MARKS:
        raise ValueError(f"holds {stripped!r}, which marks a missing value; write the real one, or remove the row")
    return stripped


def _listed(value: Any) -> Any:
    """A JSON list in a text cell as the list that it is."""
    if not isinstance(value, str):
        return value
    try:
        parsed = json.loads(value)
    except ValueError as error:
        raise ValueError(f'is not a JSON list ({error}); write ["…", "…"]') from None
    if not isinstance(parsed, list):
        raise ValueError(f'must be a JSON list, not {value!r:.60}; write ["…", "…"]')
    return parsed


Text = Annotated[str, AfterValidator(_text)]
"""Text with something in it, without outer space."""
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed)]
"""A list of such texts, or the same as JSON in one cell."""
Numbers = Annotated[tuple[float, ...], BeforeValidator(_listed)]
"""A list of finite numbers, or the same as JSON in one cell."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands."""

    path: Path
    line: int


class DatasetRow(BaseModel):
    """One row in a published schema; a field is a column. Frozen; columns of no use here are ignored."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="ignore")

    lists: ClassVar[Sequence[str]] = ()
    """Keys under which a JSON file of this schema holds its rows."""
    column: ClassVar[str] = ""
    """The column that a plain list of lines (.txt) fills; empty if the schema has none."""
    id_column: ClassVar[str] = ""
    """The column that names a row; empty if its question does."""
    keyed: ClassVar[str] = ""
    """The column that the keys of a JSON object {key: row} fill; empty if rows never stand so."""
    repeats: ClassVar[bool] = False
    """Whether the published set asks the same question more than once; elsewhere a repeated row is an error."""

    read_from: Place


Row = TypeVar("Row", bound=DatasetRow)


def dataset(
    name: str, row: type[Row], hub: HubSet | None = None, *, sample: bool = False
) -> Callable[[Callable[[Row], Problem]], Callable[[Row], Problem]]:
    """Decorator: register the domain `name`, whose problems the function makes of rows, one of each.

    Args:
        name: The domain's name, which the problems also bear.
        row: The schema.
        hub: Where the rows are unless the options say so; None if no repository publishes them in this schema.
        sample: Whether the package brings a sample of it, which is what the bare name means then.
    """
    published = hub

    def register(problem_of: Callable[[Row], Problem]) -> Callable[[Row], Problem]:
        def make(
            *, path: str = "", hub: str = "", config: str = "", part: str = "", revision: str = ""
        ) -> Iterator[Problem]:
            given = HubSet(hub, part, config, revision)
            if sample and not path and given == HubSet("", ""):
                source, records = bundled(name, row)
            else:
                source, records = read_rows(name, row, path, given, published)
            return problems_of(row, problem_of, source, records)

        make.__doc__ = problem_of.__doc__
        DOMAINS.register(name)(make)
        return problem_of

    return register


Placed = Iterable[tuple[Place, Record]]

SAMPLES = Path(__file__).parent / "samples"
"""Rows that were written for this package, one file a domain, in the domain's published schema."""


def bundled(name: str, row: type[DatasetRow]) -> tuple[str, Placed]:
    """(what says that it is the sample, its rows)."""
    source, records = local_rows(str(SAMPLES / f"{name}.jsonl"), row)
    return f"bundled sample {source}, not comparable to published numbers", records


def read_rows(
    name: str, row: type[DatasetRow], path: str, given: HubSet, published: HubSet | None = None
) -> tuple[str, Placed]:
    """(where the rows are from, the rows) of a local file or of the hub.

    Raises:
        ConfigError: both are named, or neither.
        DataError: it cannot be read.
    """
    if path and given != HubSet("", ""):
        raise ConfigError(f"{name}: `path` names a local file, the other options the hub; give one or the other")
    return local_rows(path, row) if path else _remote(name, given, published)


def local_rows(path: str, row: type[DatasetRow]) -> tuple[str, Placed]:
    """(name and content hash of a file or folder, its rows)."""
    root = Path(path).expanduser()
    files = files_of(root)
    digest = content_hash([file_hash(file) for file in files])
    rows = ((Place(f, line), record) for f in files for line, record in read_table(f, row.lists, row.column, row.keyed))
    return f"{root.name} (content {digest[:12]})", rows


def _remote(name: str, given: HubSet, published: HubSet | None) -> tuple[str, Placed]:
    """(repository, commit and part, its rows); what is not given is as it was published."""
    if not given.repository and published is None:
        raise ConfigError(
            f"{name} needs its rows: give a file in the published schema, `{name}?path=FILE`, or a repository of the "
            f"Hugging Face hub that holds them, `{name}?hub=OWNER/NAME&part=SPLIT&revision=COMMIT`"
        )
    known = published if published and given.repository in ("", published.repository) else HubSet("", "test")
    wanted = HubSet(
        given.repository or known.repository,
        given.part or known.part,
        given.config or known.config,
        given.revision or known.revision,
    )
    source, numbered = read_hub(wanted, name)
    return source, ((Place(Path(source), number), record) for number, record in numbered)


def problems_of(
    row: type[Row],
    problem_of: Callable[[Row], Problem],
    source: str,
    records: Placed,
    left_out: Callable[[Row], str] | None = None,
) -> Iterator[Problem]:
    """One problem a row.

    Args:
        row: The schema.
        problem_of: Makes a problem of a row.
        source: Where the rows are from; every problem bears it.
        records: The rows.
        left_out: Why a row is no problem of this domain; empty if it is one. How many are left out, and why, is added
            to the source. All rows are problems if None.

    Raises:
        DataError: for the first row that is wrong, left out or not, or whose id stood before.
    """
    seen: dict[str, Place] = {}
    found: list[Problem] = []
    reasons: Counter[str] = Counter()
    for place, record in records:
        validated = validated_row(row, place, record)
        if left_out is not None and (why := left_out(validated)):
            reasons[why] += 1
            continue
        problem = _problem(validated, problem_of)
        if problem.id in seen and row.repeats:
            problem = replace(problem, id=f"{problem.id}-{place.line}")
        elif problem.id in seen:
            raise _repeated(row, problem, place, seen[problem.id])
        seen[problem.id] = place
        found.append(problem)
    source += "".join(f"; {count} rows left out: {why}" for why, count in sorted(reasons.items()))
    return (replace(problem, source=source) for problem in found)


def _repeated(row: type[DatasetRow], problem: Problem, place: Place, first: Place) -> DataError:
    where = f"line {first.line}" + (f" of {first.path}" if first.path != place.path else "")
    shown = problem.id if row.id_column else f"{problem.question:.60}"
    complaint = f"{shown!r} stands already in {where}; keep one of them"
    return DataError(complaint, path=place.path, line=place.line, field=row.id_column or "question")


def validated_row(row: type[Row], place: Place, record: Record) -> Row:
    """The record in its schema; an optional column that is empty counts as not given."""
    given: Record = {"read_from": place}
    for name, field in row.model_fields.items():
        columns = _columns(name, field)
        column = next((c for c in columns if c in record), None)
        if column is None and field.is_required() and name != "read_from":
            hint = next(filter(None, (nearest(c, list(record)) for c in columns)), "; add it")
            problem = f"is missing{hint} (there are {', '.join(record) or 'no columns'})"
            raise DataError(problem, path=place.path, line=place.line, field=columns[0])
        if column is not None and (field.is_required() or not _blank(record[column])):
            given[column] = record[column]
    try:
        return row.model_validate(given)
    except ValidationError as error:
        raise data_error(error, place.path, lambda _: place.line) from error


def _problem(row: Row, problem_of: Callable[[Row], Problem]) -> Problem:
    try:
        return problem_of(row)
    except DataError as error:
        raise DataError(str(error), path=row.read_from.path, line=row.read_from.line) from error


def _columns(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [name]


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def row_id(*parts: str) -> str:
    """An id for a row that its data set gives none: a hash of what tells it from the others."""
    return content_hash(list(parts))[:16]


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """`texts` without blanks and repetitions, in their order."""
    return tuple(dict.fromkeys(stripped for text in texts if (stripped := text.strip())))


def same_question(question: str) -> str:
    """The cluster of a question about no named entity: wherever else it is asked, it is in the same split."""
    return normalised(question) or question
