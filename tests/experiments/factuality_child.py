"""Runs the `veracity` command in processes that can be killed: one line of JSON for each: [cache folder, arguments].

Everything is imported once, and each command runs in a fork of this process, which has no threads yet: starting from
nothing would take longer than the run itself. Prints the process id of each fork, and how it ended.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

MODULES = (
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "scipy.stats",
    "sklearn.metrics",
    "transformers.utils",
    "veracity.experiments.factuality.experiment",
    "veracity.experiments.running",
    "veracity.judging.claims",
    "veracity.judging.verifying",
    "veracity.knowledge",
    "veracity.models.simulated",
)
"""What takes long to import and starts no thread of its own; Polars does, so each fork imports it for itself."""

FORK_SAFE = "jemalloc_bg_thd"
"""Of an allocator that prepares its threads for a fork itself."""


def serve() -> None:
    for name in MODULES:
        importlib.import_module(name)
    threads = [(thread / "comm").read_text().strip() for thread in Path("/proc/self/task").iterdir()]
    if len([name for name in threads if name != FORK_SAFE]) > 1:
        raise SystemExit(f"a process with threads must not be forked: {threads}")
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(command(*json.loads(line)))
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def command(cache: str, arguments: list[str]) -> int:
    """The exit code of `veracity ARGUMENTS`; what it prints goes nowhere, what it complains of to standard error."""
    from veracity.cli import main

    os.environ["VERACITY_CACHE"] = cache
    sys.argv = ["veracity", *arguments]
    try:
        with redirect_stdout(StringIO()):
            main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0


if __name__ == "__main__":
    serve()
