"""Content is identity: hashes of values and files, used as keys everywhere; display names never are."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any


def _plain(value: Any) -> Any:
    """Turn records, paths, enums and sets into what JSON knows, keeping distinct values distinct."""
    if value is None or isinstance(value, bool | int | float | str):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, Enum):
        return _plain(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"__type__": type(value).__name__, **fields}
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(v) for v in value), key=canonical_json)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no canonical form; pass plain values or records")


def canonical_json(value: Any) -> str:
    """One string per value: sorted keys, no spaces, NaN refused (ValueError)."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


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
