"""Two processes with half the batch each learn what one process learns, and only the first is called back."""

import json
import os
import subprocess
import sys

import processes_child
import pytest
import torch
from safetensors.torch import load_file


def test_two_processes_train_like_one(tmp_path):
    environment = os.environ | {"ACCELERATE_USE_CPU": "true"}
    quiet = {"env": environment, "check": True, "stderr": subprocess.DEVNULL, "timeout": 200}
    processes_child.main(str(tmp_path))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    subprocess.run([*launcher, processes_child.__file__, str(tmp_path)], **quiet)
    alone, first, second = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("1-0", "2-0", "2-1"))
    assert (alone["processes"], first["processes"]) == (1, 2)
    assert alone["epochs"] == first["epochs"] == [1, 2] and second["epochs"] == []
    assert first["told"] == second["told"] == {"decided by": 0}
    assert first["norm"] == pytest.approx(alone["norm"], rel=1e-6) and second["norm"] == first["norm"]
    assert first["dpo"] == pytest.approx(alone["dpo"], abs=1e-5) and len(first["dpo"]) == 2
    assert second["dpo"] == first["dpo"]
    one, two = (load_file(tmp_path / f"model-{n}" / "model.safetensors") for n in (1, 2))
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)
    assert first["losses"] == pytest.approx(alone["losses"], abs=1e-5)
