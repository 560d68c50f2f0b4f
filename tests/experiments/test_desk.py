"""The desk of training experiments: progress of a training, and one judge for tables and for training online."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from veracity.core.errors import ModelError
from veracity.domains import open_domain
from veracity.experiments import desk as desk_module
from veracity.experiments.desk import Desk, RoleSettings, open_desk, policy_of, start_folder
from veracity.experiments.factuality.settings import BudgetSettings
from veracity.experiments.judged_samples import JudgingSettings, groups_of, judged_stage, online_judge
from veracity.experiments.sampling import Ask, SamplingSettings, samples_stage
from veracity.store.ledger import Ledger
from veracity.store.run import Run
from veracity.training.records import Completion


def test_time_left_by_the_pace_of_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps 1 and 4 come 30 s apart: 10 s a step, so 6 of 10 steps will take a minute."""
    times, said = iter([0.0, 100.0, 130.0, 131.0]), list[str]()
    with Run.open(tmp_path / "run") as run, Ledger.in_memory() as ledger, asyncio.Runner() as runner:
        desk = Desk(run, {}, ledger, BudgetSettings(), lambda progress: None, runner, said.append)
        with monkeypatch.context() as patch:
            patch.setattr(desk_module.time, "monotonic", lambda: next(times))
            on_step = desk.steps("dpo")
            for done in (1, 4, 5):
                on_step(done, 10)
    assert said == ["dpo: step 4 of 10 · about 1:00 left"]


def test_table_and_training_are_judged_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six biographies: the groups of the table are the groups that a trainer gets for the same completions."""
    from rich.console import Console

    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))
    people = open_domain("world-biographies").problems(3, "train")
    with Run.open(tmp_path / "run") as run, open_desk(run, RoleSettings(), Console(quiet=True)) as desk:
        ask = Ask("base", policy_of(start_folder("tiny")), SamplingSettings(n=2), seed=1)
        samples = samples_stage(desk, "samples", people, [ask])
        judged = judged_stage(desk, "judged", JudgingSettings(), people, samples, "samples")
        said = {
            p.id: [
                Completion(r["reply"], r["tokens"], r["finish"] == "length")
                for r in samples.filter(samples["item"] == p.id).to_dicts()
            ]
            for p in people
        }
        online = online_judge(desk, "online", JudgingSettings(), people)(list(said.items()))
    assert samples.height == 6
    assert groups_of(judged, people) == online
    assert any(r.claims for group in online for r in group.responses)


def test_responses_of_which_none_can_be_judged_stop_the_run_and_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A corpus that has no page about anybody asked about: the stage and the settings are named."""
    from rich.console import Console

    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path / "cache"))
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "Rome.txt").write_text("Rome is a city.")
    people, roles = open_domain("world-biographies").problems(2, "train"), RoleSettings(corpus=str(tmp_path / "pages"))
    with Run.open(tmp_path / "run") as run, open_desk(run, roles, Console(quiet=True)) as desk:
        ask = Ask("base", policy_of(start_folder("tiny")), SamplingSettings(n=1), seed=1)
        samples = samples_stage(desk, "samples", people, [ask])
        said = r"judged: of 2 responses none could be judged: .*no evidence.*looks in the page"
        with pytest.raises(ModelError, match=said):
            judged_stage(desk, "judged", JudgingSettings(), people, samples, "samples")
        assert "judged" not in desk.tables
