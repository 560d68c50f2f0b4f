"""A file or folder is there complete or not at all."""

from __future__ import annotations

import errno
import os
import platform
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from veracity.core.errors import StoreError
from veracity.store.atomic import atomic_file, atomic_folder, atomic_write_bytes, atomic_write_text, sweep

HOST = re.sub(r"[^A-Za-z0-9]", "", platform.node()) or "host"


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_bytes_and_text_are_written_as_they_are(tmp_path: Path) -> None:
    atomic_write_bytes(tmp_path / "new" / "a.bin", b"\x00\r\n")
    atomic_write_text(tmp_path / "b.txt", "ü\r\n")
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"\x00\r\n"
    assert (tmp_path / "b.txt").read_bytes() == "ü\r\n".encode()
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.bin", "b.txt", "new"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    atomic_write_text(path, "old")
    with pytest.raises(KeyError), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_the_older_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for content in ("one", "two"):
        with atomic_folder(path) as temporary:
            (temporary / content).mkdir()
            (temporary / content / "w.bin").write_text(content)
            assert path.exists() == (content == "two")
    assert [p.relative_to(path).as_posix() for p in sorted(path.rglob("*"))] == ["two", "two/w.bin"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_whose_making_failed_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "model") as temporary:
        (temporary / "w.bin").write_text("x")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_dead_writers_are_swept_and_those_of_live_ones_are_not(tmp_path: Path) -> None:
    dead = tmp_path / f".a.txt.tmp-{HOST}-{dead_pid()}-0a1b2c3d"
    dead_folder = tmp_path / f".a.txt.tmp-{HOST}-{dead_pid()}-11111111"
    alive = tmp_path / f".a.txt.tmp-{HOST}-{os.getppid()}-0a1b2c3d"
    elsewhere = tmp_path / f".a.txt.tmp-OtherHost-{dead_pid()}-0a1b2c3d"
    other = tmp_path / f".b.txt.tmp-{HOST}-{dead_pid()}-0a1b2c3d"
    theirs = tmp_path / ".a.txt.tmp-notes"
    for path in (dead, alive, elsewhere, other, theirs):
        path.write_text("half")
    (dead_folder / "inner").mkdir(parents=True)
    atomic_write_text(tmp_path / "a.txt", "whole")
    assert set(tmp_path.iterdir()) == {tmp_path / "a.txt", alive, elsewhere, other, theirs}
    assert set(sweep(tmp_path, alone=True)) == {alive, elsewhere, other}
    assert theirs.exists()


LIMITED = """
import resource, signal, sys
from pathlib import Path
from veracity.core.errors import StoreError
from veracity.store.atomic import atomic_folder, atomic_write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
folder = Path(sys.argv[1])
for write in ("file", "folder"):
    try:
        if write == "file":
            atomic_write_bytes(folder / "a.bin", b"x" * 200_000)
        else:
            with atomic_folder(folder / "model") as temporary:
                (temporary / "w.bin").write_bytes(b"x" * 200_000)
    except StoreError as error:
        print(error)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a system with file size limits")
def test_no_room_is_told_and_nothing_is_half_written(tmp_path: Path) -> None:
    """A real write that the system cuts short at 100,000 bytes."""
    atomic_write_bytes(tmp_path / "a.bin", b"old")
    child = subprocess.run([sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, check=True)
    first, second = child.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'a.bin'}: the device is full or a quota is reached; free some space")
    assert second.startswith(f"{tmp_path / 'model'}: the device is full")
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Quota exceeded"),
        RuntimeError("I/O error: No space left on device (os error 28)"),  # as libraries in Rust say it
    ],
)
def test_every_way_of_saying_full_becomes_a_store_error(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(StoreError, match="device is full"), atomic_file(tmp_path / "a"):
        raise error


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "a"):
        raise FileNotFoundError(errno.ENOENT, "missing input")


def test_a_forbidden_place_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match=r"writing is not allowed there .*; choose another folder"),
        atomic_file(tmp_path / "a"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied")
