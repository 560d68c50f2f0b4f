"""`veracity run` of a factuality recipe killed with SIGKILL, again and again: at last what an undisturbed run gives."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from veracity.store.run import RunFolder

CHILD = Path(__file__).with_name("factuality_child.py")
SETTINGS = [
    "model=sim/expert",
    "judge=sim/judge",
    "short.problems=100",
    "short.samples=3",
    "short.split=test",
    "short.confidence=[sequence_mean,sample_answer]",
    "long.problems=30",
    "long.split=test",
    "card_items=15",
]
EFFORT = ("seconds", "cost")
"""Columns of what a stage took, which no two runs share."""


class Commands:
    """`veracity` in processes that begin warm; see `factuality_child`."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._line() == "ready"

    def run(self, folder: Path, kill_when: Callable[[], bool] | None = None) -> int:
        """Exit code of the run in `folder`, with a ledger of its own; −9 if it was killed."""
        assert self.process.stdin is not None
        arguments = ["run", "factuality-tiny", *SETTINGS, "--runs", str(folder), "--name", "run"]
        self.process.stdin.write(json.dumps([str(folder / "cache"), arguments]) + "\n")
        self.process.stdin.flush()
        pid = int(self._line())
        if kill_when is not None:
            deadline = time.monotonic() + 60
            while not kill_when() and time.monotonic() < deadline:
                time.sleep(0.001)
            os.kill(pid, signal.SIGKILL)
        return int(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    started = Commands()
    yield started
    started.process.stdin.close()  # type: ignore[union-attr]
    started.process.wait(10)


def recorded(folder: Path) -> int:
    """Replies in the ledger, read without Veracity; 0 while there is none."""
    ledger = folder / "cache" / "ledger.sqlite"
    if not ledger.exists():
        return 0
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM replies").fetchone()[0])
        except sqlite3.OperationalError:  # its table is not made yet, or just being made
            return 0


def test_a_killed_run_ends_with_the_result_of_an_undisturbed_one(commands: Commands, tmp_path: Path) -> None:
    """Killed while it asks for short answers, while it draws further ones, when claims are judged, while it reports."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert commands.run(whole) == 0
    run = broken / "run"
    moments: dict[str, Callable[[], bool]] = {
        "asking": lambda: recorded(broken) > 0,
        "drawing": lambda: (run / "tables" / "answers.parquet").exists(),
        "judging": lambda: (run / "tables" / "claims.parquet").exists(),
        "reporting": lambda: (run / "estimates.json").exists(),
    }
    left = []
    for moment in moments.values():
        assert commands.run(broken, moment) == -signal.SIGKILL
        assert not (run / "manifest.json").exists(), "a killed run is no finished run"
        left.append(recorded(broken))
    assert 0 < left[0] < left[1] < left[2] <= left[3] == recorded(whole), "each was killed in the midst of its work"
    assert commands.run(broken) == 0

    assert recorded(broken) == recorded(whole)
    ours, theirs = RunFolder(run), RunFolder(whole / "run")
    manifest = ours.manifest() or {}
    assert manifest["requests"]["asked"] == 0, "what is in the ledger is not asked again"
    assert (run / "estimates.json").read_bytes() == (whole / "run" / "estimates.json").read_bytes()
    assert ours.tables() == theirs.tables()
    for name in ours.tables():
        effort = [column for column in EFFORT if column in ours.read_table(name).columns]
        assert ours.read_table(name).drop(effort).equals(theirs.read_table(name).drop(effort)), name
    stored = [event["stage"] for event in ours.events() if event["event"] == "stored"]
    assert len(stored) == len(set(stored)), "no stage that was complete was computed again"
    assert (run / "report.html").exists() and not list(broken.rglob("*.tmp-*"))
