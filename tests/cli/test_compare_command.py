"""`veracity compare`, as a user calls it, on run folders that the store wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from veracity.cli.app import app
from veracity.metrics.answer_rows import ANSWERS
from veracity.metrics.measurement import Measurement
from veracity.store.run import Run

MEASURED = Measurement("short_form.v1", data="d" * 64, judge="alias", parameters={"k": 32})


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["compare", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def table(letters: str, arm: str) -> pl.DataFrame:
    grades = {"C": "correct", "I": "incorrect", "N": "not_attempted"}
    rows: list[Mapping[str, object]] = [
        {"item": f"q{k}", "cluster": f"q{k}", "domain": "test", "arm": arm, "sample": 0, "question": f"{k}?",
         "gold": "x", "answer": letter, "grade": grades[letter], "status": "graded", "stage": "alias"}
        for k, letter in enumerate(letters)
    ]  # fmt: skip
    return ANSWERS.frame(rows)


def store(
    folder: Path,
    arms: Mapping[str, str],
    measurement: Measurement = MEASURED,
    settings: Mapping[str, object] | None = None,
) -> None:
    with Run.open(folder) as run:
        run.table("answers", "k", lambda: pl.concat([table(letters, arm) for arm, letters in arms.items()]))
        run.write_manifest(recipe=dict(settings or {}), measurement={"answers": measurement.as_dict()})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    store(folder / "first", {"none": "CI" * 30})
    store(folder / "second", {"none": "CC" * 30})
    store(folder / "prompts", {"bold": "CI" * 30, "careful": "CN" * 30})
    store(folder / "other-k", {"none": "CC" * 30}, replace(MEASURED, parameters={"k": 64}))
    return folder


def test_two_runs(runs: Path) -> None:
    text = call("first", "second", "--runs", str(runs), "--metric", "correct", "--metric", "f")
    assert "second is better than first by correct +50 points" in " ".join(text.split())
    assert "incorrect" not in text and "<\u00a0.001" in text
    page = runs / "comparisons" / "first_vs_second" / "comparison.html"
    assert f"report: {page}" in text and page.exists()


def test_arms_of_one_run(runs: Path, tmp_path: Path) -> None:
    text = call("prompts@bold", "prompts@careful", "--runs", str(runs), "--out", str(tmp_path / "here"))
    assert "prompts@careful is better than prompts@bold by incorrect −50 points" in " ".join(text.split())
    assert (tmp_path / "here" / "comparison.html").exists()
    assert "say which one is meant, as prompts@bold" in call("first", "prompts", "--runs", str(runs), code=1)


def test_what_differs_is_refused_unless_forced(runs: Path) -> None:
    refused = call("first", "other-k", "--runs", str(runs), code=1)
    assert "differ in parameters.k (first: 32, other-k: 64)" in refused
    forced = call("first", "other-k", "--runs", str(runs), "--force")
    assert forced.startswith("forced: first and other-k cannot be compared")


def test_other_data_are_traced_to_the_settings_that_chose_them(tmp_path: Path) -> None:
    asked = {"domains": ["simpleqa"], "problems": 30, "split": "test"}
    other, all_of_it = replace(MEASURED, data="e" * 64), asked | {"problems": None}
    store(tmp_path / "some", {"none": "CI" * 30}, settings={"seed": 0, "short": asked})
    store(tmp_path / "all", {"none": "CI" * 30}, other, settings={"seed": 0, "short": all_of_it})
    store(tmp_path / "changed", {"none": "CI" * 30}, other, settings={"seed": 0, "short": asked})
    store(tmp_path / "unknown", {"none": "CI" * 30}, other)
    hashes = "differ in data (some: dddddddddddd, {}: eeeeeeeeeeee{}). Measure"
    for name, cause in (
        ("all", "; short.problems is 30 and null"),
        ("changed", "; the settings are the same, so what is behind the domains has changed"),
        ("unknown", ""),
    ):
        assert hashes.format(name, cause) in call("some", name, "--runs", str(tmp_path), code=1)


def test_wrong_calls(runs: Path) -> None:
    assert "there is no run 'secnd'" in call("first", "secnd", "--runs", str(runs), code=1)
    assert "did you mean 'correct'" in call("first", "second", "--runs", str(runs), "--metric", "corect", code=1)
    assert "two systems or more" in call("first", "--runs", str(runs), code=1)
