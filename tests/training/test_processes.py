"""Two processes with half the batch each learn what one process learns, and only the first is called back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = str(Path(__file__).with_name("processes_child.py"))


def test_two_processes_train_like_one(tmp_path):
    environment = os.environ | {"ACCELERATE_USE_CPU": "true"}
    quiet = {"env": environment, "check": True, "stderr": subprocess.DEVNULL, "timeout": 200}
    subprocess.run([sys.executable, CHILD, str(tmp_path)], **quiet)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    subprocess.run([*launcher, CHILD, str(tmp_path)], **quiet)
    alone, first, second = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("1-0", "2-0", "2-1"))
    assert (alone["processes"], first["processes"]) == (1, 2)
    assert alone["epochs"] == first["epochs"] == [1, 2] and second["epochs"] == []
    assert first["told"] == second["told"] == {"decided by": 0}
    assert first["norm"] == pytest.approx(alone["norm"], rel=1e-6) and second["norm"] == first["norm"]
    assert first["losses"] == pytest.approx(alone["losses"], abs=1e-5)
