"""Files and folders that exist only when they are complete: written beside their place, synced, renamed.

A reader never sees half a file, whatever kills the writer: the temporary sibling carries the writer's host and
process id, and the next writer of the same name sweeps the siblings of processes that are gone. Replacing a folder
takes two renames, so a writer killed between them leaves the name free (its old content is swept): absent, never half.
"""

from __future__ import annotations

import errno
import glob
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from veracity.core.errors import StoreError

_HOST = re.sub(r"[^A-Za-z0-9]", "", platform.node()) or "host"
_TEMPORARY = re.compile(r"^\..+\.tmp-(?P<host>[A-Za-z0-9]+)-(?P<pid>\d+)-[0-9a-f]+(-wal|-shm)?$")
"""A temporary sibling's name; SQLite adds its own endings."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def atomic_write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing what was there in one step. Raises StoreError if it cannot be written."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


def atomic_write_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8 with its line ends as they are; otherwise as `atomic_write_bytes`."""
    atomic_write_bytes(path, text.encode("utf-8"))


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path to write one file to; on leaving without an error it becomes `path`.

    Raises:
        StoreError: the device is full or the place cannot be written; `path` is then as it was before.
    """
    with _temporary(path) as temporary:
        yield temporary
        _sync(temporary)
        temporary.replace(path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """An empty temporary folder to fill; on leaving without an error it becomes `path`, replacing an older one.

    Raises:
        StoreError: the device is full or the place cannot be written; `path` is then as it was before.
    """
    with _temporary(path) as temporary:
        temporary.mkdir()
        yield temporary
        for inner in temporary.rglob("*"):
            _sync(inner)
        _sync(temporary)
        replaced = _temporary_name(path)
        if path.exists():
            path.rename(replaced)
        temporary.rename(path)
        _remove(replaced)


def sweep(folder: Path, *, name: str | None = None, alone: bool = False) -> list[Path]:
    """Remove the temporary siblings that dead writers left in `folder` (of the file `name` only, if given).

    A sibling is a dead writer's if its process on this host is gone. `alone` says that the caller holds a lock under
    which nobody else writes here, so that every sibling is a leftover, whichever host or process made it.
    """
    swept = []
    for entry in folder.glob(f".{glob.escape(name) if name else '*'}.tmp-*"):
        match = _TEMPORARY.match(entry.name)
        if match and (alone or (match["host"] == _HOST and not _alive(int(match["pid"])))):
            _remove(entry)
            swept.append(entry)
    return swept


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn "no room" and "not allowed" into a StoreError with place and remedy; other errors pass unchanged."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        if _no_room(error):
            raise StoreError(
                f"{path}: the device is full or a quota is reached; free some space and run the same command again: "
                "what was complete is kept, and nothing is half-written"
            ) from error
        if isinstance(error, PermissionError) or (isinstance(error, OSError) and error.errno == errno.EROFS):
            raise StoreError(
                f"{path}: writing is not allowed there ({error.strerror}); choose another folder"
            ) from error
        raise


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A free temporary name beside `path`; whatever is left under it is removed at the end."""
    temporary = _temporary_name(path)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, name=path.name)
        try:
            yield temporary
            _sync(path.parent)
        finally:
            _remove(temporary)


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp-{_HOST}-{os.getpid()}-{secrets.token_hex(4)}")


def _sync(path: Path) -> None:
    """Force a file, or a folder's list of names, to the device."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders; it writes their names through
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid)


def _no_room(error: Exception) -> bool:
    """Libraries in Rust report the system's error in their text only."""
    number = error.errno if isinstance(error, OSError) else None
    return number in _NO_ROOM or any(f"os error {code})" in str(error) for code in _NO_ROOM)
