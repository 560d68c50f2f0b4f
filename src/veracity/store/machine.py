"""What a run ran on: package versions and the machine, for the manifest."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import psutil


def package_versions() -> dict[str, str]:
    """Versions of Veracity, of Python, and of every installed package that Veracity asks for."""
    names = {re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0] for requirement in requires("veracity") or []}
    found = {"python": platform.python_version()}
    for name in sorted(names | {"veracity"}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # an extra that is not installed
    return found


def describe_machine() -> dict[str, Any]:
    """Operating system, processor, cores (all, and those this process may use) and memory in GB; no host name."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": len(affinity(0)) if affinity else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
    }


def _processor() -> str:
    """The processor's marketing name where Linux tells it, else what the platform calls it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - not a file of ours
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
