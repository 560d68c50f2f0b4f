"""`simplefact`: its questions are even, its entities apart; a small run trains, measures, and repeats without work."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from veracity.core.errors import ConfigError, DataError
from veracity.core.problem import Problem
from veracity.experiments.desk import Policy
from veracity.experiments.running import run_recipe
from veracity.experiments.sampling import Ask
from veracity.experiments.simplefact.data import evenly, questions_for, source_of
from veracity.experiments.simplefact.settings import QuestionSettings, SimpleFactSettings
from veracity.experiments.simplefact.training import demonstrations, sampling, schedule, stops
from veracity.report.of_run import print_summary
from veracity.report.simplefact_contents import read_simplefact
from veracity.store.run import RunFolder

SETTINGS = SimpleFactSettings()
SMALL = [
    "seeds=[0]",
    "start.problems=60",
    "start.samples=2",
    "filter.problems=25",
    "filter.samples=6",
    "filter.keep=12",
    "filter.caution=12",
    "rewards=[both,sequential]",
    "steps=4",
    "switch=2",
    "measure_every=null",
    "grpo.batch_size=32",
    "grpo.group_size=8",
    "proof.problems=20",
    "proof.samples=3",
    "proof.prompts=[none,careful]",
]


def test_each_source_gives_as_many_questions_and_no_entity_is_on_two_sides() -> None:
    uses = {use: questions_for(SETTINGS, use) for use in ("start", "filter", "proof")}
    for use, wanted in (("start", 180), ("filter", 200), ("proof", 135)):
        sources = [source_of(p, SETTINGS.questions) for p in uses[use]]
        assert {s: sources.count(s) for s in set(sources)} == dict.fromkeys(
            ("known", "half-known", "unknown", "nonexistent"), wanted
        )
    entities = [{p.cluster for p in problems} for problems in uses.values()]
    assert not (entities[0] & entities[1] or entities[0] & entities[2] or entities[1] & entities[2])
    assert uses["proof"] == questions_for(SETTINGS, "proof", seed=1)
    assert uses["filter"] != questions_for(SETTINGS, "filter", seed=1)


def test_too_few_questions_and_a_missing_source_are_refused() -> None:
    asked = QuestionSettings(source="knowledge")
    problems = [
        Problem(f"{k}{i}", "d", "?", meta=(("knowledge", k),)) for k, n in (("a", 3), ("b", 2)) for i in range(n)
    ]
    assert [p.id for p in evenly(problems, asked, None)] == ["a0", "a1", "b0", "b1"]
    with pytest.raises(ConfigError, match=r"proof\.problems=3: the source 'b' has 2 questions"):
        evenly(problems, asked, 3, "proof.problems")
    with pytest.raises(ConfigError, match="no such detail; set source=domain"):
        source_of(Problem("x", "d", "?"), asked)


def test_questions_without_accepted_answers_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    """Unmarked prompts of a long-form file; those of the world that nobody can answer are marked, and stay."""
    lines = [json.dumps({"prompt": f"Tell me about number {i}."}) for i in range(40)]
    (tmp_path / "long.jsonl").write_text("\n".join(lines))
    asked = QuestionSettings(
        domains=[f"longfact?path={tmp_path / 'long.jsonl'}"], source="domain", known=[], unknown=[]
    )
    settings = SETTINGS.model_copy(
        update={"questions": asked, "proof": SETTINGS.proof.model_copy(update={"problems": None})}
    )
    with pytest.raises(DataError, match=r"problem longfact/.*: the reward 'simplefact' cannot judge it"):
        questions_for(settings, "proof")


def test_a_share_of_the_demonstrations_is_what_was_said_under_the_careful_prompt() -> None:
    """1,000 pairs at share .3: binomial sd is 1.4 points; each stands after the prompt that is trained under."""
    problems = [Problem(f"p{i}", "d", f"q{i}?") for i in range(250)]
    rows = [(p.id, n, arm, arm) for p in problems for n in range(4) for arm in ("none", "careful")]
    said = pl.DataFrame(rows, schema=["item", "sample", "arm", "reply"], orient="row")
    own = Ask("none", Policy("tiny", "k"), sampling(SETTINGS, "none", 4))
    shown = demonstrations(said, problems, own, "careful", 0.3, seed=0)
    assert len(shown) == 1000
    assert abs(sum(d.response == "careful" for d in shown) / 1000 - 0.3) < 0.045
    assert all([m.role for m in d.messages] == ["user"] for d in shown)
    assert shown == demonstrations(said, problems, own, "careful", 0.3, seed=0)


def test_the_schedule_switches_at_its_step_and_models_are_kept_where_they_are_measured() -> None:
    settings = SimpleFactSettings(steps=40, switch=30, measure_every=20, wrong=-0.1)
    assert stops(settings, "sequential") == [20, 30, 40]
    assert stops(settings, "both") == [20, 40]
    rewards = schedule(settings, "sequential")
    assert rewards.at(29) == "simplefact?mode=fact&wrong=-0.1"
    assert rewards.at(30) == "simplefact?mode=caution&wrong=-0.1"
    with pytest.raises(ValueError, match="leaves no step of 30"):
        SimpleFactSettings(steps=30, switch=30)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("simplefact")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERACITY_CACHE", str(place / "cache"))
        return run_recipe("simplefact", SMALL, runs_folder=place / "runs", console=Console(quiet=True))


def test_a_small_run_trains_measures_and_tells(finished: Path) -> None:
    contents = read_simplefact(finished)
    proof = contents.proof
    assert proof is not None
    assert proof.trained == ["both", "sequential"]
    assert proof.problems.height == 80
    assert proof.answers["drawn"].filter(pl.col("arm") == "both/none#0").height == 240
    assert [check.passed is None for check in contents.checks] == [False, False, True, True, False]
    assert {path.name for path in (finished / "models").iterdir()} == {
        "start.0", "both.0.4", "sequential.0.2", "sequential.0.4"
    }  # fmt: skip
    steps = contents.tables["steps"].filter(pl.col("system") == "sequential")
    assert steps["step"].to_list() == [1, 2, 3, 4]
    # The model as it came always answers; taught its careful answers for a share of questions it declines some.
    never = contents.estimates["sampled, base/none, unknown: not_attempted"].value
    some = contents.estimates["sampled, start/none, unknown: not_attempted"].value
    assert never < 0.05 < some < 0.95
    assert (finished / "figures" / "frontier.png").stat().st_size > 10_000
    console = Console(record=True, width=140, quiet=False, file=(finished / "said.txt").open("w"))
    print_summary(finished, console)
    assert "Fewer wrong answers about the unknown" in console.export_text()


def test_repeating_a_finished_run_trains_and_asks_nothing(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERACITY_CACHE", str(finished.parents[1] / "cache"))
    before, manifest = len(RunFolder(finished).events()), (finished / "manifest.json").read_bytes()
    again = run_recipe("simplefact", SMALL, runs_folder=finished.parent, console=Console(quiet=True))
    events = [e["event"] for e in RunFolder(again).events()[before:]]
    assert again == finished
    assert "computing" not in events
    assert (finished / "manifest.json").read_bytes() == manifest
