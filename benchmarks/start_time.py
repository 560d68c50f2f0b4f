"""How long `veracity --help` takes, in fresh processes; the goal is under 0.4 s.

A bare interpreter is timed in between, so that the figure can be told from what the machine needs to start Python.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

REPEATS = 15
GOAL_S = 0.4


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    seconds("-m", "veracity", "--help")  # once, so that both find the files in memory
    ours, bare = [], []
    for _ in range(REPEATS):
        ours.append(seconds("-m", "veracity", "--help"))
        bare.append(seconds("-c", "pass"))
    ours.sort()
    median = statistics.median(ours)
    print(f"veracity --help: median {median:.3f} s, range {ours[0]:.3f} to {ours[-1]:.3f}, {REPEATS} fresh processes")
    print(f"bare python:     median {statistics.median(bare):.3f} s")
    print(f"goal {GOAL_S} s: {'met' if median < GOAL_S else 'missed'}")


if __name__ == "__main__":
    main()
