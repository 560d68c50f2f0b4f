"""The table of methods, small: two methods from YAML to page; your own is one more entry; what is wrong is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from veracity.core.config import load_settings
from veracity.core.errors import ConfigError
from veracity.core.recipe_files import read_recipe
from veracity.core.requests import Call, Generated, Sample, Usage
from veracity.experiments.methods.experiment import run_methods
from veracity.experiments.methods.lessons import demonstrations
from veracity.experiments.methods.material import Material, gather_prompts
from veracity.experiments.methods.settings import Boundary, Distilled, Gold, Label, MethodsSettings, Own, Preference
from veracity.experiments.methods.training import labels, preferences
from veracity.models import resolve
from veracity.models.instant import InstantModel
from veracity.report.methods_contents import read_methods
from veracity.report.methods_tables import methods_table
from veracity.report.of_run import print_summary
from veracity.store.run import Run, RunFolder
from veracity.training.selection import SelectionSettings

SMALL: dict[str, Any] = {
    "train_questions": 4,
    "people": {"train": 10, "test": 6, "unmet": 0},
    "train_reading": 5,
    "samples": {"n": 4},
    "table": {"split": "validation", "questions": 5, "drawn": 2, "texts": 2, "known_by": 2},
    "trainers": {
        "sft": {"epochs": 1, "batch_size": 16, "learning_rate": 3e-4},
        "grpo": {"batch_size": 16, "group_size": 4, "steps": 2, "learning_rate": 1e-4, "beta": 0.0, "save_every": 2},
    },
    "methods": {
        "careful": {"trainer": "none", "system": "careful"},
        "greedy": {"trainer": "none", "greedy": True},
        "few-shot": {"trainer": "few_shot", "score": {"short": "truthrl"}, "training": {"count": 2}},
        "SFT": {"trainer": "sft", "lessons": [{"teach": "own", "prompts": ["short", "long"]}]},
        "Truth RL": {
            "start": "SFT",
            "trainer": "grpo",
            "prompts": ["short"],
            "rewards": {"truthrl": 1.0},
            "training": {"max_completion_length": 24, "when_equal": "warn"},
        },
    },
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run, done twice: the second time everything is there."""
    folder = tmp_path_factory.mktemp("methods")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERACITY_CACHE", str(folder / "cache"))
        for _ in range(2):
            with Run.open(folder / "run") as run:
                run.log("recipe", experiment="truthful-training")
                run_methods(load_settings(MethodsSettings, SMALL), run, Console(quiet=True))
    return folder / "run"


def test_every_method_is_a_row_with_what_it_took_and_a_second_run_computes_nothing(finished: Path) -> None:
    """SFT: 16 questions and 10 people, 4 samples each. Truth RL: those, and 2 steps of 16 online, each graded once."""
    run = RunFolder(finished)
    rows = {row["method"]: row for row in run.read_table("methods").to_dicts()}
    assert list(rows) == ["base", "careful", "greedy", "few-shot", "SFT", "Truth RL"]
    assert (rows["SFT"]["samples"], rows["SFT"]["judgements"]) == (26 * 4, 0)
    assert (rows["Truth RL"]["samples"], rows["Truth RL"]["judgements"]) == (26 * 4 + 32, 32)
    assert (rows["few-shot"]["samples"], rows["few-shot"]["judgements"]) == (64, 64)
    assert rows["Truth RL"]["seconds"] > rows["SFT"]["seconds"] > 0 == rows["careful"]["seconds"]
    assert len({rows[name]["model"] for name in ("base", "careful", "greedy")}) == 1
    assert len({row["model"] for row in rows.values()}) == 4
    events = [e["event"] for e in run.events()]
    assert events.count("trained") == 2 and events.count("finished") == 1
    assert "computing" not in events[events.index("finished") :]


def test_every_method_is_judged_in_both_forms_and_against_its_start(finished: Path) -> None:
    contents = read_methods(finished)
    for name in ("base", "careful", "greedy", "few-shot", "SFT", "Truth RL"):
        correct, right = contents.of(name, "correct"), contents.of(name, "right")
        assert correct is not None and correct.n == 20
        assert right is not None and right.n == 6
    answers = RunFolder(finished).read_table("greedy.answers").filter(pl.col("arm") == "careful")
    declined = contents.of("careful", "not_attempted")
    assert declined is not None and declined.value == pytest.approx((answers["grade"] == "not_attempted").mean())
    change = contents.changes[("careful", "not_attempted")]
    base = contents.of("base", "not_attempted")
    assert base is not None and change["difference"] == pytest.approx(declined.value - base.value)
    assert change["start"] == "base" and contents.changes[("Truth RL", "right")]["start"] == "SFT"
    assert all(row["adjusted"] >= row["p_value"] for row in contents.changes.values())
    assert contents.of("SFT", "win_rate") is None, "nobody wins against themselves"
    won = contents.of("Truth RL", "win_rate")
    assert won is not None and won.null == 0.5 and won.n == 12


def test_the_page_holds_the_table_and_the_figure(finished: Path) -> None:
    table = methods_table(read_methods(finished))
    assert table is not None and len(table.rows) == 6
    assert all(len(row) == len(table.header) for row in table.rows)
    page = (finished / "report.html").read_text()
    assert "Truth RL" in page and "wins against SFT" in page and 'id="methods"' in page
    assert (finished / "figures" / "methods.png").stat().st_size > 10_000
    console = Console(record=True, width=200, file=(finished / "said.txt").open("w"))
    print_summary(finished, console)
    assert "answers declined" in console.export_text()


def test_a_judge_model_may_say_which_text_is_better(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that always names the first answer changes its mind with the order, so that all of its pairs are ties."""

    def first(call: Call) -> Generated:
        return Generated((Sample("FIRST", "stop", 1),), Usage(400, 1))

    opened = resolve.open_model
    biased = InstantModel(first, "biased", "biased")
    monkeypatch.setattr(resolve, "open_model", lambda text: biased if text == "biased" else opened(text))
    monkeypatch.setenv("VERACITY_CACHE", str(finished.parent / "cache"))
    shutil.copytree(finished, tmp_path / "run")
    given = {"roles": {"judge": "biased"}, "table": {**SMALL["table"], "pairwise": "model"}}
    with Run.open(tmp_path / "run") as run:
        run_methods(load_settings(MethodsSettings, {**SMALL, **given}), run, Console(quiet=True))
    contents = read_methods(tmp_path / "run")
    won = contents.of("careful", "win_rate")
    assert won is not None and won.value == 0.5
    pairs = RunFolder(tmp_path / "run").read_table("pairs")
    judged = pairs.filter(pl.col("status") == "judged")
    assert judged.height > 20 and set(judged["a_first"]) == {"a"} and set(judged["b_first"]) == {"b"}
    trained = [e for e in RunFolder(tmp_path / "run").events() if e["event"] == "trained"]
    assert len(trained) == 3, (
        "Truth RL alone is trained again: a judge grades short answers too, so its reward is another"
    )


@pytest.fixture
def material(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Material]:
    """The run's samples, all of them stored already."""
    from veracity.experiments.desk import open_desk, policy_of, start_folder

    monkeypatch.setenv("VERACITY_CACHE", str(finished.parent / "cache"))
    settings = load_settings(MethodsSettings, SMALL)
    with Run.open(finished) as run, open_desk(run, settings.roles, Console(quiet=True)) as desk:
        yield Material(desk, settings, gather_prompts(settings), policy_of(start_folder("tiny")))


def test_lessons(material: Material) -> None:
    """R-Tuning: gold where half of the four samples are right, else the refusal. Gold: one a prompt to read."""
    used: dict[str, tuple[int, int]] = {}
    groups = {g.problem.id: g for g in material.groups("short", (), used)}
    taught = demonstrations(material, [Boundary(teach="boundary", refusal="unknown")], used)
    assert len(taught) == 16
    for one in taught:
        group = groups[one.item]
        right = sum(r.outcome == "correct" for r in group.responses)
        assert one.response == (group.problem.gold if right >= 2 else "unknown")
    assert {"unknown"} < {one.response for one in taught}
    read = demonstrations(material, [Gold(teach="gold", prompts=("reading",))], used)
    assert len(read) == 5 and all(one.response in one.messages[-1].content for one in read)
    best = SelectionSettings(choose="top_share", share=0.25)
    chosen = demonstrations(material, [Own(teach="own", prompts=("long",), score="factscore", select=best)], used)
    assert len(chosen) == 10, "a quarter of 40"
    mixed = demonstrations(material, [Distilled(teach="distilled", share=1.0)], used)
    assert sum(one.response == "unknown" for one in mixed) > sum(
        r.text.strip() == "unknown" for g in groups.values() for r in g.responses
    )


def test_preferences_and_labels_follow_the_score(material: Material) -> None:
    """Every pair's margin is the difference of its two scores; a label says on which side of its prompt's mean."""
    used: dict[str, tuple[int, int]] = {}
    for score, form in (("factscore", "long"), ("self_confidence", "long"), ("general", "reading")):
        scores = {
            (group.problem.id, response.text.strip()): value
            for group, values in material.scored(form, score, used)  # type: ignore[arg-type]
            for response, value in zip(group.responses, values, strict=True)
        }
        pairs = preferences(material, Preference(score=score, prompts=(form,), most=12), used)  # type: ignore[arg-type]
        assert len(pairs) <= 12 and (pairs or score == "general")
        for pair in pairs:
            high, low = scores[pair.item, pair.chosen], scores[pair.item, pair.rejected]
            assert high is not None and low is not None and pair.margin == pytest.approx(high - low) and high > low
    rows = labels(material, Label(score="truthrl", prompts=("short",), threshold=0.0), used)
    assert {row.desirable for row in rows} == {True, False}
    assert used["confidence.long"][0] % 20 == 0 < used["confidence.long"][0]


def test_the_recipe_lists_every_neighbour() -> None:
    settings = load_settings(MethodsSettings, read_recipe("training-table"))
    names = " ".join(settings.methods)
    trained = ("SFT", "FactTune-FS", "FactTune-MC", "KTO", "R-Tuning", "FLAME", "TruthRL", "KnowRL", "L2RF", "KLCF")
    for wanted in (*trained, "binary RAR", "SimpleFact", "few-shot", "careful", "bold", "greedy"):
        assert wanted in names
    kept = settings.trainers.of(settings.methods["SimpleFact"])
    assert (kept.group_size, kept.learning_rate) == (16, settings.trainers.grpo.learning_rate)


def test_what_does_not_fit_is_refused() -> None:
    def method(**given: object) -> dict[str, object]:
        return {"methods": {"SFT": SMALL["methods"]["SFT"], "mine": given}}

    grpo = {"trainer": "grpo", "prompts": ["long"], "rewards": {"factscore": 1.0}}
    for wrong, reason in (
        (method(trainer="none", start="DPO"), "no model before it"),
        (method(trainer="ppo"), "ppo"),
        (method(**grpo | {"rewards": {"truthrl": 1.0}}), "truthrl reads outcome"),
        (method(**grpo | {"rewards": {"factscor": 1.0}}), "factscore"),
        (method(**grpo | {"prompts": ["short"], "rewards": {"format": 1.0}}), "format reads format"),
        ({**method(trainer="none"), "people": {"unmet": 9}}, "never met"),
        (method(**grpo | {"training": {"batch_size": 20, "group_size": 8}}), "no multiple of group_size"),
        (method(**grpo | {"training": {"beat": 1}}), "beat"),
        (method(trainer="sft", lessons=[{"teach": "own", "prompts": ["long"], "select": {}}]), "needs a score"),
        ({"methods": {"base": {"trainer": "none"}}}, "base model's own row"),
        ({**method(trainer="none"), "table": {"against": "DPO"}}, "is no method"),
        ({**method(trainer="none"), "table": {"pairwise": "model"}}, "needs a judge"),
        ({**method(trainer="none"), "table": {"judging": {"verifier": "rule"}}}, "both use the verifier"),
    ):
        with pytest.raises(ConfigError, match=reason):
            load_settings(MethodsSettings, wrong)
