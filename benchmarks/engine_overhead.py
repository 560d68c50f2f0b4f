"""What the engine itself costs: 10,000 programs of three steps on a model that answers at once, ledger on.

    python benchmarks/engine_overhead.py [--programs 10000] [--rounds 3]

First the results are checked against each program run by hand. Then each round times, one after the other: asking with
a ledger on disk, asking with a ledger in memory, and a second run that the ledger answers. Printed are medians, the
spread between rounds, and the cost of the parts, which says what limits the whole. Bars: 2,000 requests/s, 0.5 ms of
CPU time a request.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from veracity.core.requests import (
    Call,
    Generate,
    Generated,
    Program,
    Reply,
    Sample,
    Sampling,
    Usage,
    request_hash,
    user,
)
from veracity.engine import Engine
from veracity.models.instant import InstantModel
from veracity.store.ledger import Ledger, Row, ledger_key
from veracity.store.replies import encode

STEPS = 3
SAMPLING = Sampling(temperature=1.0, max_tokens=24, stop=("\n",))


def reply_to(call: Call) -> Reply:
    digest = hashlib.sha256(str(call.request).encode()).hexdigest()
    samples = tuple(Sample(f"an answer of usual length {digest[:24]} {r}", "stop", 12) for r in call.replicates)
    return Generated(samples, Usage(40, 12 * len(samples), 0.0001))


def program(number: int) -> Program[str]:
    text = ""
    for step in range(STEPS):
        prompt = user(f"Question {number}, step {step}, after {text!r}", system="Answer in one sentence.")
        text = (yield Generate("model", prompt, sampling=SAMPLING)).text
    return text


def by_hand(number: int) -> str:
    running = program(number)
    request = next(running)
    while True:
        assert isinstance(request, Generate)  # noqa: S101 - this file's own program
        try:
            request = running.send(reply_to(Call(0, request)))
        except StopIteration as end:
            return str(end.value)


def timed(ledger: Ledger, programs: int) -> tuple[float, float, dict[str, object]]:
    """Wall and CPU seconds a request."""
    made = {str(i): program(i) for i in range(programs)}
    wall, cpu = time.perf_counter(), time.process_time()
    results = Engine({"model": InstantModel(reply_to)}, ledger).run(made)
    requests = programs * STEPS
    return (time.perf_counter() - wall) / requests, (time.process_time() - cpu) / requests, dict(results)


def microseconds(part: Callable[[int], object], repeats: int = 3000) -> float:
    """CPU time of one call of `part`, which is given a running number."""
    started = time.process_time()
    for number in range(repeats):
        part(number)
    return (time.process_time() - started) / repeats * 1e6


def parts(place: Path) -> dict[str, float]:
    request = Generate("model", user("Question 17, step 2, after 'an answer of usual length'"), sampling=SAMPLING)
    reply = reply_to(Call(0, request))
    ledger = Ledger(place / "parts.sqlite")
    keys = [ledger_key("m", "h", i) for i in range(6000)]
    return {
        "hash of the request": microseconds(lambda i: request_hash(request)),
        "look-up in the ledger (miss)": microseconds(lambda i: ledger.get_many([keys[i]])),
        "one transaction in the ledger": microseconds(lambda i: ledger.put_many([Row(keys[i], "m", reply)])),
        "of which JSON": microseconds(lambda i: encode(reply)),
        "the instant model's own work": microseconds(lambda i: reply_to(Call(0, request))),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    kinds = ("ledger on disk", "ledger in memory", "answered by the ledger")
    rounds: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    expected = {str(i): by_hand(i) for i in range(options.programs)}
    with tempfile.TemporaryDirectory() as place:
        for number in range(options.rounds):
            with Ledger(Path(place) / f"{number}.sqlite") as on_disk, Ledger.in_memory() as in_memory:
                for kind, ledger in zip(kinds, (on_disk, in_memory, on_disk), strict=True):
                    wall, cpu, results = timed(ledger, options.programs)
                    if results != expected:
                        raise SystemExit(f"{kind}: the engine's results differ from the programs run by hand")
                    rounds[kind].append((wall, cpu))
        print(f"{options.programs} programs of {STEPS} steps, results equal to those by hand; load {os.getloadavg()}")
        for kind, times in rounds.items():
            walls, cpus = zip(*times, strict=True)
            wall, cpu = statistics.median(walls), statistics.median(cpus)
            spread = (max(cpus) - min(cpus)) / cpu
            rates = f"{1 / wall:8.0f} requests/s  {cpu * 1e3:.3f} ms CPU each (spread {spread:.0%})"
            print(f"{kind:24} {rates}, {cpu / wall:.0%} of a core")
        for name, cost in parts(Path(place)).items():
            print(f"  {name:32} {cost:6.1f} µs")
    wall, cpu = (statistics.median(values) for values in zip(*rounds["ledger on disk"], strict=True))
    met = 1 / wall >= 2000 and cpu <= 0.0005
    print(f"bars (2,000 requests/s, 0.5 ms CPU): {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
