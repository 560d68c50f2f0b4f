"""Values of environment variables as those of settings; what cannot be one is refused with the variable's name.

Each rule takes a variable's name and its text, and raises ConfigError for a text that it cannot read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from veracity.core.errors import ConfigError
from veracity.core.registry import nearest

Rule = Callable[[str, str], Any]
"""(variable, text) → value."""


def text(name: str, value: str) -> str:
    """As it is."""
    return value


def listed(name: str, value: str) -> list[str]:
    """Between commas."""
    return [part.strip() for part in value.split(",") if part.strip()]


def flag(name: str, value: str) -> bool:
    """1 or 0."""
    said = value.strip().lower()
    if said not in ("0", "1", "true", "false", "yes", "no"):
        raise ConfigError(f"{name}={value!r} is neither 1 nor 0")
    return said in ("1", "true", "yes")


def whole(name: str, value: str) -> int:
    """A whole number."""
    try:
        return int(value)
    except ValueError:
        raise ConfigError(f"{name}={value!r} is no whole number") from None


def number(name: str, value: str) -> float:
    """A number."""
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"{name}={value!r} is no number") from None


def one_of(*allowed: str) -> Callable[[str, str], str]:
    """One of these, in any case of letters."""

    def rule(name: str, value: str) -> str:
        if value.lower() not in allowed:
            raise ConfigError(f"{name}={value!r} is none of {', '.join(allowed)}{nearest(value, list(allowed)) or ''}")
        return value.lower()

    return rule


def named(table: Mapping[str, str]) -> Callable[[str, str], list[str]]:
    """Their names as ours; ours are taken as they are."""

    def rule(name: str, value: str) -> list[str]:
        found = []
        for part in listed(name, value):
            if part not in table and part.partition("?")[0] not in table.values():
                hint = nearest(part, list(table)) or f"; there are {', '.join(table)}"
                raise ConfigError(f"{name}: {part!r} is none of them{hint}")
            found.append(table.get(part, part))
        return list(dict.fromkeys(found))

    return rule


def if_on(on: Any, off: Any) -> Callable[[str, str], Any]:
    """`on` for 1, `off` for 0."""
    return lambda name, value: on if flag(name, value) else off
