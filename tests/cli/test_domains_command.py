"""`veracity domains` lists and shows, and says in one line what is wrong."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from veracity.cli.app import app
from veracity.domains import SHARES, open_domain

FIXTURES = Path(__file__).parents[1] / "domains" / "fixtures"


def test_all_domains_are_listed_with_their_options() -> None:
    for arguments in (["domains"], ["domains", "list"]):
        shown = CliRunner().invoke(app, arguments)
        assert shown.exit_code == 0
        assert all(name in shown.output for name in ("world-abstention", "simpleqa", "nonexistent", "titles"))


def test_a_file_is_shown_with_its_problems() -> None:
    shown = CliRunner().invoke(
        app, ["domains", "show", f"kqa?path={FIXTURES}/kqa.jsonl", "--split", "test", "--n", "1"]
    )
    assert shown.exit_code == 0, shown.output
    assert "3 problems" in shown.output and "asked again: 1" in shown.output and "from kqa.jsonl" in shown.output
    shown = CliRunner().invoke(app, ["domains", "show", "world-choice", "--n", "1"])
    assert "A) " in shown.output and "answer: " in shown.output


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("probelm,answer\nWho?,I\n", encoding="utf-8")
    wrong = CliRunner().invoke(app, ["domains", "show", f"simpleqa?path={path}"])
    assert wrong.exit_code == 1 and "did you mean 'probelm'" in wrong.output


def test_all_splits_are_shown_together_and_an_empty_one_says_so(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("problem,answer\nWhat is the capital of Peru?,Lima\n", encoding="utf-8")
    domain = open_domain(f"simpleqa?path={path}")
    other = next(split for split in SHARES if not domain.problems(split=split))
    empty = CliRunner().invoke(app, ["domains", "show", f"simpleqa?path={path}", "--split", other])
    assert empty.exit_code == 0 and f"none of them is in the split '{other}'; `--split all`" in empty.output
    whole = CliRunner().invoke(app, ["domains", "show", f"simpleqa?path={path}", "--split", "all"])
    assert whole.exit_code == 0 and "What is the capital of Peru?" in whole.output
