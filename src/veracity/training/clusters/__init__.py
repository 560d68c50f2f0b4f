"""How a training is spread over GPUs and nodes: one file of Accelerate's own format for each usual machine.

`veracity launch zero2-8 run RECIPE` starts a recipe so; the files can as well be given to `accelerate launch
--config_file`. The first comment of a file says what it is for.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from veracity.core.errors import ConfigError, MissingExtraError
from veracity.core.registry import nearest

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Cluster:
    """A shipped configuration of Accelerate."""

    name: str
    about: str
    file: Path
    nodes: int
    processes: int
    """Over all nodes."""
    strategy: str
    """How weights, gradients and moments are spread: `single`, `ddp` (not at all), `zero2`, `zero3`, `fsdp`."""

    @property
    def deepspeed(self) -> bool:
        """Whether it needs the extra `deepspeed`."""
        return self.strategy.startswith("zero")


def clusters() -> list[Cluster]:
    """All shipped ones, by name."""
    return [_read(file) for file in sorted(FOLDER.glob("*.yaml"))]


def cluster(name: str) -> Cluster:
    """The one called `name`; ConfigError with the nearest name if there is none."""
    known = {one.name: one for one in clusters()}
    if name not in known:
        hint = nearest(name, list(known)) or f"; known: {', '.join(known)}"
        raise ConfigError(f"no cluster is called {name!r}{hint}")
    return known[name]


def launch_command(
    chosen: Cluster,
    arguments: Sequence[str],
    *,
    rank: int = 0,
    address: str = "",
    port: int = 29500,
    accumulation: int = 1,
) -> list[str]:
    """The command that starts `veracity ARGUMENTS` in every process of this node.

    Args:
        chosen: Where it runs.
        arguments: Those of `veracity`.
        rank: Which node this is, from 0.
        address: Of node 0, as the others reach it; needed with more than one node.
        port: Of node 0, where the processes meet.
        accumulation: Forward passes a step; the recipe's `accumulation` must be the same.

    Raises:
        ConfigError: no arguments, a node that the cluster does not have, or no address where one is needed.
    """
    if not arguments:
        raise ConfigError(f"say what to start: veracity launch {chosen.name} run RECIPE")
    if not 0 <= rank < chosen.nodes:
        raise ConfigError(f"{chosen.name} has {chosen.nodes} nodes, numbered from 0; there is no node {rank}")
    if chosen.nodes > 1 and not address:
        raise ConfigError(f"{chosen.name} has {chosen.nodes} nodes: give --address of node 0, the same on each")
    meeting = ["--main_process_ip", address, "--main_process_port", str(port)] if address else []
    start = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(chosen.file)]
    steps = ["--gradient_accumulation_steps", str(accumulation)]
    return [*start, "--machine_rank", str(rank), *meeting, *steps, "-m", "veracity", *arguments]


def require_deepspeed(chosen: Cluster) -> None:
    """Refuse, with what to install, a cluster that needs DeepSpeed where it is missing (MissingExtraError)."""
    if chosen.deepspeed and find_spec("deepspeed") is None:
        raise MissingExtraError("deepspeed", "deepspeed", f"the cluster {chosen.name} (the fsdp ones need none)")


def _read(file: Path) -> Cluster:
    import yaml

    text = file.read_text("utf-8")
    settings = yaml.safe_load(text)
    about = text.partition("\n")[0].removeprefix("# ")
    return Cluster(file.stem, about, file, settings["num_machines"], settings["num_processes"], _strategy(settings))


def _strategy(settings: Mapping[str, Any]) -> str:
    if "deepspeed_config" in settings:
        return f"zero{settings['deepspeed_config']['zero_stage']}"
    return {"FSDP": "fsdp", "NO": "single"}.get(settings["distributed_type"], "ddp")
