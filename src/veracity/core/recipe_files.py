"""Recipe files: YAML read from disk, composed by `extends`, overridden by `a.b=c`, each key's place remembered.

A recipe is one settings tree plus three keys that are not settings: `experiment` names who runs it,
`extends` the recipe it starts from, `description` says in one line what it is for. Nothing is validated
here: `veracity.core.config` does that, and uses the remembered places to say where a wrong key stands.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from veracity.core.errors import ConfigError

SHIPPED = Path(__file__).resolve().parent.parent / "recipes"
"""Folder of the recipes that come with the package."""
RESERVED = ("experiment", "extends", "description")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A composed recipe, before its settings are validated."""

    name: str
    """Stem of the file; empty for a mapping."""
    values: Mapping[str, Any]
    """The settings tree, plain YAML values, without the reserved keys."""
    experiment: str = ""
    description: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    """Dotted key to where its value was written: `gv-gap.yaml, line 4` or `command line`."""
    as_written: bool = True
    """False once overrides were laid over it."""

    def place(self, key: str) -> str:
        """Where `key`, or the nearest section around it, was written; the recipe's own name otherwise."""
        while key:
            if key in self.places:
                return self.places[key]
            key = key.rpartition(".")[0]
        return f"{self.name}.yaml" if self.name else "settings"


def shipped_names() -> list[str]:
    """Names of the recipes in the package, sorted."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def find_recipe(name_or_path: str | Path, beside: Path | None = None) -> Path:
    """The file of a recipe given by path or by name; ConfigError with the nearest name if there is none.

    A name is looked up in the folder `beside` (of the recipe that extends it), then among the shipped ones.
    """
    text = str(name_or_path)
    folder = beside or Path()
    candidates = [folder / text]
    if not text.endswith((".yaml", ".yml")):
        candidates = (
            [SHIPPED / f"{text}.yaml", folder / f"{text}.yaml"] if "/" not in text else [folder / f"{text}.yaml"]
        )
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    known = sorted({*shipped_names(), *(str(p) for p in folder.glob("*.yaml"))})
    near = difflib.get_close_matches(text, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else "`veracity recipes` lists those that are shipped"
    raise ConfigError(f"there is no recipe {text!r}; {hint}")


def read_recipe(source: str | Path | Mapping[str, Any] | Recipe, overrides: Sequence[str] = ()) -> Recipe:
    """Read and compose a recipe; later wins: what it extends, the file itself, then `overrides` from left to right."""
    if isinstance(source, Recipe):
        recipe = source
    elif isinstance(source, Mapping):
        recipe = _as_recipe("", source, {})
    else:
        recipe = _read_composed(find_recipe(source), ())
    return _override(recipe, overrides) if overrides else recipe


def _read_composed(path: Path, chain: tuple[Path, ...]) -> Recipe:
    if path.resolve() in chain:
        raise ConfigError(
            f"{path}: extends itself, by way of {' → '.join(p.name for p in chain)}; remove one `extends`"
        )
    values, places = _read_yaml(path)
    own = _as_recipe(path.stem, values, places)
    parent = values.get("extends")
    if parent is None:
        return own
    if not isinstance(parent, str):
        raise ConfigError(f"{places['extends']}: extends is {parent!r}, expected the name or path of one recipe")
    try:
        base_path = find_recipe(parent, beside=path.parent)
    except ConfigError as error:
        raise ConfigError(f"{places['extends']}: extends: {error}") from None
    base = _read_composed(base_path, (*chain, path.resolve()))
    return Recipe(
        name=own.name,
        values=_merge(base.values, own.values, str(path)),
        experiment=own.experiment or base.experiment,
        description=own.description or base.description,
        places={**base.places, **own.places},
    )


def _as_recipe(name: str, values: Mapping[str, Any], places: Mapping[str, str]) -> Recipe:
    texts = {key: values.get(key) or "" for key in ("experiment", "description")}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise ConfigError(f"{places.get(key, name or 'settings')}: {key} is {value!r}, expected text")
    return Recipe(
        name=name,
        values={key: value for key, value in values.items() if key not in RESERVED},
        experiment=texts["experiment"],
        description=texts["description"],
        places=places,
    )


def _read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Values by OmegaConf (which reads `1e-6` as a number and refuses a key given twice), lines by the YAML tree."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        values = OmegaConf.to_container(OmegaConf.create(text), resolve=False) if tree is not None else {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text ({error})") from error
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: not valid YAML: {error.problem}") from error
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: a recipe is a mapping of settings, not a {type(values).__name__}")
    label = path.name if path.parent == SHIPPED else str(path)
    return {str(k): v for k, v in values.items()}, {k: f"{label}, line {line}" for k, line in _lines(tree)}


def _lines(node: yaml.Node | None, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Each dotted key of a YAML mapping with the line it is written on, counted from 1."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        dotted = f"{prefix}{key.value}"
        yield dotted, key.start_mark.line + 1
        yield from _lines(value, f"{dotted}.")


def _merge(base: Mapping[str, Any], top: Mapping[str, Any], place: str) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        merged = OmegaConf.to_container(OmegaConf.merge(dict(base), dict(top)), resolve=False)
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        raise ConfigError(f"{place}: cannot be laid over what it extends: {str(error).splitlines()[0]}") from error
    return {str(key): value for key, value in dict(merged).items()}  # type: ignore[arg-type]


def _override(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    for text in overrides:
        key, equals, _ = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"command line: {text!r} is not an override; write key=value, as in seed=1")
        if key in RESERVED:
            raise ConfigError(f"command line: {key} cannot be overridden; write a recipe with that key instead")
    try:
        top = OmegaConf.to_container(OmegaConf.from_dotlist(list(overrides)), resolve=False)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"command line: {' '.join(overrides)}: {str(error).splitlines()[0]}") from error
    keys = {text.partition("=")[0]: "command line" for text in overrides}
    return Recipe(
        name=recipe.name,
        values=_merge(recipe.values, dict(top), "command line"),  # type: ignore[arg-type]
        experiment=recipe.experiment,
        description=recipe.description,
        places={**recipe.places, **keys},
        as_written=False,
    )
