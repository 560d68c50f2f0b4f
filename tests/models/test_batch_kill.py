"""SIGKILL at any moment of a run through a batch API, and again: the replies are the same, and each was paid once.

Anthropic's batches carry no name, so a batch that was asked for but not confirmed is known by its results alone; the
run waits for them, and still pays once. What no client can rule out is a creation that a provider shows in no list
until after `Pace.settle_s`; the test server shows each at once.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from batch_job import PROGRAMS
from batch_setting import BOOKS, script

from servers import FaultyServer
from servers.batches import Books, Plan
from veracity.models.batch.jobs import JobStore
from veracity.store.ledger import Ledger

JOB = Path(__file__).with_name("batch_job.py")
REQUESTS = 3 * PROGRAMS
MOST = 30
"""A whole run asks its server more often than this, whatever the provider."""


class Meter:
    """Counts what a server is asked: a child is killed by its progress, which does not depend on the machine's load."""

    def __init__(self, books: Books) -> None:
        self.books, self.seen = books, 0

    def mount(self, app: web.Application) -> None:
        """The books' routes, counted."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.seen += 1
            return await handler(request)

        app.middlewares.append(count)
        self.books.mount(app)


def run(kind: str, root: str, folder: Path, until: Callable[[], bool] | None) -> bool:
    """Start the child, kill it once `until` holds, and tell whether it was still at work then."""
    folder.mkdir(exist_ok=True)
    paths = os.pathsep.join([str(JOB.parent), str(JOB.parent.parent)])
    child = subprocess.Popen(
        [sys.executable, JOB, kind, root, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert child.stdout is not None
    child.stdout.readline()
    if until is not None:
        while child.poll() is None and not until():
            time.sleep(0.001)
        child.kill()
    _, errors = child.communicate(timeout=60)
    assert child.returncode in ((0, -9) if until is not None else (0,)), errors
    return child.returncode != 0


def books_of(kind: str, seed: int) -> Books:
    """Some rows fail at first, some creations break off: the moments that a kill can fall into."""

    def fate(custom_id: str, times: int) -> str:
        return "500" if times == 0 and int(custom_id[:2], 16) % 5 == 0 else "ok"

    return BOOKS[kind](Plan(polls=3, fate=fate, duplicates=1, lost_creations=seed % 2))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The answers of a run that nobody kills."""
    folder = tmp_path_factory.mktemp("whole")
    with FaultyServer(script, mounts=[books_of("openai", 0).mount]) as server:
        run("openai", server.root, folder, None)
    return (folder / "answers.json").read_bytes()


TRIALS = [("openai", 1), ("openai", 2), ("anthropic", 1), ("anthropic", 2), ("google", 1), ("together", 1)]


@pytest.mark.parametrize(("kind", "seed"), TRIALS)
def test_a_killed_run_pays_once_and_ends_alike(kind: str, seed: int, tmp_path: Path, undisturbed: bytes) -> None:
    books, rng, kills = books_of(kind, seed), random.Random(f"{kind}{seed}"), 0
    meter = Meter(books)
    with FaultyServer(script, mounts=[meter.mount]) as server:
        for _ in range(3):
            last, pause = meter.seen + rng.randint(1, MOST), 0.02 * rng.random()  # into a request, or between two
            kills += run(kind, server.root, tmp_path, lambda: meter.seen >= last and not time.sleep(pause))  # noqa: B023
        run(kind, server.root, tmp_path, None)
    assert kills
    assert (tmp_path / "answers.json").read_bytes() == undisturbed
    assert len(books.paid) == REQUESTS and set(books.paid.values()) == {1}
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert len(ledger) == REQUESTS
    jobs = JobStore(tmp_path / "batches").jobs()
    assert {job.state for job in jobs} == {"collected"}
    assert {job.remote for job in jobs} == books.batches.keys()
