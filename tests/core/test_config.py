"""Settings are read strictly, and every error names the place, the key and the remedy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from veracity.core.config import Settings, expand, load_settings, schema_table
from veracity.core.errors import ConfigError
from veracity.core.recipe_files import read_recipe


class Training(Settings):
    learning_rate: float = Field(1e-3, gt=0, description="Step size.")
    epochs: int = Field(3, ge=1, description="Passes over the data.")
    schedule: Literal["constant", "cosine"] = Field("constant", description="Shape of the learning rate.")


class Lora(Settings):
    r: int = Field(4, ge=1, description="Rank.")


class Study(Settings):
    seed: int = Field(0, description="Seed of every draw.")
    model: str = Field("tiny", description="Folder or hub id.")
    training: Training = Field(Training(), description="How the model is trained.")
    lora: Lora | None = Field(None, description="Adapter; full training without it.")
    delays: tuple[int, ...] = Field((0, 3), description="Epochs to wait.")
    output: Path | None = Field(None, description="Where to write.")


class Named(Settings):
    model: str = Field(description="Folder or hub id.")


class Reading(Settings):
    parts: tuple[Literal["end", "start"], ...] = Field(("end",), min_length=1, description="What to read.")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("experiment: study\ntraining:\n  learning_rate: 3e-4\n  epochs: 4\ndelays: [0, 6]\noutput: a/b\n")
    return path


def test_a_recipe_gives_typed_settings(recipe: Path) -> None:
    settings = load_settings(Study, recipe)
    assert settings.training == Training(learning_rate=3e-4, epochs=4)
    assert settings.delays == (0, 6)
    assert settings.output == Path("a/b")


def test_overrides_win_from_left_to_right(recipe: Path) -> None:
    settings = load_settings(Study, recipe, ["training.epochs=7", "seed=5", "seed=6", "lora.r=8", "delays=[1]"])
    assert (settings.training.epochs, settings.seed, settings.lora, settings.delays) == (7, 6, Lora(r=8), (1,))
    assert settings.training.learning_rate == 3e-4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.lerning_rate=1", "training.lerning_rate is not a setting; did you mean training.learning_rate?"),
        ("learning_rate=1", "learning_rate is not a setting; did you mean training.learning_rate?"),
        ("qqq=1", "qqq is not a setting; `veracity recipes schema` lists all settings"),
        ("training.epochs=many", "training.epochs is 'many', expected whole number ≥ 1"),
        ("training.epochs=true", "training.epochs is True, expected whole number ≥ 1"),
        ("training.epochs=1.5", "training.epochs is 1.5, expected whole number ≥ 1"),
        ("training.epochs=0", "training.epochs is 0, expected whole number ≥ 1"),
        ("training.learning_rate=.nan", "training.learning_rate is nan, expected number > 0"),
        ("training.schedule=linear", "training.schedule is 'linear', expected one of 'constant', 'cosine'"),
        (
            "training.schedule=cosin",
            "training.schedule is 'cosin', expected one of 'constant', 'cosine'; did you mean 'cosine'?",
        ),
        ("model=5", "model is 5, expected text"),
        ("training=5", "training is 5, expected section"),
        ("delays=[1,a]", "delays.1 is 'a', expected list (whole number)"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(recipe: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^command line: {re.escape(message)}$"):
        load_settings(Study, recipe, [override])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["ends"], "parts.0 is 'ends', expected one of 'end', 'start'; did you mean 'end'?"),
        ([], "parts is [], expected list (one of 'end', 'start') length ≥ 1"),
    ],
)
def test_a_wrong_word_in_a_list_is_told_once_with_the_nearest(parts: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^settings: {re.escape(message)}$"):
        load_settings(Reading, {"parts": parts})


def test_the_place_is_file_and_line_and_all_errors_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("seed: 1\ntraining:\n  epochs: x\n  lerning_rate: 1\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(Study, path)
    assert str(caught.value).splitlines() == [
        f"{path}, line 3: training.epochs is 'x', expected whole number ≥ 1",
        f"{path}, line 4: training.lerning_rate is not a setting; did you mean training.learning_rate?",
    ]


def test_a_missing_setting_says_what_it_is() -> None:
    with pytest.raises(ConfigError, match=r"^settings: model is required \(Folder or hub id.\)$"):
        load_settings(Named, {})


@pytest.mark.parametrize("override", ["seed", "=1", ""])
def test_an_override_without_key_or_value_is_refused(recipe: Path, override: str) -> None:
    with pytest.raises(ConfigError, match="write key=value"):
        load_settings(Study, recipe, [override])


def test_the_experiment_cannot_be_overridden(recipe: Path) -> None:
    with pytest.raises(ConfigError, match="experiment cannot be overridden"):
        load_settings(Study, recipe, ["experiment=other"])


def test_extends_lays_a_recipe_over_another(recipe: Path) -> None:
    top = recipe.with_name("top.yaml")
    top.write_text("extends: recipe\ndescription: with six epochs\ntraining:\n  epochs: 6\n")
    settings = load_settings(Study, top)
    assert settings.training == Training(learning_rate=3e-4, epochs=6)
    composed = read_recipe(top)
    assert (composed.name, composed.experiment, composed.description) == ("top", "study", "with six epochs")
    assert composed.place("training.epochs") == f"{top}, line 4"
    assert composed.place("training.learning_rate") == f"{recipe}, line 3"


def test_extending_by_relative_path(recipe: Path) -> None:
    folder = recipe.parent / "more"
    folder.mkdir()
    (folder / "top.yaml").write_text("extends: ../recipe.yaml\nseed: 9\n")
    assert load_settings(Study, folder / "top.yaml").seed == 9


def test_a_circle_of_extends_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b\n")
    (tmp_path / "b.yaml").write_text("extends: a\n")
    with pytest.raises(ConfigError, match=r"extends itself, by way of a\.yaml → b\.yaml"):
        load_settings(Study, tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [1\n", "recipe.yaml, line 2: not valid YAML"),
        ("- a\n", "a recipe is a mapping of settings"),
        ("seed: 1\nseed: 2\n", "duplicate key seed"),
        ("extends: [a, b]\n", r"recipe.yaml, line 1: extends is \['a', 'b'\]"),
        ("extends: nowhere\n", "recipe.yaml, line 1: extends: there is no recipe 'nowhere'"),
        ("experiment: [1]\n", r"line 1: experiment is \[1\], expected text"),
    ],
)
def test_a_malformed_recipe_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_settings(Study, path)


def test_an_empty_recipe_is_all_defaults(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    assert load_settings(Study, tmp_path / "empty.yaml") == Study()


def test_a_missing_recipe_names_the_nearest(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recipe.parent)
    with pytest.raises(ConfigError, match=r"there is no recipe 'recipes.yaml'; did you mean 'recipe.yaml'\?"):
        load_settings(Study, "recipes.yaml")


def test_lists_where_one_value_is_wanted_span_a_grid(recipe: Path) -> None:
    points = expand(Study, recipe, ["training.learning_rate=[3e-4,0.1]", "seed=[0,1]"])
    assert [point.id for point in points] == [
        "training.learning_rate=0.0003,seed=0",
        "training.learning_rate=0.0003,seed=1",
        "training.learning_rate=0.1,seed=0",
        "training.learning_rate=0.1,seed=1",
    ]
    assert {point.settings.delays for point in points} == {(0, 6)}, "a list that the schema wants is no axis"
    assert len({point.identity for point in points}) == 4


def test_a_point_s_overrides_give_the_point(recipe: Path) -> None:
    for point in expand(Study, recipe, ["training.schedule=[constant,cosine]", "model=['a b',c]"]):
        alone = load_settings(Study, recipe, list(point.overrides))
        assert alone == point.settings


def test_identity_is_the_settings_and_not_the_way_they_were_written(recipe: Path) -> None:
    (one,) = expand(Study, recipe, ["seed=1"])
    two = expand(Study, {"training": {"learning_rate": 0.0003, "epochs": 4}, "output": "a/b"}, ["delays=[0,6]"])
    assert one.id == "default"
    assert one.identity != two[0].identity
    assert one.identity == expand(Study, recipe, ["seed=[0,1]"])[1].identity


def test_a_grid_is_not_one_run(recipe: Path) -> None:
    with pytest.raises(ConfigError, match=r"^command line: seed lists 2 values .* `veracity sweep run`"):
        load_settings(Study, recipe, ["seed=[0,1]"])
    with pytest.raises(ConfigError, match="seed is an empty list"):
        expand(Study, recipe, ["seed=[]"])


def test_a_section_can_be_an_axis() -> None:
    points = expand(Study, {"lora": [None, {"r": 2}]})
    assert [point.settings.lora for point in points] == [None, Lora(r=2)]


def test_the_schema_lists_every_setting_with_type_and_default() -> None:
    rows = {row.key: row for row in schema_table(Study)}
    assert list(rows) == [
        "seed",
        "model",
        "training",
        "training.learning_rate",
        "training.epochs",
        "training.schedule",
        "lora",
        "lora.r",
        "delays",
        "output",
    ]
    assert (rows["training.learning_rate"].type, rows["training.learning_rate"].default) == ("number > 0", "0.001")
    assert rows["lora"].type == "section or null"
    assert rows["delays"].default == "[0,3]"
    assert all(row.description for row in rows.values())


def test_settings_are_frozen_and_their_defaults_are_checked() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Study().seed = 1  # type: ignore[misc]
