"""A sandbox for graders in Python: one confined child process a grade, with limits of time, memory and disk.

The task is JSON (`source`, `sample`, `item`); the answer is what `grade(sample, item)` returns, as JSON. As a program
(`python -m …python_sandbox MEGABYTES`), this module is the child; it takes limits first and runs the source then.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

MEGABYTE = 2**20
_LARGEST_FILE = 64 * MEGABYTE


def python_sandbox(*, memory_mb: int = 2048, parallel: int = 2) -> Any:
    """A backend (`AgentModel`) that runs graders, without network, in a folder that is gone afterwards.

    Raises:
        ConfigError: less memory than Python itself needs.
    """
    from veracity.core.errors import ConfigError
    from veracity.models.agents.model import AgentModel

    if memory_mb < 64:
        raise ConfigError(f"memory_mb={memory_mb}; a grader in Python needs at least 64")
    command = (sys.executable, "-P", "-m", "veracity.models.agents.python_sandbox", str(memory_mb))
    settings = ("python sandbox", sys.version, memory_mb)
    return AgentModel("python sandbox", settings, lambda _: command, parallel=parallel)


def main() -> None:
    """Run the task on the standard input; whatever it raises ends the process with a traceback and status 1."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the source prints is no line of the protocol
    task = json.loads(sys.stdin.read())
    _limit(int(sys.argv[1]))
    space: dict[str, Any] = {"__name__": "grader"}
    exec(compile(task["source"], "<grader>", "exec"), space)
    value = space["grade"](task["sample"], task["item"])
    out.write(json.dumps({"type": "result", "subtype": "success", "result": json.dumps(value)}) + "\n")
    out.flush()


def _limit(memory_mb: int) -> None:
    """Memory of the process, size of a file; time is the parent's to watch."""
    limits = ((resource.RLIMIT_AS, memory_mb * MEGABYTE), (resource.RLIMIT_FSIZE, _LARGEST_FILE))
    for kind, most in (*limits, (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
