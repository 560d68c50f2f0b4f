"""Settings: one typed tree per experiment, from a recipe file, checked to the last key before work starts.

`load_settings` gives the one settings object that a recipe describes. `expand` reads the same recipe as a
grid: a list where the schema wants a single value is an axis, and every combination is one point. A wrong
key or value is a `ConfigError` that names the file, the line, the key, and what was expected.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from veracity.core.errors import ConfigError
from veracity.core.identity import canonical_json, content_hash
from veracity.core.recipe_files import Recipe, read_recipe

Source = str | Path | Mapping[str, Any] | Recipe
"""A recipe by name or path, its values as a mapping, or one that `read_recipe` has read."""


class Settings(BaseModel):
    """Base of every settings class. Each field has a type, and a description by `Field(description=…)`.

    Unknown keys are refused and objects are frozen. Recipes are read strictly (a text is never taken for a
    number, nor a fraction for a whole number); sections are nested `Settings`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class GridPoint(Generic[S]):
    """One combination of a grid's values."""

    id: str
    """The varied settings, as `training.learning_rate=0.0003,seed=1`; `default` if nothing varies."""
    overrides: tuple[str, ...]
    """The same as `a.b=c` overrides, which give this point from the recipe."""
    settings: S
    identity: str
    """Hash of the resolved settings: equal settings are the same work, whatever recipe they are from."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One line of a schema table."""

    key: str
    type: str
    default: str
    """As YAML; `required` where there is none."""
    description: str


def load_settings(cls: type[S], source: Source, overrides: Sequence[str] = ()) -> S:
    """The settings that `source` and `overrides` describe; ConfigError lists every wrong key with its place."""
    recipe = read_recipe(source, overrides)
    for key, values in _axes(cls, recipe.values):
        raise ConfigError(
            f"{recipe.place(key)}: {key} lists {len(values)} values where one is expected; "
            "run the grid with `veracity sweep run`, or choose one value"
        )
    return _validate(cls, recipe, recipe.values)


def expand(cls: type[S], source: Source, overrides: Sequence[str] = ()) -> list[GridPoint[S]]:
    """Every point of the grid that the recipe spans, in the order of its lists; one point if nothing varies."""
    recipe = read_recipe(source, overrides)
    axes = list(_axes(cls, recipe.values))
    for key, values in axes:
        if not values:
            raise ConfigError(f"{recipe.place(key)}: {key} is an empty list; give at least one value")
    points = []
    for chosen in itertools.product(*(values for _, values in axes)):
        varied = dict(zip((key for key, _ in axes), chosen, strict=True))
        values_of_point = _replaced(recipe.values, varied)
        texts = tuple(f"{key}={_compact(value)}" for key, value in varied.items())
        settings = _validate(cls, recipe, values_of_point)
        points.append(GridPoint(",".join(texts) or "default", texts, settings, content_hash(settings)))
    return points


def schema_table(cls: type[Settings], prefix: str = "") -> list[SettingRow]:
    """Every setting of `cls` and its sections, in the order they are declared."""
    rows: list[SettingRow] = []
    for name, info in cls.model_fields.items():
        key = f"{prefix}{name}"
        sections = _sections(info.annotation)
        if not sections or not info.is_required():
            default = "required" if info.is_required() else _compact(info.get_default(call_default_factory=True))
            default = "(section)" if sections and default != "null" else default
            rows.append(SettingRow(key, type_name(info.annotation, info.metadata), default, info.description or ""))
        for section in sections:
            rows.extend(row for row in schema_table(section, f"{key}.") if row not in rows)
    return rows


def type_name(annotation: Any, constraints: Sequence[Any] = ()) -> str:
    """A type in plain words with its bounds: `whole number ≥ 1`, `one of 'all', 'none'`, `list (number)`."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_name(args[0], [*args[1:], *constraints])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(arg, constraints if arg is not type(None) else ()) for arg in args)
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(arg) for arg in args)
    if origin in (list, tuple, set, frozenset, Sequence):
        return f"list ({type_name(args[0])})" + _bounds(constraints) if args else "list"
    words = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path"}
    words[type(None)] = "null"
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return "section"
    return words.get(annotation, str(getattr(annotation, "__name__", annotation))) + _bounds(constraints)


def _bounds(constraints: Sequence[Any]) -> str:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "min_length": "length ≥", "max_length": "length ≤"}
    parts = [
        f"{sign} {getattr(constraint, name)}"
        for constraint in constraints
        for name, sign in signs.items()
        if getattr(constraint, name, None) is not None
    ]
    return f" {' and '.join(parts)}" if parts else ""


def _compact(value: Any) -> str:
    """A value as short YAML on one line, in a form that an override reads back."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, str) and value and not set(value) & set(" ,:={}[]\"'#&*!|>%@`$"):
        return value
    if isinstance(value, float):
        return repr(value)
    return canonical_json(value)


def _sections(annotation: Any) -> list[type[Settings]]:
    """The settings classes that a field holds directly, or as an alternative of a union."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    if typing.get_origin(annotation) is typing.Annotated:
        return _sections(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [section for arg in typing.get_args(annotation) for section in _sections(arg)]
    return []


def _accepts_list(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _accepts_list(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return any(_accepts_list(arg) for arg in typing.get_args(annotation))
    return annotation is Any or (origin or annotation) in (list, tuple, set, frozenset, Sequence)


def _axes(cls: type[Settings], values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Dotted keys that hold a list where the schema wants one value, with their lists."""
    for name, value in values.items():
        info = cls.model_fields.get(name)
        if info is None:
            continue
        if isinstance(value, list) and not _accepts_list(info.annotation):
            yield f"{prefix}{name}", value
        elif isinstance(value, Mapping):
            seen: set[str] = set()
            for section in _sections(info.annotation):
                for key, axis in _axes(section, value, f"{prefix}{name}."):
                    if key not in seen:
                        seen.add(key)
                        yield key, axis


def _replaced(values: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy of `values` with the dotted keys of `chosen` set."""
    copy: dict[str, Any] = json.loads(json.dumps(values))
    for key, value in chosen.items():
        *sections, last = key.split(".")
        node = copy
        for section in sections:
            node = node[section]
        node[last] = value
    return copy


def _validate(cls: type[S], recipe: Recipe, values: Mapping[str, Any]) -> S:
    """Validate as JSON, strictly: lists become tuples and texts become paths, and nothing else is converted."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        plain = OmegaConf.to_container(OmegaConf.create(dict(values)), resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{recipe.place('')}: {str(error).splitlines()[0]}") from error
    try:
        return cls.model_validate_json(json.dumps(plain), strict=True)
    except ValidationError as error:
        items: list[dict[str, Any]] = [dict(item) for item in error.errors()]
        wrong = {item["loc"][:-1] for item in items}  # a list is too short for want of the wrong ones: told once
        told = [item for item in items if item["type"] != "too_short" or item["loc"] not in wrong]
        raise ConfigError("\n".join(_explain(cls, recipe, item) for item in told)) from None


def _explain(cls: type[Settings], recipe: Recipe, item: dict[str, Any]) -> str:
    """One pydantic error as one line: place, key, value, what was expected."""
    key = ".".join(str(part) for part in item["loc"])
    place = recipe.place(key)
    rows = {row.key: row for row in schema_table(cls)}
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        return f"{place}: {key} is not a setting{_suggest(key, list(rows))}"
    if item["type"] == "missing":
        about = f" ({rows[key].description})" if key in rows and rows[key].description else ""
        return f"{place}: {key} is required{about}"
    if item["type"] == "value_error":
        return f"{place}: {key}: {message}" if key else f"{place}: {message}"
    named = next((k for k in _outward(key) if k in rows), None)
    expected = f"expected {rows[named].type}" if named else message
    if item["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", item["ctx"]["expected"])
        expected = expected if named == key else f"expected one of {', '.join(map(repr, known))}"
        close = difflib.get_close_matches(str(item["input"]), known, n=1, cutoff=0.6)
        expected += f"; did you mean {close[0]!r}?" if close else ""
    return f"{place}: {key} is {item['input']!r}, {expected}"


def _outward(key: str) -> Iterator[str]:
    """`a.b.0`, `a.b`, `a`."""
    while key:
        yield key
        key = key.rpartition(".")[0]


def _suggest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if not near:  # right name, wrong section
        near = [k for k in known if k.rpartition(".")[2] == key.rpartition(".")[2]]
    return f"; did you mean {near[0]}?" if near else "; `veracity recipes schema` lists all settings"
