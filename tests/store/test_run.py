"""A run folder holds complete things only, and never computes a stage twice for the same key."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veracity.core.errors import StoreError
from veracity.core.estimate import Estimate
from veracity.store.run import Run, RunFolder, runs

FRAME = pl.DataFrame({"item": ["a", "b"], "value": [1.5, math.nan], "tags": [["x"], []]})


class Stage:
    """Counts how often it was computed."""

    def __init__(self, frame: pl.DataFrame = FRAME) -> None:
        self.frame, self.calls = frame, 0

    def __call__(self) -> pl.DataFrame:
        self.calls += 1
        return self.frame


class Build:
    """Fills a folder and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "inner").mkdir()
        (folder / "inner" / "w.bin").write_bytes(b"0123456789")


def test_a_table_is_computed_once_a_key(tmp_path: Path) -> None:
    stage = Stage()
    with Run.open(tmp_path / "r") as run:
        first = run.table("scores", "key-1", stage)
        assert first.equals(FRAME, null_equal=True)
        assert first.schema == FRAME.schema
        assert stage.calls == 1
    with Run.open(tmp_path / "r") as run:
        assert run.table("scores", "key-1", stage).equals(first)
        assert stage.calls == 1
        run.table("scores", "key-2", stage)
        assert stage.calls == 2
        run.table("scores", "key-2", stage)
        run.table("other", "key-2", stage)
        assert stage.calls == 3
        assert run.tables() == ["other", "scores"]


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        with Run.open(tmp_path / name) as run:
            run.table("t", "k", Stage(FRAME.clone()))
            files.append((run.path / "tables" / "t.parquet").read_bytes())
    assert files[0] == files[1]


def test_a_stage_that_fails_stores_nothing(tmp_path: Path) -> None:
    def fail() -> pl.DataFrame:
        raise ZeroDivisionError

    with Run.open(tmp_path / "r") as run:
        with pytest.raises(ZeroDivisionError):
            run.table("t", "k", fail)
        with pytest.raises(ZeroDivisionError):
            run.artifact("m", "k", lambda folder: (folder / "half").write_text("x") and fail())
        assert run.tables() == []
        assert list((run.path / "artifacts").iterdir()) == []


@settings(max_examples=25)
@given(cut=st.integers(0, 10_000))
def test_a_table_torn_anywhere_is_named_moved_aside_and_computed_anew(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    stage = Stage()
    with Run.open(tmp_path_factory.mktemp("runs")) as run:
        run.table("t", "k", stage)
        path = run.path / "tables" / "t.parquet"
        torn = path.read_bytes()[: cut % path.stat().st_size]
        path.write_bytes(torn)
        assert run.table("t", "k", stage).equals(FRAME, null_equal=True)
        assert stage.calls == 2
        assert path.with_name("t.parquet.damaged-1").read_bytes() == torn
        (told,) = [event for event in run.events() if event["event"] == "damaged"]
        assert told["file"] == "t.parquet"
        assert told["moved_to"] == "t.parquet.damaged-1"
        assert run.tables() == ["t"]


def test_an_artifact_is_built_once_a_key_and_anew_if_truncated(tmp_path: Path) -> None:
    build = Build()
    with Run.open(tmp_path / "r") as run:
        folder = run.artifact("model", "key-1", build)
        assert (folder / "inner" / "w.bin").read_bytes() == b"0123456789"
        assert run.artifact("model", "key-1", build) == folder
        assert build.calls == 1
        assert run.artifact("model", "key-2", build) == folder
        assert build.calls == 2
        (folder / "inner" / "w.bin").write_bytes(b"01234")
        run.artifact("model", "key-2", build)
        assert build.calls == 3
        assert (folder / "inner" / "w.bin").read_bytes() == b"0123456789"
        aside = run.path / "artifacts" / "model.damaged-1"
        assert (aside / "inner" / "w.bin").read_bytes() == b"01234"
        (folder / "stage.json").unlink()
        run.artifact("model", "key-2", build)
        assert build.calls == 4


def test_an_artifact_may_grow(tmp_path: Path) -> None:
    build = Build()
    with Run.open(tmp_path / "r") as run:
        (run.artifact("model", "k", build) / "cache.bin").write_bytes(b"x")
        run.artifact("model", "k", build)
        assert build.calls == 1


@pytest.mark.parametrize("name", ["../t", "a/b", "", ".hidden", "a b"])
def test_a_stage_name_is_a_plain_file_name(tmp_path: Path, name: str) -> None:
    with Run.open(tmp_path / "r") as run, pytest.raises(StoreError, match="cannot name a stage"):
        run.table(name, "k", Stage())


def test_a_run_is_complete_from_its_manifest_until_a_stage_is_computed(tmp_path: Path) -> None:
    with Run.open(tmp_path / "runs" / "a") as run:
        run.table("t", "k", Stage())
        assert not run.complete
        run.write_manifest(recipe={"lr": 0.1}, seeds={"run": 7}, models={"policy": "abc"}, wall_s=12.5, cost=0.25)
        assert run.complete
        manifest = run.manifest()
    assert manifest is not None
    assert manifest["recipe"] == {"lr": 0.1}
    assert manifest["seeds"] == {"run": 7}
    assert manifest["packages"]["polars"] == pl.__version__
    assert manifest["machine"]["cores"] == os.cpu_count()
    with Run.open(tmp_path / "runs" / "a") as run:
        run.table("t", "k", Stage())
        assert run.complete
        run.table("t", "another", Stage())
        assert not run.complete
    Run.open(tmp_path / "runs" / "b").close()
    (tmp_path / "runs" / "no run").mkdir()
    assert [(r.path.name, r.complete, r.tables()) for r in runs(tmp_path / "runs")] == [
        ("a", False, ["t"]),
        ("b", False, []),
    ]
    assert runs(tmp_path / "nowhere") == []


def test_repeating_a_finished_run_keeps_what_it_cost(tmp_path: Path) -> None:
    for cost in (3.0, 0.0):
        with Run.open(tmp_path / "r") as run:
            run.table("t", "k", Stage())
            run.write_manifest(recipe={"path": Path("x")}, seeds={"run": 1}, cost=cost)
    manifest = RunFolder(tmp_path / "r").manifest()
    assert manifest is not None
    assert manifest["cost"] == 3.0
    with Run.open(tmp_path / "r") as run:
        run.write_manifest(recipe={"path": Path("y")}, seeds={"run": 1}, cost=0.0)
        assert (run.manifest() or {})["recipe"] == {"path": "y"}


def test_a_torn_manifest_is_moved_aside_and_the_run_counts_as_unfinished(tmp_path: Path) -> None:
    with Run.open(tmp_path / "r") as run:
        run.write_manifest(recipe={}, seeds={})
    path = tmp_path / "r" / "manifest.json"
    path.write_bytes(path.read_bytes()[:-30])
    assert not RunFolder(tmp_path / "r").complete
    assert path.exists()  # looking changes nothing
    with Run.open(tmp_path / "r") as run:
        assert not path.exists()
        assert path.with_name("manifest.json.damaged-1").exists()
        run.write_manifest(recipe={}, seeds={})
        assert run.complete


def test_estimates_come_back_as_they_were(tmp_path: Path) -> None:
    estimates = {
        "V": Estimate(0.9, 0.01, 0.88, 0.92, 100, 50, "higher", null=0.5),
        "empty": Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, "neither"),
    }
    with Run.open(tmp_path / "r") as run:
        assert run.estimates() == {}
        run.write_estimates(estimates)
        assert repr(run.estimates()) == repr(estimates)  # NaN equals nothing, but its text does
        stored = json.loads((run.path / "estimates.json").read_text())
        assert stored["V"]["null"] == 0.5
        assert stored["empty"]["value"] is None
        (run.path / "estimates.json").write_text('{"V": {"value": 1}}')
        with pytest.raises(StoreError, match=r"estimates\.json is damaged .* run the experiment again"):
            run.estimates()


def test_a_torn_log_line_is_left_out_and_the_next_one_stands_alone(tmp_path: Path) -> None:
    with Run.open(tmp_path / "r") as run:
        run.log("note", number=1)
    with (tmp_path / "r" / "log.jsonl").open("a") as handle:
        handle.write('{"time": "2026", "ev')
    with Run.open(tmp_path / "r") as run:
        run.log("note", number=2, path=Path("x"))
        assert [(e["event"], e.get("number")) for e in run.events()] == [
            ("opened", None),
            ("note", 1),
            ("opened", None),
            ("note", 2),
        ]


def test_a_missing_or_damaged_table_is_told_to_a_reader(tmp_path: Path) -> None:
    with Run.open(tmp_path / "r") as run:
        run.table("scores", "k", Stage())
    folder = RunFolder(tmp_path / "r")
    assert folder.read_table("scores").height == 2
    with pytest.raises(StoreError, match="there is no table 'score'; there are: scores"):
        folder.read_table("score")
    (tmp_path / "r" / "tables" / "scores.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=r"scores\.parquet is damaged .* run the experiment again"):
        folder.read_table("scores")


HOLDER = """
import sys
from veracity.store.run import Run
run = Run.open(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_never_write_one_run_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "r"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(StoreError, match=rf"process {child.pid} on .* is writing to this run folder; wait for it"):
        Run.open(tmp_path / "r")
    child.kill()
    child.communicate()
    Run.open(tmp_path / "r").close()


def test_opening_sweeps_what_a_killed_writer_left(tmp_path: Path) -> None:
    Run.open(tmp_path / "r").close()
    left = tmp_path / "r" / "tables" / ".t.parquet.tmp-elsewhere-123-0a1b2c3d"
    left.write_bytes(b"half")
    Run.open(tmp_path / "r").close()
    assert not left.exists()


FULL = """
import resource, signal, sys
import polars as pl
from veracity.core.errors import StoreError
from veracity.store.run import Run
with Run.open(sys.argv[1]) as run:
    run.table("small", "k", lambda: pl.DataFrame({"a": [1]}))
    run.write_manifest(recipe={})
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        run.table("large", "k", lambda: pl.DataFrame({"a": [str(i * i) for i in range(100_000)]}))
    except StoreError as error:
        print(error)
"""


def test_a_full_device_leaves_the_complete_tables_and_no_half_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, tmp_path / "r"]
    child = subprocess.run(command, capture_output=True, text=True, check=True)
    assert child.stdout.startswith(f"{tmp_path / 'r' / 'tables' / 'large.parquet'}: the device is full")
    assert [p.name for p in (tmp_path / "r" / "tables").iterdir()] == ["small.parquet"]
    assert not RunFolder(tmp_path / "r").complete
