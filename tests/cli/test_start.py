"""The command answers at once, and an error is one line with an exit code, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import veracity

HEAVY = (
    "torch",
    "transformers",
    "inspect_ai",
    "polars",
    "matplotlib",
    "trl",
    "accelerate",
    "scipy",
    "statsmodels",
    "pandas",
    "numpy",
    "omegaconf",
)
"""What would make `--help` slow; how long it takes is measured in benchmarks/start_time.py."""


def veracity_command(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "veracity", *arguments], capture_output=True, text=True, check=False, timeout=120, **more
    )  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["run", "--help"], ["sweep", "plan", "--help"], ["tiny", "train", "--help"]],
)
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom veracity.cli import main\n"
        f"sys.argv = ['veracity', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"print('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stdout + done.stderr


def test_version() -> None:
    assert veracity_command("--version").stdout.strip() == f"veracity {veracity.__version__}"


def test_an_expected_error_is_one_line_on_stderr_and_exit_1() -> None:
    done = veracity_command("run", "gv-gapp")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.strip() == "there is no recipe 'gv-gapp'; did you mean 'gv-gap'?"


def test_a_wrong_command_line_is_exit_2() -> None:
    done = veracity_command("runn")
    assert done.returncode == 2
    assert "No such command 'runn'" in done.stderr


def test_ctrl_c_says_how_to_resume(tmp_path: Path) -> None:
    recipe = tmp_path / "wait.yaml"
    recipe.write_text("experiment: waiting\n")
    script = tmp_path / "waiting.py"
    script.write_text(
        "import sys, time\n"
        "from veracity.core.config import Settings\n"
        "from veracity.experiments.registry import experiment\n"
        "from veracity.cli import main\n"
        "class Empty(Settings):\n    pass\n"
        "@experiment('waiting', Empty)\n"
        "def wait(settings, run, console):\n    print('started', flush=True)\n    time.sleep(60)\n"
        f"sys.argv = ['veracity', 'run', {str(recipe)!r}, '--runs', {str(tmp_path / 'runs')!r}]\n"
        "main()\n"
    )
    child = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "started"
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=30)
    assert child.returncode == 130
    runs = tmp_path / "runs"
    assert (
        stderr.strip() == f"stopped; what is finished is kept, and this continues: veracity run {recipe} --runs {runs}"
    )
