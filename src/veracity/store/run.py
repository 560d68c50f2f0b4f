"""A run folder: everything that a run made, each piece there only when it is complete.

    runs/<name>/manifest.json      what made it: recipe, versions, hashes, seeds, models, machine, time, cost
                tables/*.parquet   one table a stage
                artifacts/<name>/  one folder a stage that makes files (a trained model)
                estimates.json     the numbers with their intervals
                figures/           whatever is drawn
                log.jsonl          one JSON object an event

A stage carries the hash of its inputs and settings (its key) inside what it stored. Asked again with the same key, it
is read; with another key, or if its file is damaged, it is computed anew. The manifest is written last and taken away
as soon as any stage is computed, so a run folder with a manifest is a finished run. One process writes at a time.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from veracity.core.errors import StoreError
from veracity.core.estimate import Estimate
from veracity.store.atomic import atomic_file, atomic_folder, atomic_write_text, storage_errors, sweep
from veracity.store.damage import DamagedError, move_aside
from veracity.store.files import (
    estimates_to_json,
    read_estimates,
    read_json,
    read_table,
    read_table_key,
    to_json,
    write_table,
)
from veracity.store.machine import describe_machine, package_versions

if TYPE_CHECKING:
    import polars as pl

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_KEY_FILE = "stage.json"
"""Lies in an artifact's folder: its key and the size of each of its files."""
_ESTABLISHED = ("recipe", "seeds", "models", "hashes")
"""The parts of a manifest that say what the run is; the others say how this machine fared with it."""


class RunFolder:
    """A run folder to read from; needs no lock and changes nothing."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @property
    def complete(self) -> bool:
        """Whether the run reached its end: it has a readable manifest."""
        return self.manifest() is not None

    def manifest(self) -> dict[str, Any] | None:
        """The manifest, or None if the run is not finished (or the manifest is damaged)."""
        try:
            return read_json(self.path / "manifest.json")
        except (FileNotFoundError, DamagedError):
            return None

    @property
    def held(self) -> bool:
        """Whether a process is writing to it now."""
        if not (self.path / ".lock").exists():
            return False
        try:
            with FileLock(self.path / ".lock", timeout=0):
                return False
        except Timeout:
            return True

    def tables(self) -> list[str]:
        """Names of the stored tables, sorted."""
        return sorted(p.stem for p in (self.path / "tables").glob("[!.]*.parquet"))

    def read_table(self, name: str) -> pl.DataFrame:
        """A stored table, whatever its key. Raises StoreError if it is missing or damaged."""
        try:
            return read_table(self._table_path(name))
        except FileNotFoundError:
            known = ", ".join(self.tables()) or "none yet"
            raise StoreError(f"{self.path}: there is no table {name!r}; there are: {known}") from None

    def table_key(self, name: str) -> str | None:
        """The key under which a table is stored; None where there is none, or it is damaged."""
        try:
            return read_table_key(self._table_path(name))
        except (FileNotFoundError, DamagedError):
            return None

    def estimates(self) -> dict[str, Estimate]:
        """The estimates by name; empty if none were written. Raises StoreError if the file is damaged."""
        try:
            return read_estimates(self.path / "estimates.json")
        except FileNotFoundError:
            return {}

    def events(self) -> list[dict[str, Any]]:
        """The log, oldest first; lines torn by a kill are left out."""
        try:
            lines = (self.path / "log.jsonl").read_text("utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        return [event for line in lines if (event := _event(line)) is not None]

    def _table_path(self, name: str) -> Path:
        return self.path / "tables" / f"{_valid(name)}.parquet"


class Run(RunFolder):
    """A run folder to write to, held by this process until `close` (or the end of a `with` block)."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        with storage_errors(self.path):
            for folder in (self.path, self.path / "tables", self.path / "artifacts", self.figures):
                folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.path)
        for folder in (self.path, self.path / "tables", self.path / "artifacts", self.figures):
            sweep(folder, alone=True)
        _end_torn_line(self.path / "log.jsonl")
        self.log("opened", pid=os.getpid())
        self._check_manifest()

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """The run in `path`, made if missing, locked for this process, cleared of a killed writer's leftovers.

        Raises:
            StoreError: another process writes to it (named by its process id), or it cannot be written.
        """
        return cls(path)

    @property
    def figures(self) -> Path:
        """The folder for figures."""
        return self.path / "figures"

    def table(self, name: str, key: str, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """The table of a stage: read if it is stored under `key`, else computed and stored.

        Args:
            name: File name without ending (letters, digits, `.`, `_`, `-`).
            key: Content hash of the stage's inputs and settings (`core.identity.content_hash`).
            compute: Makes the table. What it raises passes through, and nothing is stored then.

        Returns:
            The table as read from the file, so that a fresh and a resumed run see the same.

        Raises:
            StoreError: the device is full, or the name is not a plain file name.
        """
        path = self._table_path(name)
        try:
            if path.exists() and read_table_key(path) == key:
                return read_table(path)
        except DamagedError as error:
            self._set_aside(path, error)
        started = self._begin(name, key)
        frame = compute()
        with atomic_file(path) as temporary:
            write_table(temporary, frame, key)
        self.log("stored", stage=name, key=key, rows=frame.height, seconds=_since(started))
        return read_table(path)

    def has_table(self, name: str, key: str) -> bool:
        """Whether `table` would read what is stored, undamaged, rather than compute it."""
        try:
            return read_table_key(self._table_path(name)) == key
        except (FileNotFoundError, DamagedError):
            return False

    def has_artifact(self, name: str, key: str) -> bool:
        """Whether `artifact` would keep what is stored, complete, rather than build it."""
        path = self.path / "artifacts" / _valid(name)
        try:
            return path.exists() and _artifact_key(path) == key
        except DamagedError:
            return False

    def artifact(self, name: str, key: str, build: Callable[[Path], None]) -> Path:
        """The folder of a stage: kept if it is stored under `key` with all its files, else built by `build(folder)`.

        Raises:
            StoreError: as for `table`.
        """
        path = self.path / "artifacts" / _valid(name)
        try:
            if path.exists() and _artifact_key(path) == key:
                return path
        except DamagedError as error:
            self._set_aside(path, error)
        started = self._begin(name, key)
        with atomic_folder(path) as temporary:
            build(temporary)
            stage = {"key": key, "files": _sizes(temporary)}
            (temporary / _KEY_FILE).write_text(to_json(stage), "utf-8")
        self.log("stored", stage=name, key=key, seconds=_since(started))
        return path

    def write_estimates(self, estimates: Mapping[str, Estimate]) -> None:
        """Write `estimates.json`: one object a name with the fields of `Estimate`; NaN becomes null."""
        atomic_write_text(self.path / "estimates.json", estimates_to_json(estimates))

    def write_manifest(
        self,
        *,
        recipe: Mapping[str, Any],
        seeds: Mapping[str, int] | None = None,
        models: Mapping[str, str] | None = None,
        hashes: Mapping[str, str] | None = None,
        wall_s: float | None = None,
        cost: float | None = None,
        **more: Any,
    ) -> None:
        """Write the manifest, as the run's last act; package versions and the machine are added.

        A finished run that was repeated without computing anything keeps its manifest, so that its time and its cost
        stay those of the run that did the work.

        Args:
            recipe: The resolved recipe (plain values).
            seeds: Seeds by purpose.
            models: Model identities by role.
            hashes: Content hashes of data and prompts, by name.
            wall_s: Seconds that this session took.
            cost: US dollars that this session paid.
            more: Further plain values to keep.
        """
        established = {"recipe": recipe, "seeds": seeds or {}, "models": models or {}, "hashes": hashes or {}}
        earlier = self.manifest()
        if earlier is not None and to_json({k: earlier.get(k) for k in _ESTABLISHED}) == to_json(established):
            return
        effort = {"written": _now(), "wall_s": wall_s, "cost": cost}
        surroundings = {"packages": package_versions(), "machine": describe_machine()}
        atomic_write_text(self.path / "manifest.json", to_json({**established, **effort, **surroundings, **more}))
        self.log("finished", wall_s=wall_s, cost=cost)

    def log(self, event: str, **fields: Any) -> None:
        """Append one line to `log.jsonl`, with the time in UTC; values that JSON lacks are written as text."""
        line = json.dumps({"time": _now(), "event": event, **fields}, default=str) + "\n"
        with storage_errors(self.path), (self.path / "log.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(line)

    def close(self) -> None:
        """Let other processes write here."""
        self._lock.release()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note in the log what ended the block early.

        A folder in which no stage was stored is removed again after an error; what was stopped by Ctrl-C is to be
        continued, and stays to be found.
        """
        if isinstance(error, KeyboardInterrupt):
            self.log("interrupted")
        elif error is not None:
            self.log("failed", reason=f"{type(error).__name__}: {error}")
            if not self._holds_anything():
                shutil.rmtree(self.path, ignore_errors=True)
        self.close()

    def _holds_anything(self) -> bool:
        """Whether any stage was stored, or any file lies here that is not this class's own."""
        own = {".lock", ".lock-holder", "log.jsonl"}
        return any(p.is_file() and p.name not in own for p in self.path.rglob("*"))

    def _begin(self, stage: str, key: str) -> float:
        """Before a stage is computed: the run is no longer what its manifest says."""
        (self.path / "manifest.json").unlink(missing_ok=True)
        self.log("computing", stage=stage, key=key)
        return time.monotonic()

    def _set_aside(self, path: Path, error: DamagedError) -> None:
        aside = move_aside(path, error.reason)
        self.log("damaged", file=path.name, reason=error.reason, moved_to=aside.name)

    def _check_manifest(self) -> None:
        path = self.path / "manifest.json"
        try:
            read_json(path)
        except FileNotFoundError:
            return
        except DamagedError as error:
            self._set_aside(path, error)


def runs(folder: Path | str) -> list[RunFolder]:
    """The run folders in `folder`, by name; `complete` tells finished from unfinished ones."""
    entries = sorted(Path(folder).glob("[!.]*")) if Path(folder).is_dir() else []
    return [RunFolder(e) for e in entries if (e / "log.jsonl").exists() or (e / "manifest.json").exists()]


def _locked(path: Path) -> FileLock:
    """Hold the folder for this process; the system lets go of the lock when the process ends, however it ends."""
    lock, holder = FileLock(path / ".lock", thread_local=False), path / ".lock-holder"
    try:
        with storage_errors(path):
            lock.acquire(timeout=0)
    except Timeout:
        who = holder.read_text("utf-8") if holder.exists() else "another process"
        raise StoreError(
            f"{path}: {who} is writing to this run folder; wait for it, end it, or use another name"
        ) from None
    atomic_write_text(holder, f"process {os.getpid()} on {platform.node()} (since {_now()})")
    return lock


def _valid(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name!r} cannot name a stage; use letters, digits, '.', '_' and '-'")
    return name


def _artifact_key(path: Path) -> str | None:
    """The key of a stored artifact, after checking that each of its files has the size it was stored with."""
    try:
        stage = read_json(path / _KEY_FILE)
    except FileNotFoundError:
        raise DamagedError(path, f"{_KEY_FILE} is missing") from None
    sizes = _sizes(path)
    wrong = sorted(name for name, size in stage["files"].items() if sizes.get(name) != size)
    if wrong:
        raise DamagedError(path, f"truncated or missing: {', '.join(wrong)}")
    return str(stage["key"])


def _sizes(folder: Path) -> dict[str, int]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != _KEY_FILE)
    return {p.relative_to(folder).as_posix(): p.stat().st_size for p in files}


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _end_torn_line(log: Path) -> None:
    """End a line that a kill cut short, so that the next one starts afresh."""
    if log.exists() and log.stat().st_size and not log.read_bytes().endswith(b"\n"):
        with log.open("ab") as handle:
            handle.write(b"\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
