"""FactTune end to end on the tiny model, small: every stage is there, nothing is asked twice, scores and pairs hold."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from veracity.core.config import load_settings
from veracity.core.errors import ConfigError
from veracity.experiments.facttune.experiment import prepare_facttune, run_facttune
from veracity.experiments.facttune.settings import FactTuneSettings
from veracity.store.run import Run, RunFolder

SMALL = {
    "methods": ["fs", "mc"],
    "seeds": [3],
    "people": {"train": 16, "test": 8, "unmet": 4, "test_split": "validation"},
    "sampling": {"n": 4},
    "most_pairs": 16,
    "sft": {"epochs": 1, "batch_size": 32},
    "dpo": {"batch_size": 8, "learning_rate": 1.0e-4},
    "baselines": {"prompts": ["careful"]},
    "test_samples": 2,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run, and the ledger of its own beside it."""
    folder = tmp_path_factory.mktemp("facttune")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERACITY_CACHE", str(folder / "cache"))
        for _ in range(2):  # the second time everything is there
            with Run.open(folder / "run") as run:
                run_facttune(load_settings(FactTuneSettings, SMALL), run, Console(quiet=True))
    return folder / "run"


def test_every_stage_is_stored(finished: Path) -> None:
    """16 people with 4 samples: 64 rows; 6 arms (base, greedy, careful, and sft, fs, mc with their greedy ones)."""
    run = RunFolder(finished)
    assert run.read_table("samples.3").height == 64
    responses = run.read_table("test.responses")
    arms = {"base", "base, greedy", "base, careful"}
    arms |= {f"{name}{way}#3" for name in ("sft", "fs", "mc") for way in ("", ", greedy")}
    assert set(responses["arm"]) == arms
    assert responses.filter(pl.col("arm") == "fs#3").height == 16
    assert {p.name for p in (finished / "models").iterdir()} == {"sft-3", "fs-3", "mc-3"}
    lineage = json.loads((finished / "models" / "fs-3" / "lineage.json").read_text())
    assert (lineage["trainer"], lineage["steps"]) == ("dpo", 2)


def test_second_time_computes_nothing(finished: Path) -> None:
    """After the first "finished" no stage is computed and the manifest stays."""
    events = [e["event"] for e in RunFolder(finished).events()]
    assert events.count("finished") == 1
    assert "computing" not in events[events.index("finished") :]


def test_scores_are_those_of_the_claims(finished: Path) -> None:
    """FS: supported over judged claims of each sample; MC: mean max_conf; a sample without claims has neither."""
    run = RunFolder(finished)
    judged, fs = run.read_table("judged.3"), run.read_table("scores.fs.3")
    for row, score in zip(judged.sort("item", "sample").iter_rows(named=True), _by_sample(fs), strict=True):
        labels = [claim["label"] for claim in row["claims"] if claim["label"] != "irrelevant"]
        if labels and None not in labels:
            assert score == pytest.approx(sum(label == "supported" for label in labels) / len(labels))
        elif not labels:
            assert score is None
    sure = run.read_table("confidence.3")
    means = {(i, r): m for i, r, m in sure.group_by("item", "response").agg(pl.col("max_conf").mean()).iter_rows()}
    mc = _by_sample(run.read_table("scores.mc.3"))
    for row, score in zip(judged.sort("item", "sample").iter_rows(named=True), mc, strict=True):
        assert score == (
            None if means[(row["item"], row["text"])] is None else pytest.approx(means[(row["item"], row["text"])])
        )


def test_report_and_estimates(finished: Path) -> None:
    """The page shows both methods; every arm has its measures, never-met people theirs."""
    page = (finished / "report.html").read_text()
    assert "FactTune-FS" in page
    assert "FactTune-MC" in page
    assert "trained/run/fs-3" in page.replace("<wbr>", "")  # how to ask what it trained
    assert (finished / "figures" / "facts.png").stat().st_size > 10_000
    found = RunFolder(finished).estimates()
    for name in (
        "base: right",
        "fs, greedy: share_wrong",
        "never met, mc: wrong",
        "fs against sft: fall of share_wrong",
    ):
        assert name in found


def test_reward_and_proof_need_different_scorers() -> None:
    """The same verifier on both sides is refused, and so is a person asked for who is not there."""
    with pytest.raises(ConfigError, match="gain could be that verifier's error"):
        load_settings(FactTuneSettings, {"judging": {"verifier": "world"}})
    with pytest.raises(ConfigError, match="repeats"):
        load_settings(FactTuneSettings, {"methods": ["fs", "fs"]})


def _by_sample(scores: pl.DataFrame) -> list[float | None]:
    return scores.sort("item", "sample")["score"].to_list()


def test_plan_asks_nothing_and_counts_the_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """16 prompts, each asked once for 4 samples, and 12 people with 2 answers of 5 models: 16 + 120 calls, all free."""
    monkeypatch.setenv("VERACITY_CACHE", str(tmp_path))
    plan = prepare_facttune(load_settings(FactTuneSettings, SMALL)).plan
    calls = {line.role: line.calls[1] for line in plan.lines}
    assert set(calls) == {"policy", "oracle", "corpus"}
    assert calls["policy"] == 16 + 120
    assert plan.cost == (0, 0)
