"""A registry of named things (relations, probes, metrics, backends, …), filled by decorator.

Third parties add theirs through Python entry points in the group `veracity.<registry name>`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Generic, TypeVar

from veracity.core.errors import ConfigError

T = TypeVar("T")


def nearest(name: str, known: list[str]) -> str:
    """`; did you mean 'x'?`, or the empty string if nothing is near."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


class Registry(Generic[T]):
    """Names to things. `package` is the folder whose modules register themselves when imported.

    Where a thing is a folder of its own in there, `file` is the module of it that does.
    """

    def __init__(self, name: str, package: str | None = None, *, file: str | None = None) -> None:
        self.name = name
        self._package, self._file = package, file
        self._items: dict[str, T] = {}
        self._loaded = False

    def register(self, key: str) -> Callable[[T], T]:
        """Decorator: add the decorated thing under `key`. A key taken twice is an error."""

        def add(item: T) -> T:
            if key in self._items:
                raise ConfigError(f"two {self.name} are called {key!r}; rename one")
            self._items[key] = item
            return item

        return add

    def get(self, key: str) -> T:
        """The thing called `key`; ConfigError with the nearest name otherwise."""
        self._load()
        if key not in self._items:
            hint = nearest(key, sorted(self._items)) or f"; known: {', '.join(sorted(self._items))}"
            raise ConfigError(f"{key!r} is not one of the {self.name}{hint}")
        return self._items[key]

    def names(self) -> list[str]:
        """All keys, sorted."""
        self._load()
        return sorted(self._items)

    def __iter__(self) -> Iterator[tuple[str, T]]:
        self._load()
        return iter(sorted(self._items.items()))

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        if self._package:
            for module in iter_modules(import_module(self._package).__path__, f"{self._package}."):
                own = f"{module.name}.{self._file}"
                import_module(own if module.ispkg and self._file and find_spec(own) else module.name)
        for point in entry_points(group=f"veracity.{self.name.replace(' ', '_')}"):
            point.load()
