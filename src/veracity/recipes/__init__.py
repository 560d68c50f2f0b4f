"""Floor 8: the recipes, YAML files beside this one, one a published method or experiment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from veracity.core.config import Source, expand
from veracity.core.errors import VeracityError
from veracity.core.recipe_files import Recipe, read_recipe, shipped_names
from veracity.experiments.registry import experiment_of

__all__ = ["check_all", "resolved", "shipped"]


def shipped() -> list[Recipe]:
    """The recipes in the package, composed but not validated, sorted by name."""
    return [read_recipe(name) for name in shipped_names()]


def resolved(source: Source, overrides: list[str] | None = None) -> dict[str, Any]:
    """A recipe as plain values with every default filled in; of a grid, a list of its points by their ids."""
    recipe = read_recipe(source, overrides or [])
    points = expand(experiment_of(recipe).settings, recipe)
    head = {"experiment": recipe.experiment, "description": recipe.description}
    if len(points) == 1:
        return {**head, **points[0].settings.model_dump(mode="json")}
    return {**head, "points": {point.id: point.settings.model_dump(mode="json") for point in points}}


def check_all() -> Iterator[tuple[str, int, str]]:
    """(name, number of points, what is wrong or the empty string) of every shipped recipe."""
    for name in shipped_names():
        try:
            recipe = read_recipe(name)
            yield name, len(expand(experiment_of(recipe).settings, recipe)), ""
        except VeracityError as error:
            yield name, 0, str(error)
