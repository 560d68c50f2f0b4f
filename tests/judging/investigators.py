"""Investigators of a test's own: one that reports, one that never ends, one that settles nothing."""

from __future__ import annotations

import time


def report(task: str) -> str:
    if "ferry" in task:
        return "The ferry carried 900 people a day in May, by the harbour's own counts.\nOutcome: **More than 500**."
    return "Divers found deep cracks in the second pillar of the bridge.\n\nOutcome: cracks"


def endless(task: str) -> str:
    time.sleep(60)
    return "Outcome: cracks"


def puzzled(task: str) -> str:
    return "The sources contradict each other.\nOutcome: unsettled"
