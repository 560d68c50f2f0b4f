"""A run folder as it would become: what is stored is read, what would be stored is kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from veracity.store.run import Run, RunFolder

if TYPE_CHECKING:
    import polars as pl

_NOWHERE = Path("a run that has not begun")


class DraftFolder(Run):
    """A run folder that is asked for tables as a run is and that nothing is written to; it needs no lock.

    Only tables are drafted: artifacts, estimates and the manifest are for runs.
    """

    def __init__(self, path: Path | str | None) -> None:
        """`path` None: of a run that has not begun."""
        RunFolder.__init__(self, path or _NOWHERE)  # no lock, and no folder is made
        self._drafted: dict[str, tuple[str, pl.DataFrame]] = {}

    def tables(self) -> list[str]:
        """Names of the stored and the drafted tables, sorted."""
        return sorted({*super().tables(), *self._drafted})

    def read_table(self, name: str) -> pl.DataFrame:
        """A drafted or else a stored table. Raises StoreError if it is missing or damaged."""
        return self._drafted[name][1] if name in self._drafted else super().read_table(name)

    def table_key(self, name: str) -> str | None:
        """The key of a table; None where there is none, or it is damaged."""
        return self._drafted[name][0] if name in self._drafted else super().table_key(name)

    def has_table(self, name: str, key: str) -> bool:
        """Whether the table is there under this key."""
        return self.table_key(name) == key

    def table(self, name: str, key: str, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """The table of a stage: read if it is there under `key`, else computed and kept in memory."""
        if not self.has_table(name, key):
            self._drafted[name] = key, compute()
        return self.read_table(name)
