"""An investigator of a test's own: the harbour's counts are at hand, the divers' report is awaited in a file."""

from __future__ import annotations

import time
from pathlib import Path

AWAITED = Path(__file__).with_name("divers.txt")


def look(task: str) -> str:
    if "ferry" in task:
        return "The ferry carried 900 people a day in May, by the harbour's own counts.\nOutcome: More than 500"
    while not AWAITED.exists():
        time.sleep(0.05)
    return f"{AWAITED.read_text('utf-8')}\nOutcome: cracks"
