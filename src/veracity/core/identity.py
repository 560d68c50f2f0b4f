"""Content is identity: hashes of values and files, used as keys everywhere; display names never are."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence, Set
from enum import Enum
from pathlib import Path, PurePath
from types import NoneType
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_FORMS: dict[type, Callable[[Any], Any]] = {}
"""`_form` of each type met so far: requests are hashed by the ten thousand."""


def _itself(value: Any) -> Any:
    return value


def _of_enum(value: Enum) -> Any:
    return _plain(value.value)


def _of_settings(value: Any) -> Any:
    return _plain(value.model_dump(mode="json"))


def _of_mapping(value: Mapping[Any, Any]) -> Any:
    """A JSON object; as pairs if a key is no text, or could be taken for a tag of ours."""
    if all(isinstance(k, str) and not k.startswith("__") for k in value):
        return {_plain(k): _plain(v) for k, v in value.items()}
    return {"__mapping__": sorted(([_plain(k), _plain(v)] for k, v in value.items()), key=_ENCODER.encode)}


def _of_set(value: Set[Any]) -> Any:
    return {"__set__": sorted((_plain(v) for v in value), key=_ENCODER.encode)}


def _of_sequence(value: Sequence[Any]) -> Any:
    return [_plain(v) for v in value]


def _of_record(kind: type) -> Callable[[Any], Any]:
    names, tag = tuple(f.name for f in dataclasses.fields(kind)), kind.__name__
    return lambda value: {"__type__": tag, **{name: _plain(getattr(value, name)) for name in names}}


def _form(kind: type) -> Callable[[Any], Any]:
    """How values of one type become plain."""
    if issubclass(kind, Enum):
        return _of_enum
    if issubclass(kind, str | int | float | NoneType):
        return _itself
    if dataclasses.is_dataclass(kind):
        return _of_record(kind)
    if hasattr(kind, "model_dump"):
        return _of_settings
    if issubclass(kind, PurePath):
        return str
    forms = ((Mapping, _of_mapping), (Set, _of_set), (Sequence, _of_sequence))
    for base, form in forms:
        if issubclass(kind, base) and not issubclass(kind, bytes | bytearray | memoryview):
            return form
    raise TypeError(f"a {kind.__name__} has no canonical form; pass plain values or records")


def _plain(value: Any) -> Any:
    """Turn records, paths, enums, sets and odd mappings into what JSON knows."""
    kind = type(value)
    form = _FORMS.get(kind)
    if form is None:
        form = _FORMS[kind] = _form(kind)
    return form(value)


def canonical_json(value: Any) -> str:
    """One string per value: sorted keys, no spaces, NaN refused (ValueError).

    Values that differ have different strings, with these exceptions, which mean the same in a recipe: a list and a
    tuple, a path and its text, an enum's member and its value, two records of the same name and fields. Numbers keep
    their type: 1, 1.0 and true differ.
    """
    return _ENCODER.encode(_plain(value))


def content_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def folder_hash(folder: Path, patterns: Sequence[str] = ("*",)) -> str:
    """Hash of the names and bytes of the files in `folder` that match any of `patterns` (not recursive)."""
    files = sorted({f for p in patterns for f in folder.glob(p) if f.is_file()})
    return content_hash([(f.name, file_hash(f)) for f in files])


def derive_seed(run_seed: int, purpose: str, item: str | int = "") -> int:
    """A 63-bit seed for one draw, from (run seed, purpose, item id): order of work never changes a draw."""
    digest = hashlib.sha256(f"{run_seed}\x1f{purpose}\x1f{item}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
