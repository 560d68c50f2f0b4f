"""`veracity graders` lists, shows, runs here and on a server, validates, and says in one line what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from servers import FaultyServer
from veracity.cli.app import app
from veracity.core.requests import Generate
from veracity.domains import open_domain
from veracity.judging.graders import open_grader
from veracity.models.agents.confinement import obstacle

DOMAIN = "forecasting?reports=4&n=20"
PROBLEMS = open_domain(DOMAIN).problems(None, "all")
CONFINED = pytest.mark.skipif(bool(obstacle()), reason=f"programs cannot be confined here: {obstacle()}")


def ask(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["graders", *map(str, arguments)])


def script(request: Generate, replicate: int) -> str:
    return "0.8"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with FaultyServer(script) as server:
        yield server.url


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    said = ["0.75", "20%", "7", ""]
    lines = [{"id": p.id, "answer": f"So. \\finalBeliefProb{{{x}}}"} for p, x in zip(PROBLEMS, said, strict=False)]
    file = tmp_path / "answers.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    return file


def rewards() -> list[float]:
    return [-(((1 - (p.correct or 0)) - x) ** 2) for p, x in zip(PROBLEMS, (0.75, 0.2), strict=False)]


def test_graders_are_listed_with_their_range_and_needs() -> None:
    for arguments in ((), ("list",)):
        shown = ask(*arguments)
        assert shown.exit_code == 0 and all(name in shown.output for name in ("python_brier", "model_agreement"))
        assert "-1 to 0" in shown.output and "two options and the right one" in shown.output


def test_a_specification_is_shown_as_it_is_uploaded_and_can_be_read_back(tmp_path: Path) -> None:
    shown = ask("show", "model_brier", "--domain", DOMAIN)
    assert json.loads(shown.stdout) == open_grader("model_brier").to_openai_spec()
    assert "20 of 20 problems" in shown.stderr and '"option_0"' in shown.stderr
    file = tmp_path / "quality.json"
    file.write_text(ask("show", "model").stdout)
    assert json.loads(ask("show", file).stdout) == json.loads(file.read_text())
    lacking = ask("show", "python_brier", "--domain", "conceptual")
    assert "0 of" in lacking.stderr and "not_applicable" in lacking.stderr


def test_answers_are_graded_here_and_on_the_server_alike(answers: Path, url: str, tmp_path: Path) -> None:
    """A belief out of range and one that is missing are no grades, neither here nor there."""
    written = []
    for place, where in enumerate(((), ("--url", url))):
        out = tmp_path / f"{place}.jsonl"
        shown = ask("run", "python_brier", "--domain", DOMAIN, "--answers", answers, "--out", out, *where)
        assert shown.exit_code == 0, shown.output
        written.append([json.loads(line) for line in out.read_text().splitlines()])
        assert "2 ok" in shown.output and f"mean reward {sum(rewards()) / 2:.4f} of 2" in shown.output
    here, there = written
    assert [row["reward"] for row in here[:2]] == pytest.approx(rewards())
    assert [row["reward"] for row in there] == [row["reward"] for row in here]
    assert [row["status"] for row in here] == ["ok", "ok", "out_of_range", "parse_failed"]
    assert there[2]["status"] == "grader_failed" and there[2]["reason"] == "python_grader_runtime_error"


def test_a_single_answer_graded_by_a_model_and_by_a_specification_of_ones_own(tmp_path: Path) -> None:
    one = ("--domain", DOMAIN, "--problem", PROBLEMS[0].id, "--answer", "It will.", "--model", "sim/judge?facts=none")
    shown = ask("run", "model", *one)
    assert shown.exit_code == 0 and "1 ok; mean reward" in shown.output
    file = tmp_path / "mine.json"
    file.write_text(ask("show", "model").stdout)
    assert "1 ok" in ask("run", file, *one).output


@CONFINED
def test_a_grader_of_ones_own_code_runs_confined(tmp_path: Path, answers: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def grade(sample, item):\n    return float(item['option_0'] == 'Yes')\n")
    shown = ask("run", f"python?file={file}", "--domain", DOMAIN, "--answers", answers)
    assert shown.exit_code == 0 and "4 ok; mean reward" in shown.output


def test_a_server_says_whether_it_accepts_a_grader(url: str, tmp_path: Path) -> None:
    for name in ("python_brier", "model_brier", "model", "model_agreement"):
        shown = ask("validate", name, "--url", url)
        assert shown.exit_code == 0 and f"accepts {name}" in shown.output
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(open_grader("python_brier").to_openai_spec() | {"source": "x = 1"}))
    refused = ask("validate", broken, "--url", url)
    assert refused.exit_code == 1 and "no function grade" in refused.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "python_brir"), "did you mean 'python_brier'"),
        (("show", "nowhere.json"), "cannot be read as a grader's specification"),
        (("run", "model", "--domain", DOMAIN, "--problem", PROBLEMS[0].id, "--answer", "x"), "say which with --model"),
        (("run", "python_brier", "--domain", DOMAIN), "--answers"),
        (("run", "python_brier", "--domain", DOMAIN, "--answer", "x"), "--problem"),
        (("run", "python_brier", "--domain", DOMAIN, "--problem", "nine", "--answer", "x"), "has no problem 'nine'"),
        (("run", "python_brier", "--domain", DOMAIN, "--answers", "no.jsonl"), "no.jsonl: cannot be read"),
        (("validate", "python_brier", "--url", "http://127.0.0.1:9/v1"), "127.0.0.1"),
    ],
)
def test_what_is_wrong_is_said(arguments: tuple[str, ...], said: str) -> None:
    shown = ask(*arguments)
    assert shown.exit_code == 1 and said in " ".join(shown.output.split())


def test_a_line_that_is_no_answer_is_named_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    for text, said in (
        ('{"id": "x"}', "line 1"),
        ("[]", "line 1"),
        ('{"id": "x", "answer": 3}', "'answer'"),
        ("", "no"),
    ):
        file.write_text(text)
        shown = ask("run", "python_brier", "--domain", DOMAIN, "--answers", file)
        assert shown.exit_code == 1 and said in shown.output and "answers.jsonl" in shown.output


def test_without_a_key_openai_itself_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("VERACITY_KEYS", str(tmp_path / "none.yaml"))
    shown = ask("validate", "python_brier")
    assert shown.exit_code == 1 and "OPENAI_API_KEY" in shown.output
