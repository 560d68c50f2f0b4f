"""World in the loop through the whole experiment: confined agents investigate, time out, and are tried again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from servers import FaultyServer
from veracity.core.problem import Problem
from veracity.core.requests import Generate
from veracity.core.trajectory import Step, Trajectory
from veracity.experiments.running import run_recipe
from veracity.experiments.truth_seeking.beliefs import Kept
from veracity.experiments.truth_seeking.world import control_arms, looked_before
from veracity.judging.world_in_the_loop import WorldSettings
from veracity.models.agents.confinement import obstacle

CONFINED = pytest.mark.skipif(bool(obstacle()), reason=f"agents cannot be confined here: {obstacle()}")
FORECASTER = "sim/bayesian?facts=none&seed=9"
POLICIES = ["sim/bayesian?facts=none", "sim/stubborn?facts=none"]
TASKS = [
    {"question": "How many people used the ferry a day in May?", "outcomes": ["More than 500", "500 or fewer"]},
    {"question": "What did divers find at the bridge in May?", "outcomes": ["cracks", "no cracks"]},
]


def tasks(request: Generate, replicate: int) -> str:
    """Who makes tasks is behind a server, and says the same of every question."""
    return json.dumps({"tasks": TASKS})


class Bridge:
    """A run folder, its recipe, and what its investigator waits for."""

    def __init__(self, folder: Path, server: FaultyServer) -> None:
        shutil.copy(Path(__file__).with_name("waiting_investigator.py"), folder)
        self.folder, self.server, self.awaited = folder, server, folder / "divers.txt"

    def launch(self, name: str, witl: str = "all", seconds: float = 1.0) -> Path:
        recipe: dict[str, Any] = {
            "experiment": "truth-seeking",
            "eval": {
                "models": POLICIES,
                "domains": ["forecasting?reports=2&n=2"],
                "modes": ["chain_of_thought"],
                "metrics": ["world_in_the_loop"],
                "n": 2,
                "split": "all",
            },
            "witl": {
                "as_of": "2026-05-31",
                "generator": f"vllm/any?base_url={self.server.url}",
                "investigator": f"agent/{self.folder / 'waiting_investigator.py'}:look",
                "forecaster": FORECASTER,
                "seconds": seconds,
            },
            "resume": {"witl": witl},
            "resamples": 100,
        }
        return run_recipe(recipe, runs_folder=self.folder, name=name, console=Console(quiet=True))


def asked(run: Path) -> int:
    return int(json.loads((run / "manifest.json").read_text("utf-8"))["requests"]["asked"])


def table(run: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(run / "tables" / f"{name}.parquet")


def trials(run: Path) -> dict[tuple[str, str], int]:
    """Rows by task and status."""
    counted = table(run, "world_trials").group_by("task_question", "status").len()
    return {("ferry" if "ferry" in task else "bridge", status): rows for task, status, rows in counted.iter_rows()}


def scores(run: Path) -> pl.DataFrame:
    return table(run, "scores").filter(pl.col("metric") == "world_in_the_loop.uplift_per_token_controlled")


def assert_tokens_add_up(run: Path) -> None:
    """Over the report of a task the changes of its tokens are the uplift of the answer: 4 answers of 2 tasks."""
    evidence = table(run, "token_evidence.world_in_the_loop")
    change = (pl.col("logprob") - pl.col("base_logprob")).sum()
    sums = evidence.group_by("trajectory", "trial").agg(change.alias("sum"), pl.len())
    scored = table(run, "world_trials").filter((pl.col("read") == "answer") & (pl.col("status") == "ok"))
    uplifts = scored.with_columns(trial=pl.int_range(pl.len()).over("trajectory"))
    both = uplifts.join(sums, on=["trajectory", "trial"])
    assert both.height == sums.height == 8 and both["len"].to_list() == both["tokens"].to_list()
    assert (both["conditional"] - both["base"]).to_list() == pytest.approx(both["sum"].to_list())


@pytest.fixture
def bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bridge]:
    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))
    with FaultyServer(tasks) as server:
        yield Bridge(tmp_path, server)


def kept(policy: str, item: int, text: str) -> Kept:
    problem = Problem(f"q{item}", "d", f"What of {item}?", options=("yes", "no"))
    trajectory = Trajectory(problem, "direct", 0, problem.messages(), (Step(text),))
    return Kept(trajectory, f"{policy}/{item}", policy, policy, policy)


def test_controls_have_the_answers_own_style_and_no_fixed_opponent() -> None:
    """Fillers are the same policy's words on other questions, as many; whose answer is the other control is drawn."""
    written = [kept(p, i, f"{p} of {i} says {'much ' * (5 if p == 'a' else 1)}") for p in "abc" for i in range(30)]
    settings, opponents = WorldSettings(date(2026, 5, 31)), set[str]()
    for own in written[:30]:
        answer, filler, other = control_arms(written, own, settings, seed=3)
        item = own.trajectory.problem.id.removeprefix("q")
        assert answer.text == own.trajectory.answer and filler.text.startswith("a of ")
        assert len(filler.text.split()) == len(answer.text.split()) and f"of {item} " not in filler.text
        assert f" of {item} " in other.text
        opponents.add(other.text[0])
        assert control_arms(written, own, settings, seed=3) == (answer, filler, other)
    assert opponents == {"b", "c"}
    alone = control_arms([written[0]], written[0], settings, seed=3)
    assert [arm.arm for arm in alone] == ["answer"]


@CONFINED
def test_who_runs_out_of_time_is_counted_and_tried_again_by_the_next_launch(bridge: Bridge) -> None:
    """Four answers (two policies, two questions), two tasks each; a report is scored after the answer and two controls.

    The divers' report comes after the first launch. In the second, tasks, the harbour's counts and their uplifts stand
    in the ledger: asked are an investigation, and scores of its report and of its 2 outcomes, 4 × (1 + 3 arms) times.
    """
    first = bridge.launch("run")
    assert trials(first) == {("ferry", "ok"): 12, ("bridge", "timed_out"): 4}
    assert scores(first)["n"].to_list() == [2, 2]  # the mean over the tasks that have an uplift
    bridge.awaited.write_text("Divers found deep cracks in the second pillar of the bridge.", "utf-8")
    bridge.launch("run")
    assert trials(first) == {("ferry", "ok"): 12, ("bridge", "ok"): 12}
    assert bridge.server.record.count("/v1/chat") == 2
    assert 0 < asked(first) <= 4 + 4 * 4 * 3
    (first / "manifest.json").unlink()
    bridge.launch("run")
    assert asked(first) == 0
    assert_tokens_add_up(first)


@CONFINED
def test_resuming_uplifts_alone_looks_into_nothing(bridge: Bridge) -> None:
    """First reports without uplifts; then uplifts of those that are there, while who timed out stays so."""
    run = bridge.launch("parts", witl="investigation")
    assert trials(run) == {("ferry", "no_uplift"): 4, ("bridge", "timed_out"): 4}
    assert scores(run)["value"].null_count() == 2
    made = bridge.server.record.count("/v1/chat")
    bridge.awaited.write_text("Divers found deep cracks in the second pillar of the bridge.", "utf-8")
    bridge.launch("parts", witl="uplift")
    assert trials(run) == {("ferry", "ok"): 12, ("bridge", "timed_out"): 4}
    assert bridge.server.record.count("/v1/chat") == made
    bridge.launch("parts", witl="uplift")
    assert asked(run) == 0
    bridge.launch("parts", witl="investigation")
    assert trials(run)["bridge", "no_uplift"] == 4
    bridge.launch("parts", witl="uplift")
    assert trials(run) == {("ferry", "ok"): 12, ("bridge", "ok"): 12}
    assert_tokens_add_up(run)


@CONFINED
def test_a_task_of_which_one_arm_was_not_scored_is_scored_again(bridge: Bridge) -> None:
    """Its other arms would stand without the answer's, and pass for finished."""
    bridge.awaited.write_text("Divers found deep cracks in the second pillar of the bridge.", "utf-8")
    run = bridge.launch("lost")
    stored, tokens = table(run, "world_trials"), table(run, "token_evidence.world_in_the_loop")
    known = looked_before(stored, tokens)
    assert {len(looked.uplifts) for looked in known.values()} == {2}
    lost = (pl.col("read") == "answer") & pl.col("task_question").str.contains("ferry")
    status = pl.when(lost).then(pl.lit("request_failed")).otherwise(pl.col("status"))
    again = looked_before(stored.with_columns(status=status), tokens)
    assert {len(looked.uplifts) for looked in again.values()} == {1}
    assert all(len(looked.found) == 2 for looked in again.values())
