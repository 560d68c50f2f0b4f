"""The shipped configurations are read by Accelerate itself, and a command really starts in several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from veracity.core.errors import ConfigError, MissingExtraError
from veracity.training.clusters import cluster, clusters, launch_command, require_deepspeed


@pytest.mark.parametrize("name", [one.name for one in clusters()])
def test_accelerate_reads_every_configuration_and_knows_every_key(name: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    read = load_config_from_file(str(cluster(name).file))
    known = {action.dest for action in launch_command_parser()._actions}
    plugins = [getattr(read, plugin, None) or {} for plugin in ("deepspeed_config", "fsdp_config")]
    assert all(key in known for plugin in plugins for key in plugin)
    assert read.num_processes == cluster(name).processes
    sharded = {"DEEPSPEED": 0, "FSDP": 1}.get(str(read.distributed_type).rpartition(".")[2])
    assert sharded is None or plugins[sharded]


def test_one_four_and_eight_gpus_and_two_nodes_are_there_with_zero_2_zero_3_and_fsdp() -> None:
    sizes = {(one.nodes, one.processes) for one in clusters()}
    assert {(1, 1), (1, 4), (1, 8), (2, 16)} <= sizes
    assert {"zero2-8", "zero3-8", "fsdp-8", "zero3-2x8", "fsdp-2x8"} <= {one.name for one in clusters()}


def test_a_command_starts_through_accelerate() -> None:
    command = launch_command(cluster("one-gpu"), ["--version"])
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert (done.returncode, done.stdout.split()[0]) == (0, "veracity"), done.stderr


@pytest.mark.skipif(find_spec("deepspeed") is not None, reason="DeepSpeed is installed")
def test_without_deepspeed_a_cluster_that_needs_it_names_the_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"veracity\[deepspeed\]"):
        require_deepspeed(cluster("zero3-8"))
    require_deepspeed(cluster("fsdp-8"))


def test_the_accumulation_reaches_the_launcher() -> None:
    command = launch_command(cluster("zero3-2x8"), ["run", "x"], rank=1, address="10.0.0.1", accumulation=4)
    assert command[0] == sys.executable
    assert command[command.index("--gradient_accumulation_steps") + 1] == "4"
    assert command[command.index("--machine_rank") + 1] == "1"
    assert command[-4:] == ["-m", "veracity", "run", "x"]


def test_what_cannot_be_launched_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'zero2-8'"):
        cluster("zero2_8")
    with pytest.raises(ConfigError, match="give --address"):
        launch_command(cluster("fsdp-2x8"), ["run", "x"])
    with pytest.raises(ConfigError, match="there is no node 2"):
        launch_command(cluster("fsdp-2x8"), ["run", "x"], rank=2, address="a")
    with pytest.raises(ConfigError, match="say what to start"):
        launch_command(cluster("one-gpu"), [])
