"""What every imported row shares: what a name and a template may be, and errors that point at file, line and field."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from string import Formatter
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from veracity.core.errors import DataError
from veracity.core.registry import nearest

Location = tuple[int | str, ...]
"""Where a value stands inside a parsed document: keys and indices from the outside in."""

# What spreadsheets and data frames write where a value is missing. A name that reads like one is refused,
# because taking it at its word would teach a model the fact that somebody lives in NaN.
MISSING_MARKS = frozenset({"nan", "NaN", "NAN", "NaT", "null", "NULL", "None", "<NA>", "#N/A", ".nan", "~"})


def refuse_missing(text: str) -> str:
    """`text` without outer space; ValueError when nothing is left or when it is a mark for a missing value."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("is empty; fill it in")
    if stripped in MISSING_MARKS:
        raise ValueError(f"holds {stripped!r}, which marks a missing value; write the real one or remove the row")
    return stripped


def _name(text: str) -> str:
    stripped = refuse_missing(text)
    control = next((c for c in stripped if unicodedata.category(c) == "Cc"), None)
    if control is not None:
        raise ValueError(
            f"holds the control character {control!r}; a name is one line of text (is a quotation mark left open?)"
        )
    return stripped


def placeholders(template: str) -> set[str]:
    """The names between braces. ValueError for an unmatched brace and for anything but a bare name."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"has an unmatched brace in {template!r} ({error}); write {{{{ for a plain brace") from error
    for _, _, specification, conversion in parts:
        if specification or conversion:
            raise ValueError(f"formats a placeholder in {template!r}; write the bare name between the braces")
    return {name for _, name, _, _ in parts if name is not None}


def require_placeholders(template: str, needed: set[str]) -> str:
    """`template` if its placeholders are exactly `needed`; ValueError that says which are wrong otherwise."""
    found = placeholders(template)
    for unknown in sorted(found - needed):
        allowed = " and ".join(f"{{{n}}}" for n in sorted(needed))
        raise ValueError(f"has the unknown placeholder {{{unknown}}} in {template!r}; it may hold {allowed} only")
    for absent in sorted(needed - found):
        raise ValueError(f"lacks the placeholder {{{absent}}} in {template!r}; add it where the name belongs")
    return template


def _template(*needed: str) -> AfterValidator:
    return AfterValidator(lambda text: require_placeholders(refuse_missing(text), set(needed)))


def distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    """`items` if no two are the same; ValueError otherwise."""
    repeated = next((item for i, item in enumerate(items) if item in items[:i]), None)
    if repeated is not None:
        raise ValueError(f"holds {repeated!r} twice; remove one")
    return items


Name = Annotated[str, AfterValidator(_name)]
Names = Annotated[tuple[Name, ...], AfterValidator(distinct)]
Statement = Annotated[str, _template("subject", "value")]
Statements = Annotated[tuple[Statement, ...], AfterValidator(distinct)]
Question = Annotated[str, _template("subject")]
Questions = Annotated[tuple[Question, ...], AfterValidator(distinct)]
ReverseQuestion = Annotated[str, _template("value")]


class Row(BaseModel):
    """A mapping read from a file: frozen, and an unknown key is an error that names the nearest known one."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields and cls.minds(str(key)):
                    known = sorted(cls.model_fields)
                    hint = nearest(str(key), known) or f"; known: {', '.join(known)}"
                    raise PydanticCustomError("unknown_field", "is not a field{hint}", {"hint": hint, "field": key})
        return data

    @classmethod
    def minds(cls, key: str) -> bool:
        """Whether the unknown `key` is an error (always, unless a kind of file carries keys of its own)."""
        return True


def data_error(error: ValidationError, path: Path, line_of: Callable[[Location], int | None]) -> DataError:
    """The first complaint of `error` as a DataError; `line_of` knows the line of a location in the file."""
    detail = error.errors(include_url=False)[0]
    context = detail.get("ctx", {})
    location: Location = detail["loc"]
    if "field" in context:
        location = (*location, context["field"])
    return DataError(_complaint(detail), path=path, line=line_of(location), field=_dotted(location))


def _complaint(detail: Any) -> str:
    kind, given = detail["type"], detail["input"]
    if kind == "missing":
        return "is missing; add it"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "string_type":
        return f"must be text, not {given!r}; put it in quotation marks"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return message if kind == "unknown_field" else f"{message}, not {given!r}; correct it"


def _dotted(location: Location) -> str | None:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".") or None


def refuse_repeats(field: str, entries: Iterable[tuple[Hashable, Path, int | None]]) -> None:
    """DataError at the second of two entries (key, file, line) with the same key, naming the first."""
    seen: dict[Hashable, tuple[Path, int | None]] = {}
    for key, path, line in entries:
        if key in seen:
            first, first_line = seen[key]
            place = f"line {first_line}" if first == path else str(first)
            shown = " of ".join(map(repr, key)) if isinstance(key, tuple) else repr(key)
            raise DataError(f"{shown} stands already in {place}; keep one of them", path=path, line=line, field=field)
        seen[key] = (path, line)
