"""`gv-gap` end to end on a micro model: the right tables, nothing done twice, nothing lost to a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from micro_models import NAMES, STATEMENTS, SUBJECTS, make_facts, save_micro
from veracity.core.errors import CapabilityError, ConfigError, ContextLengthError, DataError, ModelError
from veracity.experiments.gv_gap.cost import gv_gap_cost
from veracity.experiments.gv_gap.progress import Pace, Stopwatch
from veracity.experiments.gv_gap.settings import GvGapSettings
from veracity.experiments.running import run_recipe
from veracity.metrics.probe_rows import PROBE_SCHEMA
from veracity.store.run import RunFolder

RECIPE = {
    "experiment": "gv-gap",
    "training": {"batch_size": 8, "warmup": 0},
    "acquisition": {"epochs": 3, "learning_rate": 0.01},
    "update": {"epochs": 2, "learning_rate": 0.01},
    "continual": {"epochs": 2, "learning_rate": 0.01, "delays": [0, 1, 5], "sentences": 6},
    "saturation_epoch": 2,
    "probes": {"max_tokens": 4, "names": ["forced_choice", "generation", "verification"]},
}
FIELDS = ("id", "subject", "relation", "update", "foil", "control", "statements", "questions", "claims", "denials",
          "control_subject", "real_foils", "imaginary_foils")  # fmt: skip


def write_facts(path: Path) -> str:
    rows = [{**{name: getattr(f, name) for name in FIELDS}, "object": f.value} for f in make_facts()]
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Recipe values that name a micro model, facts, and unrelated sentences on disk."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "text.txt").write_text("\n".join(f"{NAMES[15 - i]} found {SUBJECTS[i]} ?" for i in range(8)))
    values = json.loads(json.dumps(RECIPE))
    values["model"] = {"path": str(save_micro(folder / "model"))}
    values["facts"] = {"source": "file", "path": write_facts(folder / "facts.jsonl")}
    values["continual"]["path"] = str(folder / "text.txt")
    return values


def run(inputs, folder: Path, *overrides: str, report: bool = False) -> RunFolder:
    """A run of the recipe; drawing the report takes longer than all the rest, and most tests look at tables only."""
    with pytest.MonkeyPatch.context() as patch:
        if not report:
            patch.setattr("veracity.report.page.write_report", lambda path: path)
        return RunFolder(run_recipe(inputs, overrides, runs_folder=folder, name="run", console=Console(quiet=True)))


def computed(folder: RunFolder) -> list[str]:
    return [e["stage"] for e in folder.events() if e["event"] == "stored"]


@pytest.fixture(scope="module")
def finished(inputs, tmp_path_factory):
    return run(inputs, tmp_path_factory.mktemp("finished"), report=True)


def test_every_phase_holds_every_epoch_and_its_own_start(finished):
    probes = finished.read_table("probes")
    assert dict(probes.schema) == PROBE_SCHEMA
    groups = probes.group_by("phase", "delay").agg(pl.col("epoch").unique().sort())
    assert {(phase, delay): epochs for phase, delay, epochs in groups.iter_rows()} == {
        ("acquisition", 0): [0, 1, 2, 3],
        ("update", 0): [2, 3, 4],
        ("continual", 0): [2, 3, 4],
        ("continual", 1): [3, 4, 5],
    }
    rest = [c for c in PROBE_SCHEMA if c not in ("phase", "delay", "epoch")]
    learned = probes.filter(phase="acquisition", epoch=3).select(rest)
    assert probes.filter(phase="continual", delay=1, epoch=3).select(rest).equals(learned)
    per_epoch = 8 * (3 * 4 + 2 * 3 + 2 * (3 + 3 * 4))  # forced choice, generation, verification; 4 kinds of foil
    assert set(probes.group_by("phase", "delay", "epoch").len()["len"]) == {per_epoch}


def test_the_losses_of_taught_sentences_fall_and_cover_every_epoch(finished):
    losses = finished.read_table("losses")
    assert losses.height == (4 + 3 + 3 + 3) * 2 * 2
    learned = losses.filter(phase="acquisition", kind="sentence", target="learn").sort("epoch")["loss"].to_list()
    assert learned == sorted(learned, reverse=True)
    answers = losses.filter(phase="update", kind="answer").sort("epoch")
    old, new = (answers.filter(target=t)["loss"].to_list() for t in ("learn", "update"))
    assert new[-1] < new[0] and old[-1] > old[0]


def test_the_manifest_says_what_was_done_and_where_the_time_went(finished):
    manifest = finished.manifest()
    seconds = manifest["timings_s"]
    assert seconds["training"] + seconds["probing"] + seconds["other"] == pytest.approx(seconds["total"], abs=0.01)
    assert min(seconds.values()) > 0
    (saturation,) = manifest["saturation"]
    assert (saturation["epoch"], saturation["reached"], saturation["rule"]) == (2, True, "stated in the settings")
    assert manifest["skipped_delays"] == {"0": [5]}
    assert "prompt generation.plain.v1" in manifest["hashes"]
    assert (finished.path / "report.html").exists() and finished.estimates()


def test_nothing_of_an_epoch_or_a_training_stays_behind(finished):
    phases, kinds = ["acquisition-s0", "continual-s0-d0", "continual-s0-d1", "update-s0"], ["losses", "probes"]
    whole = ["facts", "failures", "paper_scores", *kinds]
    assert finished.tables() == sorted([*whole, *(f"{k}-{p}" for k in kinds for p in phases)])
    assert not (finished.path / "training").exists()
    kept = ["acquisition-s0-e002", "acquisition-s0-e003", "continual-s0-d0-e004", "continual-s0-d1-e005",
            "update-s0-e004"]  # fmt: skip
    assert sorted(p.name for p in (finished.path / "artifacts").iterdir()) == [f"model-{name}" for name in kept]


def test_a_second_run_trains_and_asks_nothing(inputs, finished):
    before, manifest = computed(finished), (finished.path / "manifest.json").read_bytes()
    run(inputs, finished.path.parent)
    assert computed(finished) == before and (finished.path / "manifest.json").read_bytes() == manifest


def test_a_changed_phase_recomputes_itself_and_what_follows_alone(inputs, tmp_path):
    first = run(inputs, tmp_path, "continual.delays=[0]")
    old, before = first.read_table("probes"), len(computed(first))
    run(inputs, tmp_path, "continual.delays=[0]", "update.learning_rate=0.02")
    stages = {stage.split("-e0")[0] for stage in computed(first)[before:]}
    of_all = {"probes", "losses", "failures", "paper_scores"}
    assert stages == {"probes-update-s0", "losses-update-s0", "model-update-s0", *of_all}
    table = first.read_table("probes")
    others, update = pl.col("phase") != "update", pl.col("phase") == "update"
    assert table.filter(others).equals(old.filter(others)) and not table.filter(update).equals(old.filter(update))


def test_a_model_that_was_not_kept_is_trained_again_and_is_the_same(inputs, finished, tmp_path):
    lean = run(inputs, tmp_path, "keep_checkpoints=none", "update=null", "continual=null")
    assert not list((lean.path / "artifacts").iterdir())
    before = len(computed(lean))
    run(inputs, tmp_path, "keep_checkpoints=none")
    again = [stage for stage in computed(lean)[before:] if "acquisition" in stage]
    assert again == ["model-acquisition-s0-e002", "model-acquisition-s0-e003"]
    assert lean.read_table("probes").equals(finished.read_table("probes"))
    assert not list((lean.path / "artifacts").iterdir())


def test_all_models_are_kept_on_request_and_seeds_differ(inputs, tmp_path):
    both = run(inputs, tmp_path, "keep_checkpoints=all", "update=null", "continual=null", "seeds=[0,7]")
    assert len(list((both.path / "artifacts").iterdir())) == 6
    last = both.read_table("probes").filter(epoch=3, probe="forced_choice")
    assert last.filter(seed=0)["margin"].to_list() != last.filter(seed=7)["margin"].to_list()


def test_saturation_follows_the_declared_rule(inputs, tmp_path):
    found = run(inputs, tmp_path, "saturation_epoch=null", "acquisition.epochs=5", "continual=null")
    (row,) = found.manifest()["saturation"]
    assert "plateau" in row["rule"] and 0 <= row["epoch"] <= 5
    assert found.read_table("probes").filter(phase="update")["epoch"].min() == row["epoch"]


def test_a_killed_run_ends_with_the_same_tables(inputs, finished, tmp_path):
    """Killed with SIGKILL in acquisition, then in a later phase; the third process finishes."""
    command = [sys.executable, str(Path(__file__).with_name("gv_gap_child.py")), json.dumps(inputs), str(tmp_path)]
    log = tmp_path / "run" / "log.jsonl"
    for moment in ("probes-acquisition-s0-e002", "losses-update-s0-e004"):
        child = subprocess.Popen(command, env=dict(os.environ))
        deadline = time.monotonic() + 120
        while not (log.exists() and f'"stored", "stage": "{moment}"' in log.read_text()):
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        child.wait()
    subprocess.run(command, check=True)
    resumed = RunFolder(tmp_path / "run")
    for name in ("probes", "losses"):
        assert resumed.read_table(name).equals(finished.read_table(name)), name
    assert computed(resumed).count("probes-acquisition-s0-e001") == 1  # what was complete was not done again


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("model.path=/nowhere", ModelError, "nowhere"),
        ("facts.path=/nowhere.csv", ConfigError, "facts.path=/nowhere"),
        ("training.max_length=3", ContextLengthError, "max_length"),
        ("continual.sentences=100", ConfigError, "there are 8"),
        ("continual.path=/nowhere.txt", DataError, "nowhere"),
        ("saturation_epoch=9", ConfigError, "last epoch of acquisition"),
        ("seeds=[1,1]", ConfigError, "seeds repeat"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(inputs, tmp_path, override, error, message):
    with pytest.raises(error, match=message):
        run(inputs, tmp_path, override)
    assert not (tmp_path / "run").exists()


def test_a_model_without_a_chat_template_is_refused(inputs, tmp_path):
    folder = save_micro(tmp_path / "bare")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(CapabilityError, match="chat"):
        run(inputs, tmp_path, f"model.path={folder}")


def test_a_context_too_short_for_a_sentence_is_refused(inputs, tmp_path):
    folder = save_micro(tmp_path / "short")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 6}))
    with pytest.raises(ContextLengthError, match="6 tokens"):
        run(inputs, tmp_path, f"model.path={folder}")


def test_failed_requests_are_rows_with_their_reason_and_enter_no_number(inputs, tmp_path):
    """In a context of 8 tokens the sentences and questions fit, but no request for a verdict."""
    folder = save_micro(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 8}))
    short = ["update=null", "continual=null", "acquisition.epochs=1", "saturation_epoch=1", f"model.path={folder}"]
    partial = run(inputs, tmp_path, *short, "probes.names=[forced_choice,verification]")
    failures = partial.read_table("failures")
    assert failures.height == 2 * 8 and set(failures["kind"]) == {"ContextLengthError"}
    assert failures["reason"].str.contains("8 tokens").all() and failures["item"][0].startswith("verification/")
    probes = partial.read_table("probes")
    assert probes.filter(status="request_failed").height == 2 * 8 * 3 * 2
    assert probes.filter(status="request_failed")["correct"].null_count() == 2 * 8 * 3 * 2
    assert set(probes.filter(probe="forced_choice")["status"]) == {"ok"}


def test_settings_need_what_the_saturation_rule_compares():
    with pytest.raises(ValueError, match="saturation rule"):
        GvGapSettings(probes={"names": ["generation"]})
    assert GvGapSettings(probes={"names": ["generation"]}, update=None, continual=None)


def test_the_cost_counts_the_steps_that_training_takes(inputs):
    values = {k: v for k, v in inputs.items() if k != "experiment"}
    cost = gv_gap_cost(GvGapSettings.model_validate_json(json.dumps(values)))
    steps_an_epoch = len(SUBJECTS) * len(STATEMENTS) // 8
    assert cost.training_steps == (3 + 2) * steps_an_epoch + 3 * 2 * 1
    assert cost.training_tokens > 0 and cost.probe_tokens > 0 and cost.checkpoints >= 5


def test_a_stopwatch_gives_each_moment_to_the_innermost_activity(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("veracity.experiments.gv_gap.progress.time.monotonic", lambda: now[0])
    watch = Stopwatch()
    now[0] = 1.0
    with watch.measure("training"):
        now[0] = 3.0
        with watch.measure("probing"):
            now[0] = 8.0
        now[0] = 9.0
    now[0] = 10.0
    assert watch.shares() == {"training": 3.0, "probing": 5.0, "other": 2.0, "total": 10.0}


def test_the_time_left_is_told_only_when_both_kinds_of_work_were_seen():
    pace = Pace(sentences=100, examinations=10)
    assert pace.remaining_s is None
    pace.examinations_done, pace.probing_s = 1, 4.0
    assert pace.remaining_s is None
    pace.sentences_done, pace.training_s = 25, 5.0
    assert pace.remaining_s == pytest.approx(75 * 0.2 + 9 * 4.0)
