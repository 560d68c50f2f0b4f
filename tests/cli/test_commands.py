"""The small commands, as a user calls them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from veracity.cli import doctor
from veracity.cli.app import app
from veracity.core.threads import ThreadSpeed, measure_threads, usable_cores
from veracity.world import World


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "world"
    text = call("world", "make", str(folder), "--entities", "300", "--seed", "3")
    assert text.startswith(f"{len(World.load(folder).entities)} entities, ")
    return folder


def test_a_world_is_made_once(world: Path) -> None:
    assert World.load(world).identity == World.generate(3, 300).identity
    assert "there is a world already" in call("world", "make", str(world), code=1)


def test_a_world_is_shown(world: Path) -> None:
    text = call("world", "show", str(world))
    assert "person" in text
    entity = World.load(world).entities[0]
    assert entity.name in call("world", "show", str(world), "--name", entity.name)
    assert "nobody and nothing" in call("world", "show", str(world), "--name", "Nobody Atall", code=1)


def test_claims_are_judged_by_look_up(world: Path) -> None:
    fact = World.load(world).facts[0]
    true, false = (fact.claims[0].format(subject=fact.subject, value=value) for value in (fact.value, fact.foil))
    lines = call("world", "verify", str(world), true, false, "Grass is green.").splitlines()
    assert lines[0] == f"supported: {true} ({fact.subject}, {fact.relation}: {fact.value})"
    assert lines[1].startswith(f"refuted: {false}")
    assert lines[2].startswith("not in world: ")
    assert "intact" in call("world", "verify", str(world))


def test_a_damaged_world_is_named(world: Path, tmp_path: Path) -> None:
    for file in world.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "facts.parquet").write_bytes(b"torn")
    assert "facts.parquet" in call("world", "verify", str(tmp_path), code=1)


def test_no_runs_yet(tmp_path: Path) -> None:
    assert "`veracity demo` makes the first" in call("runs", "--runs", str(tmp_path))


def test_every_shipped_recipe_is_valid() -> None:
    lines = call("recipes", "check").splitlines()
    assert lines
    assert all(": fine, " in line for line in lines), lines


def test_doctor_finds_what_the_package_asks_for() -> None:
    needed, extras = doctor.declared_requirements()
    assert {"torch", "transformers", "pydantic", "typer"} <= set(needed)
    assert {"pytest", "ruff"} <= set(extras["dev"])
    assert [doctor.check_package(name).state for name in needed] == ["ok"] * len(needed)


def test_the_doctors_table_shows_brackets_as_they_are(monkeypatch, capsys) -> None:
    """Not taken for the markup of the table."""
    monkeypatch.setattr(doctor, "all_checks", lambda: iter([doctor.check_extra("gpu", ["no-such-package-here"])]))
    doctor.doctor()
    assert 'pip install "veracity[gpu]"' in capsys.readouterr().out


def test_doctor_says_how_to_get_what_is_missing() -> None:
    check = doctor.check_package("no-such-package-here")
    assert (check.state, check.remedy) == ("missing", "pip install no-such-package-here")
    extra = doctor.check_extra("gpu", ["no-such-package-here", "pytest"])
    assert (extra.state, extra.found) == ("optional", "without no-such-package-here")
    assert extra.remedy == 'pip install "veracity[gpu]"'


def test_threads_are_measured_and_pytorch_is_left_as_it_was() -> None:
    import torch

    before = torch.get_num_threads()
    speed = measure_threads(0.05)
    assert torch.get_num_threads() == before
    assert speed.cores == usable_cores()
    assert min(speed.one, speed.all) > 0
    assert ThreadSpeed(8, one=10, all=60).best == 8
    assert ThreadSpeed(8, one=10, all=11).best == 1


def test_the_schema_documents_every_setting() -> None:
    text = call("recipes", "schema")
    assert "acquisition.learning_rate" in text
    assert "number > 0" in text
    assert "These are the settings of gv-gap;" in text and "factuality" in text.rpartition("These are")[2]
    assert "did you mean 'gv-gap'?" in call("recipes", "schema", "gv-gup", code=1)
    assert call("recipes", "schema", "truth-seeking-eval") == call("recipes", "schema", "truth-seeking")  # a recipe's


def test_a_recipe_is_shown_with_its_defaults() -> None:
    shown = yaml.safe_load(call("recipes", "show", "gv-gap-qwen3-4b", "seeds=[7]"))
    assert shown["experiment"] == "gv-gap"
    assert shown["seeds"] == [7]
    assert shown["training"]["weight_decay"] == 0.05
    assert shown["update"]["schedule"] == "constant_with_warmup"


def test_a_large_sweep_is_planned_and_scripted_without_a_gpu(tmp_path: Path) -> None:
    arguments = ["gv-gap-gemma3-4b", "acquisition.learning_rate=[1e-6,2e-6]", "--scripts", str(tmp_path / "jobs")]
    text = call("sweep", "plan", *arguments, "--runs", str(tmp_path / "runs"))
    assert "acquisition.learning_rate=1e-06" in text
    assert "2 of 2 to do" in text
    script = (tmp_path / "jobs" / "001_acquisition.learning_rate=2e-06.sh").read_text()
    assert "veracity run gv-gap-gemma3-4b acquisition.learning_rate=2e-06 --runs" in script
    assert not (tmp_path / "runs").exists()
