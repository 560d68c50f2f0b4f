"""Kill the child experiment at random moments until it ends by itself, and keep account of what was paid twice."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

JOB = Path(__file__).with_name("kill_job.py")


@dataclass(frozen=True)
class Session:
    """One start of the child: which keys it asked, and what was recorded when it had ended."""

    killed: bool
    asked: tuple[str, ...]
    recorded: frozenset[str]
    calls_open: int
    """Calls that were asked in this session and not recorded by its end."""
    messages: str
    seconds: float
    """From the end of the child's imports to its end."""


def logged_calls(folder: Path) -> list[tuple[str, ...]]:
    log = folder / "calls.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    return [tuple(keys) for line in lines for keys in json.loads(line)]


def recorded_keys(folder: Path) -> frozenset[str]:
    """The ledger's keys, read without Veracity."""
    if not (folder / "ledger.sqlite").exists():
        return frozenset()
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        exists = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'replies'").fetchone()[0]
        rows = connection.execute("SELECT key FROM replies").fetchall() if exists else []
    return frozenset(key.hex() for (key,) in rows)


def session(folder: Path, kill_after: float | None) -> Session:
    """Start the child; send SIGKILL `kill_after` seconds after its imports, if it still runs then."""
    folder.mkdir(parents=True, exist_ok=True)
    before = len(logged_calls(folder))
    child = subprocess.Popen([sys.executable, JOB, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    started = time.monotonic()
    if kill_after is not None:
        time.sleep(kill_after)
        child.kill()
    _, errors = child.communicate()
    seconds = time.monotonic() - started
    assert child.returncode in ((0, -9) if kill_after is not None else (0,)), errors
    calls, recorded = logged_calls(folder)[before:], recorded_keys(folder)
    open_calls = sum(1 for keys in calls if not recorded.issuperset(keys))
    asked = tuple(key for keys in calls for key in keys)
    return Session(child.returncode != 0, asked, recorded, open_calls, errors, seconds)


def kill_until_done(folder: Path, seed: int, duration: float, kills: int) -> list[Session]:
    """At most `kills` kills, each at a moment drawn over `duration` seconds; then a session that may end by itself.

    Early moments are drawn more often, as that is when most is asked.
    """
    rng, sessions = random.Random(seed), []
    for _ in range(kills):
        sessions.append(session(folder, duration * rng.random() ** 2))
        if not sessions[-1].killed:
            return sessions
    return [*sessions, session(folder, None)]


def repeated(sessions: list[Session]) -> int:
    """How many samples were asked more than once over all sessions."""
    return sum(count - 1 for count in Counter(key for s in sessions for key in s.asked).values())


def open_at_kills(sessions: list[Session]) -> int:
    """How many samples had been asked but not recorded when a session ended."""
    return sum(len(set(s.asked) - s.recorded) for s in sessions)


def contents(folder: Path) -> dict[str, bytes]:
    """Every table and every built file of the run, byte by byte."""
    run = folder / "run"
    files = [*(run / "tables").iterdir(), *(p for p in (run / "artifacts").rglob("*") if p.is_file())]
    return {p.relative_to(run).as_posix(): p.read_bytes() for p in files}
