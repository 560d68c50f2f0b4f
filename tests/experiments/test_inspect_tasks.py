"""Our evaluations run by Inspect: on a model behind a real port, with the numbers of our own command."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from veracity.experiments.running import run_recipe
from veracity.store.run import RunFolder

SHORT = [
    "short.problems=60",
    "short.arms=[careful]",
    "short.samples=0",
    "short.confidence=[]",
    "short.max_tokens=16",
    "long=null",
    "card_items=0",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inspect")


@pytest.fixture(autouse=True)
def _own_cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERACITY_CACHE", str(place / "cache"))
    monkeypatch.setenv("INSPECT_LOG_DIR", str(place / "logs"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """`veracity serve tiny` in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "veracity", "serve", "tiny", "--port", str(port)], stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/models", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(10)


def evaluated(task: Any, address: str, place: Path) -> dict[str, float]:
    """Metrics by name of one Inspect evaluation."""
    from inspect_ai import eval as inspect_eval
    from inspect_ai.model import get_model

    model = get_model("openai-api/veracity/tiny", base_url=address, api_key="none")
    log = inspect_eval(task, model=model, display="none", log_dir=str(place / "logs"), log_samples=True)[0]
    assert log.status == "success", log.error
    assert log.results is not None
    found: dict[str, float] = {}
    for score in log.results.scores:
        found |= {name: metric.value for name, metric in score.metrics.items()}
    return found


def own_estimates(place: Path, name: str, settings: list[str]) -> dict[str, Any]:
    folder = run_recipe("factuality", settings, runs_folder=place / "runs", console=Console(quiet=True), name=name)
    return json.loads((RunFolder(folder).path / "estimates.json").read_text("utf-8"))


def test_short_form_through_inspect_has_the_numbers_of_our_own_command(address: str, place: Path) -> None:
    from veracity.experiments.inspect_tasks.tasks import TASKS

    task = TASKS["world-abstention"](problems=60, system="careful", max_tokens=16)
    theirs = evaluated(task, address, place)
    own = own_estimates(place, "short", SHORT)
    for name in ("correct", "incorrect", "not_attempted", "correct_given_attempted", "f", "truthfulness"):
        assert theirs[name] == pytest.approx(own[f"answers, careful: {name}"]["value"], abs=1e-12)
        assert theirs[f"{name}_se"] == pytest.approx(own[f"answers, careful: {name}"]["se"], abs=1e-12)
    assert 0.1 < theirs["not_attempted"] < 0.9


def test_long_form_through_inspect_has_the_numbers_of_our_own_command(address: str, place: Path) -> None:
    from veracity.experiments.inspect_tasks.tasks import TASKS

    task = TASKS["world-biographies"](problems=40, max_tokens=64, k=3)
    theirs = evaluated(task, address, place)
    long = ["long.problems=40", "long.max_tokens=64", "long.k=[3]", "short=null", "card_items=0"]
    own = own_estimates(place, "long", long)
    for name in ("precision of all claims", "precision (excluded)", "f1@3 (as zero)", "claims", "respond_ratio"):
        assert theirs[name] == pytest.approx(own[f"claims, none: {name}"]["value"], abs=1e-12)


def test_the_command_inspect_eval_has_the_numbers_of_our_own_command(address: str, place: Path) -> None:
    """`inspect eval veracity/world_abstention` as one would type it, with our server named by the environment."""
    logs = place / "command"
    command = [
        str(Path(sys.executable).with_name("inspect")), "eval", "veracity/world_abstention",
        "--model", "openai-api/veracity/tiny", "-T", "problems=60", "-T", "system=careful", "-T", "max_tokens=16",
        "--display", "none", "--log-format", "json", "--log-dir", str(logs),
    ]  # fmt: skip
    where = {"VERACITY_BASE_URL": address, "VERACITY_API_KEY": "none", "VERACITY_CACHE": str(place / "elsewhere")}
    done = subprocess.run(command, env={**os.environ, **where}, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    log = json.loads(next(logs.glob("*.json")).read_text("utf-8"))
    assert log["status"] == "success" and log["eval"]["task"] == "veracity/world_abstention"
    theirs = {name: m["value"] for score in log["results"]["scores"] for name, m in score["metrics"].items()}
    own = own_estimates(place, "short", SHORT)
    for name in ("correct", "incorrect", "not_attempted", "correct_given_attempted", "f", "truthfulness"):
        assert theirs[name] == pytest.approx(own[f"answers, careful: {name}"]["value"], abs=1e-12)
        assert theirs[f"{name}_se"] == pytest.approx(own[f"answers, careful: {name}"]["se"], abs=1e-12)


def test_every_domain_is_a_task() -> None:
    from inspect_ai._util.registry import registry_info

    from veracity.domains import DOMAINS
    from veracity.experiments.inspect_tasks.tasks import TASKS

    assert set(TASKS) == set(DOMAINS.names())
    assert registry_info(TASKS["simpleqa"]).name.rpartition("/")[2] == "simpleqa"
