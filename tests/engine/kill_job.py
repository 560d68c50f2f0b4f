"""A small but whole experiment, run as a child process so that it can be killed: `python kill_job.py FOLDER`.

Programs of three steps ask a backend that writes every call into an append-only, synced log before it works on it; a
run folder gets two tables, a folder of files and a manifest. Prints `started` when the imports are done.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from veracity.core.identity import content_hash
from veracity.core.records import Failure
from veracity.core.requests import (
    Ability,
    Call,
    Generate,
    Generated,
    Program,
    Reply,
    Sample,
    Sampling,
    Score,
    Scored,
    Usage,
    request_hash,
    user,
)
from veracity.engine import Engine
from veracity.store.ledger import Ledger, ledger_key
from veracity.store.run import Run

PROGRAMS, BATCH, PARALLEL, SECONDS_A_REPLY = 32, 4, 2, 0.002
IN_FLIGHT = BATCH * PARALLEL
"""Calls that may be at the backend at any moment."""


@dataclass
class PaidModel:
    """Logs what it is asked, one line a batch: the ledger keys of each call. Then it answers, two milliseconds each."""

    log: Path
    name: str = "paid model"
    identity: str = "paid-model-1"
    abilities: frozenset[Ability] = frozenset({"generate", "chat", "score"})
    batch_size: int = BATCH
    parallel: int = PARALLEL

    async def answer(self, calls: Sequence[Call]) -> AsyncIterator[tuple[int, Reply | Exception]]:
        keys = [[ledger_key(self.identity, request_hash(c.request), r) for r in c.replicates] for c in calls]
        with self.log.open("a") as handle:
            handle.write(json.dumps(keys) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        for call in calls:
            await asyncio.sleep(SECONDS_A_REPLY)
            yield call.id, reply_to(call)


def reply_to(call: Call) -> Reply:
    if isinstance(call.request, Score):
        return Scored(("x",), (-0.1 * len(call.request.continuation),), Usage(5, 0, 0.001))
    texts = [hashlib.sha256(f"{call.request}/{r}".encode()).hexdigest()[:12] for r in call.replicates]
    return Generated(tuple(Sample(text, "stop", 6) for text in texts), Usage(20, 6 * len(texts), 0.01))


def program(number: int) -> Program[tuple[str, str, float]]:
    draft = yield Generate("m", user(f"question {number}"))
    samples, shared = yield [
        Generate("m", user(f"improve {draft.text}"), n=3, sampling=Sampling(temperature=1.0)),
        Generate("m", user(f"a question that {number % 4} in four share")),
    ]
    best = max(sample.text for sample in samples.samples)
    score = yield Score("m", user(f"question {number}"), best + shared.text[: number % 5])
    return draft.text, best, score.total


def ask(folder: Path) -> pl.DataFrame:
    with Ledger(folder / "ledger.sqlite") as ledger:
        engine = Engine({"m": PaidModel(folder / "calls.jsonl")}, ledger)
        answers = engine.run({f"p{i}": program(i) for i in range(PROGRAMS)})
    kept = {item: answer for item, answer in answers.items() if not isinstance(answer, Failure)}
    return pl.DataFrame([(k, *v) for k, v in kept.items()], ["item", "draft", "best", "score"], orient="row")


def build(folder: Path, answers: pl.DataFrame) -> None:
    for column in ("draft", "best"):
        (folder / f"{column}.txt").write_text("\n".join(answers[column]))


def main(folder: Path) -> None:
    key = content_hash({"programs": PROGRAMS})
    with Run.open(folder / "run") as run:
        answers = run.table("answers", key, lambda: ask(folder))
        run.table("means", key, lambda: answers.select(pl.col("score").mean(), pl.len()))
        run.artifact("files", key, lambda made: build(made, answers))
        run.write_manifest(recipe={"programs": PROGRAMS}, seeds={})


if __name__ == "__main__":
    if "torch" in sys.modules:
        raise SystemExit("the store and the engine must not load torch")
    print("started", flush=True)
    main(Path(sys.argv[1]))
