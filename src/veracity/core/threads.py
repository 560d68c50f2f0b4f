"""How many threads PyTorch should use here, by measuring instead of counting cores.

A core may be there and busy, and waiting threads spin: on small matrices a second thread can make everything
slower. So the same small matrix product is timed with one thread and with all.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

_SIDE = 384
"""Side of the matrices: about what a layer of a tiny model multiplies."""
_WORTHWHILE = 1.2
"""More threads must bring at least this factor to be taken."""


@dataclass(frozen=True, slots=True)
class ThreadSpeed:
    """Speed of small matrix products in float32, in billions of floating-point operations a second."""

    cores: int
    """Cores that this process may use."""
    one: float
    """With one thread."""
    all: float
    """With a thread for every core."""

    @property
    def free_cores(self) -> float:
        """How many cores' worth of work all threads got done; below 1 where they slow each other."""
        return self.all / self.one

    @property
    def best(self) -> int:
        """Threads to use: all of them only where that is clearly faster than one."""
        return self.cores if self.free_cores >= _WORTHWHILE else 1


def usable_cores() -> int:
    """Cores that this process may run on, which a container or `taskset` makes fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def measure_threads(seconds: float = 0.3) -> ThreadSpeed:
    """Time the product with one thread and with all, `seconds` each; PyTorch's setting is put back."""
    import torch

    cores, before = usable_cores(), torch.get_num_threads()
    try:
        one = _speed(1, seconds)
        return ThreadSpeed(cores, one, _speed(cores, seconds) if cores > 1 else one)
    finally:
        torch.set_num_threads(before)


def _speed(threads: int, seconds: float) -> float:
    import torch

    torch.set_num_threads(threads)
    left = torch.ones(_SIDE, _SIDE)
    for _ in range(5):  # the first products start the threads
        left @ left
    products, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        left @ left
        products += 1
    return 2 * _SIDE**3 * products / elapsed / 1e9
