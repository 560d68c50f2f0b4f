"""Recipes become run folders, finished work is not repeated, and grids are planned, scripted and run."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import Field
from rich.console import Console

from veracity.core.config import Settings
from veracity.core.errors import ConfigError, DataError, VeracityError
from veracity.core.identity import content_hash
from veracity.experiments.registry import Cost, experiment, experiments
from veracity.experiments.running import find_run, list_runs, newest_run, run_recipe
from veracity.experiments.sweeps import count_parameters, plan_sweep, run_sweep, write_scripts
from veracity.store.run import Run

CALLS: list[int] = []


class Squares(Settings):
    """Settings of an experiment that squares a number."""

    number: int = Field(2, description="What to square.")
    model: str = Field("", description="Folder whose parameters are counted.")


def cost(settings: Squares) -> Cost:
    return Cost(
        settings.model,
        training_steps=10,
        training_tokens=1000,
        probe_tokens=500,
        checkpoints=2,
        state_bytes=16,
        checkpoint_bytes=4,
    )


@experiment("squares", Squares, cost)
def square(settings: Squares, run: Any, console: Console) -> None:
    """Square a number, and refuse to square 13."""

    def compute() -> pl.DataFrame:
        CALLS.append(settings.number)
        return pl.DataFrame({"square": [settings.number**2]})

    if settings.number == 13:
        raise DataError("13 is not squared here")
    run.table("squares", content_hash(settings), compute)
    run.write_manifest(recipe=settings.model_dump(), wall_s=1.5)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    CALLS.clear()
    path = tmp_path / "squares.yaml"
    path.write_text("experiment: squares\nnumber: 3\n")
    return path


def quiet() -> Console:
    return Console(quiet=True)


def test_a_recipe_is_run_once(recipe: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    folder = run_recipe(recipe, runs_folder=runs, console=quiet())
    assert folder == runs / "squares"
    assert pl.read_parquet(folder / "tables" / "squares.parquet")["square"].to_list() == [9]
    assert run_recipe(recipe, runs_folder=runs, console=quiet()) == folder
    assert CALLS == [3]
    (row,) = list_runs(runs)
    assert (row.name, row.recipe, row.state, row.seconds) == ("squares", "squares", "finished", 1.5)
    assert row.started.startswith("20")


def test_runs_of_one_recipe_are_told_apart_and_each_says_how_it_ended(recipe: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    ends = {5: "finished", 6: "failed", 7: "interrupted", 8: "killed", 9: "running"}
    for number in ends:
        run_recipe(recipe, [f"number={number}"], runs_folder=runs, console=quiet(), name=str(number))
        if number == 5:
            continue
        (runs / str(number) / "manifest.json").unlink()
        if number in (6, 7):
            with pytest.raises(BaseException), Run.open(runs / str(number)):  # noqa: B017
                raise DataError("no") if number == 6 else KeyboardInterrupt
    with Run.open(runs / "9"):
        rows = list_runs(runs)
    assert {int(row.name): row.state for row in rows} == ends
    assert [row.overrides for row in rows] == [f"number={number}" for number in ends]
    assert newest_run(runs) == runs / "5"


def test_a_run_that_fails_before_its_first_stage_leaves_no_folder(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        run_recipe(recipe, ["number=13"], runs_folder=tmp_path / "runs", console=quiet())
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_stopped_in_its_first_stage_stays_listed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Run.open(tmp_path / "runs" / "long"):
        raise KeyboardInterrupt
    assert [(row.name, row.state) for row in list_runs(tmp_path / "runs")] == [("long", "interrupted")]


def test_a_run_is_found_by_name_and_by_path(recipe: Path, tmp_path: Path) -> None:
    folder = run_recipe(recipe, runs_folder=tmp_path / "runs", console=quiet())
    assert find_run("squares", tmp_path / "runs") == folder
    assert find_run(str(folder), tmp_path / "elsewhere") == folder
    with pytest.raises(ConfigError, match=r"there is no run 'square' in .*; did you mean 'squares'\?"):
        find_run("square", tmp_path / "runs")


def test_other_settings_get_another_folder(recipe: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    first = run_recipe(recipe, runs_folder=runs, console=quiet())
    other = run_recipe(recipe, ["number=4"], runs_folder=runs, console=quiet())
    named = run_recipe(recipe, ["number=5"], runs_folder=runs, console=quiet(), name="five")
    assert len({first, other, named}) == 3
    assert other.name.startswith("squares-")
    assert named.name == "five"


def test_a_wrong_setting_writes_nothing(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nubmer is not a setting; did you mean number\?"):
        run_recipe(recipe, ["nubmer=4"], runs_folder=tmp_path / "runs", console=quiet())
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("number: 3\n", "other.yaml: experiment is required; one of "),
        (
            "experiment: sqares\n",
            r"line 1: experiment: 'sqares' is not one of the experiments; did you mean 'squares'\?",
        ),
    ],
)
def test_a_recipe_must_name_an_experiment(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "other.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        run_recipe(tmp_path / "other.yaml", runs_folder=tmp_path / "runs", console=quiet())


def safetensors(folder: Path, *shapes: tuple[int, ...]) -> Path:
    folder.mkdir()
    head = {"__metadata__": {"format": "pt"}}
    head |= {str(i): {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for i, shape in enumerate(shapes)}
    text = json.dumps(head).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    return folder


def test_a_plan_counts_operations_memory_and_disk(recipe: Path, tmp_path: Path) -> None:
    model = safetensors(tmp_path / "model", (100, 10), (24,))
    assert count_parameters(str(model)) == 1024
    plan = plan_sweep(recipe, ["number=[1,2]", f"model={model}"], runs_folder=tmp_path / "runs", speed=1.0)
    assert [job.point.id for job in plan.jobs] == ["number=1", "number=2"]
    job = plan.jobs[0]
    # 6 operations a parameter and trained token, 2 a parameter and probed token
    assert job.operations == 1024 * (6 * 1000 + 2 * 500)
    assert (job.steps, job.memory, job.disk) == (10, 1024 * 16, 1024 * 4 * 2)
    assert job.seconds == pytest.approx(job.operations / 0.25e9)
    assert not (tmp_path / "runs").exists()


def test_an_unknown_model_has_no_cost_and_a_large_one_no_seconds(recipe: Path, tmp_path: Path) -> None:
    jobs = plan_sweep(recipe, ["model=[nobody/nothing,Qwen/Qwen3-4B]"], runs_folder=tmp_path, speed=1.0).jobs
    assert (jobs[0].steps, jobs[0].operations, jobs[0].memory) == (10, None, None)
    assert jobs[1].seconds is None
    assert jobs[1].memory == 4_000_000_000 * 16


def test_a_sweep_skips_what_is_finished_and_goes_on_after_a_failure(recipe: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    run_recipe(recipe, runs_folder=runs, console=quiet())
    grid = ["number=[3,13,4]"]
    with pytest.raises(VeracityError, match="1 of 3 points failed, run again to retry them: number=13"):
        run_sweep(plan_sweep(recipe, grid, runs_folder=runs), grid, runs_folder=runs, console=quiet())
    assert CALLS == [3, 4], "3 was finished before the sweep"
    assert [job.finished is not None for job in plan_sweep(recipe, grid, runs_folder=runs).jobs] == [True, False, True]


def test_scripts_run_the_points(recipe: Path, tmp_path: Path) -> None:
    runs, folder = tmp_path / "my runs", tmp_path / "scripts"
    grid = ["number=[1,2]", "model='a b'"]
    plan = plan_sweep(recipe, grid, runs_folder=runs)
    scripts = write_scripts(plan, folder, grid, runs_folder=runs, command="printf '%s\\n'")
    assert [script.name for script in scripts] == ["000_number=1.sh", "001_number=2.sh", "all_jobs.sh"]
    done = subprocess.run([folder / "all_jobs.sh"], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[:6] == ["run", str(recipe), "model='a b'", "number=1", "--runs", str(runs)]
    with pytest.raises(ConfigError, match="is not empty"):
        write_scripts(plan, folder)


def test_every_setting_of_every_experiment_is_described() -> None:
    from veracity.core.config import schema_table

    undescribed = [
        f"{name}: {row.key}"
        for name, found in experiments
        for row in schema_table(found.settings)
        if not row.description
    ]
    assert undescribed == []
