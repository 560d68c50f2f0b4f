"""Kill at any moment, run again: nothing that was recorded is asked again, and the result is the same to the byte."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from kill_job import IN_FLIGHT
from kill_trial import contents, kill_until_done, logged_calls, open_at_kills, recorded_keys, repeated, session


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float, int]:
    """The run that nobody kills: its files, how long it works, and how many samples it asks."""
    folder = tmp_path_factory.mktemp("undisturbed")
    whole = session(folder, None)
    return contents(folder), whole.seconds, len(whole.asked)


@pytest.mark.parametrize("seed", range(20))
def test_a_killed_run_goes_on_where_it_was(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], float, int], seed: int
) -> None:
    files, duration, samples = undisturbed
    sessions = kill_until_done(tmp_path, seed, duration, kills=1 + seed % 2)
    for killed, following in pairwise(sessions):
        assert killed.calls_open <= IN_FLIGHT
        assert not killed.recorded & set(following.asked)  # nothing recorded is ever asked again
    assert repeated(sessions) <= open_at_kills(sessions)
    assert len(recorded_keys(tmp_path)) == samples
    assert contents(tmp_path) == files
    assert (tmp_path / "run" / "manifest.json").exists()
    assert not [p for p in tmp_path.rglob("*") if ".tmp-" in p.name or "damaged" in p.name]


def test_a_finished_run_repeated_asks_nothing_and_changes_nothing(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], float, int]
) -> None:
    session(tmp_path, None)
    manifest, calls = (tmp_path / "run" / "manifest.json").read_bytes(), len(logged_calls(tmp_path))
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "run" / "tables").iterdir()}
    assert session(tmp_path, None).asked == ()
    assert len(logged_calls(tmp_path)) == calls
    assert (tmp_path / "run" / "manifest.json").read_bytes() == manifest
    assert {p: p.stat().st_mtime_ns for p in times} == times
    for path in times:
        path.unlink()
    assert session(tmp_path, None).asked == ()  # even without its tables: the ledger knows every reply
    assert contents(tmp_path) == undisturbed[0]


def test_a_truncated_ledger_and_table_are_named_and_recovered_from(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], float, int]
) -> None:
    files, _, samples = undisturbed
    session(tmp_path, None)
    ledger, table = tmp_path / "ledger.sqlite", tmp_path / "run" / "tables" / "answers.parquet"
    for path, share in ((ledger, 0.6), (table, 0.5)):
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
    again = session(tmp_path, None)
    assert f"{ledger} is damaged" in again.messages
    assert f"{table} is damaged" in again.messages
    assert "ledger.sqlite.damaged-1" in again.messages
    assert "answers.parquet.damaged-1" in again.messages
    assert 0 < len(again.asked) < samples  # what could be read is not asked again
    kept = {name: data for name, data in contents(tmp_path).items() if "damaged" not in name}
    assert kept == files
    events = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [e["file"] for e in events if e["event"] == "damaged"] == ["answers.parquet"]
