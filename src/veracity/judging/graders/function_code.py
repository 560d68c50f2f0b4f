"""Whether two functions are the same reward: a hash of their code and of the values that they carry with them.

A trained model is found again by it, so it must be the same in every process, and another one where the function would
give another number: by a default, a variable that it encloses, a bound object, an argument that was filled in before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from types import CodeType, FunctionType, MethodType
from typing import Any

from veracity.core.identity import content_hash

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), range)
_TOLD = (*_PLAIN, Mapping, Set, Sequence, FunctionType, MethodType, functools.partial)
"""What is followed into objects and into the module around a function."""


def code_hash(function: Callable[..., Any]) -> str:
    """Content hash of a function: its code, its defaults, what it encloses, what it is bound to.

    Of its own module, the plain values and the functions that it names are in it, too. What is imported is told by its
    name, and an object that is neither plain nor callable (a file, a loaded model) by its identity or its kind.
    """
    return content_hash(_Meaning().of(function))


class _Meaning:
    """Lists of texts that stand for values, wherever these lie in memory."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}
        """By id: the value, so that it stays alive, and what stands for it."""

    def of(self, value: Any) -> Any:
        """What stands for `value`; inside of itself it is a mark."""
        if isinstance(value, _PLAIN):
            return [type(value).__name__, repr(value)]
        if id(value) not in self._known:
            self._known[id(value)] = value, "itself"
            self._known[id(value)] = value, self._new(value)
        return self._known[id(value)][1]

    def _new(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return ["mapping", *_sorted([self.of(k), self.of(v)] for k, v in value.items())]
        if isinstance(value, Set):
            return ["set", *_sorted(map(self.of, value))]
        if isinstance(value, Sequence):
            return ["sequence", *map(self.of, value)]
        if isinstance(value, CodeType):
            return ["code", value.co_code.hex(), [self.of(one) for one in value.co_consts], list(value.co_names)]
        if isinstance(value, FunctionType):
            return ["function", *map(self.of, _carried(value)), self.of(_around(value))]
        if isinstance(value, MethodType):
            return ["method", self.of(value.__func__), self.of(value.__self__)]
        if isinstance(value, functools.partial):
            return ["partial", *map(self.of, (value.func, value.args, value.keywords))]
        return ["object", *map(self.of, _held(value))]


def _carried(function: FunctionType) -> tuple[Any, ...]:
    """Its code, its defaults, and the variables that it encloses and that have a value yet."""
    enclosed = []
    for cell in function.__closure__ or ():
        try:
            enclosed.append(cell.cell_contents)
        except ValueError:
            enclosed.append("empty")
    return function.__code__, function.__defaults__, function.__kwdefaults__, enclosed


def _around(function: FunctionType) -> dict[str, Any]:
    """The plain values and functions of its module that it names; functions of other modules by their names."""
    found: dict[str, Any] = {}
    for name in sorted(_names(function.__code__) & function.__globals__.keys()):
        one = function.__globals__[name]
        if isinstance(one, FunctionType) and one.__module__ != function.__module__:
            found[name] = f"{one.__module__}.{one.__qualname__}"
        elif isinstance(one, _TOLD):
            found[name] = one
    return found


def _names(code: CodeType) -> set[str]:
    """Names that the code, and code within it, looks up outside of itself."""
    return {*code.co_names, *(name for one in code.co_consts if isinstance(one, CodeType) for name in _names(one))}


def _held(value: Any) -> tuple[Any, ...]:
    """The name of its class, and its identity if it says one, else what calling it does and the values in it."""
    kind = value if isinstance(value, type) else type(value)
    name, identity = f"{kind.__module__}.{kind.__qualname__}", getattr(value, "identity", None)
    if kind is value or isinstance(identity, str):
        return name, identity if isinstance(identity, str) else None
    named = [f.name for f in fields(value)] if is_dataclass(value) else list(getattr(value, "__dict__", ()))
    inside = {n: one for n in named if isinstance(one := getattr(value, n, None), _TOLD)}
    return name, kind.__dict__.get("__call__"), inside


def _sorted(values: Iterable[Any]) -> list[Any]:
    """Without the order in which a process happens to hold them."""
    return sorted(values, key=content_hash)
