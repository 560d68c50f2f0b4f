"""Which files of a folder an analysis wrote, so that the next one there takes away these and no others.

`analysis_files.txt` lists them, a relative path a line. A file is listed before it is written: an analysis that was
interrupted can be taken away, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

INDEX = "analysis_files.txt"


def list_files(root: Path, paths: Iterable[str]) -> None:
    """Add `paths`, relative to `root` and with `/`, to its index."""
    with (root / INDEX).open("a", encoding="utf-8", newline="") as index:
        index.writelines(f"{path}\n" for path in paths)


def remove_earlier(root: Path) -> None:
    """Remove what the index of `root` lists, the folders that this leaves empty, and last the index itself.

    A path that leads out of `root`, by its name or through a link, is left alone, and so is a folder.
    """
    index = root / INDEX
    if not index.is_file():
        return
    listed = [PurePosixPath(line) for line in index.read_text("utf-8").splitlines() if line]
    inside = [root / path for path in listed if ".." not in path.parts and _within(root / path, root)]
    for path in inside:
        if path.is_symlink() or path.is_file():
            path.unlink()
    folders = {parent for path in inside for parent in path.parents if root in parent.parents}
    for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
        with suppress(OSError):  # it holds what is not of an analysis, or is gone
            folder.rmdir()
    index.unlink()


def _within(path: Path, root: Path) -> bool:
    return root.resolve() in (path.parent.resolve(), *path.parent.resolve().parents)


__all__ = ["INDEX", "list_files", "remove_earlier"]
