"""A run of simulated agents from the run folder to the page: the honest one is on top, and all files are there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from agents_run import make_run, with_token_evidence
from score_tables import row, table
from typer.testing import CliRunner

from veracity.analysis.base import analyze
from veracity.analysis.overview import overviews
from veracity.analysis.scores import read_run
from veracity.cli.app import app
from veracity.core.errors import DataError
from veracity.core.finding import Finding, IntervalPlot, LinePlot, Place, Point, ResultTable, ScatterPlot
from veracity.report.analysis import table_of, words, write_analysis
from veracity.report.plots import draw
from veracity.store.run import Run

BRIER = "truth_accuracy.brier.eventual"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("runs") / "agents")
    with_token_evidence(folder, [[("The", -1.0, -1.2), (" urn", -0.5, -3.0)]])
    return folder


@pytest.fixture(scope="module")
def findings(run_folder: Path) -> list[Finding]:
    return analyze([read_run(run_folder)], resamples=300)


def of(findings: list[Finding], analyzer: str, **place: str) -> Finding:
    found = [f for f in findings if f.analyzer == analyzer and all(getattr(f.place, k) == v for k, v in place.items())]
    assert len(found) == 1, [f.place for f in found]
    return found[0]


def test_the_bayesian_is_best_and_the_coin_last(findings: list[Finding]) -> None:
    """On the chain of thought, where beliefs are in words; the coin ends at 1/2, whose Brier loss is 0.25."""
    compared = of(findings, "performance_comparison", algorithm=BRIER, mode="chain_of_thought")
    order = table(compared, "standings")
    assert order[0]["policy"] == "bayesian" and order[0]["rank"] == 1
    assert row(compared, "means", policy="bayesian")["value"] == min(r["value"] for r in table(compared, "means"))
    # the overconfident one is a little better on the many items where it is right, and much worse on the others
    ratings = {r["policy"]: r["value"] for r in order}
    assert ratings["overconfident"] > ratings["bayesian"]
    assert any("overconfident over bayesian" in note and "Believe the means" in note for note in compared.notes)
    change = row(compared, "differences", pair="coin − bayesian")
    assert change["low"] > 0 and change["better"] == "bayesian"


def test_scores_to_train_on_are_the_best_of_the_training_split(findings: list[Finding]) -> None:
    chosen = of(findings, "trajectory_score", algorithm=BRIER, model="run-agents")
    rows = [json.loads(line) for line in chosen.files["training.jsonl"].splitlines()]
    scores = [r["score"] for r in rows]
    assert scores == sorted(scores) and {r["direction"] for r in rows} == {"lower"} and rows[0]["right"] is True
    assert len({r["item"] for r in rows}) == len({r["trajectory"] for r in rows}) == len(table(chosen, "scores"))
    assert rows[0]["messages"][-1]["role"] == "user" and rows[0]["response"].strip()


def test_two_losses_of_one_belief_go_together(findings: list[Finding]) -> None:
    pair = of(findings, "evaluation_relationship", algorithm=f"{BRIER}~truth_accuracy.cross_entropy.eventual")
    assert row(pair, "correlations", correlation="Spearman")["value"] > 0.99


def test_the_command_writes_the_tree_and_the_page(run_folder: Path, tmp_path: Path) -> None:
    asked = ["analyze", str(run_folder), "--analyzers", "performance_comparison,token_level_evidence,results_catalog"]
    (tmp_path / "o.yaml").write_text("performance_comparison: {x: name}\n")
    more = ["--settings", str(tmp_path / "o.yaml"), "--resamples", "200", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*asked, *more])
    assert result.exit_code == 0, result.output
    assert "performance comparison: 2 findings" in result.output and "analysis: " in result.output
    folder = (
        tmp_path / "out" / "performance_comparison" / BRIER / "evidence" / "chain_of_thought" / "none" / "run-agents"
    )
    assert {p.name for p in (folder / "figures").glob("*.png")} >= {"means.png", "ratings.png", "by_position.png"}
    with (folder / "tables" / "means.csv").open() as handle:
        means = {r["policy"]: float(r["value"]) for r in csv.DictReader(handle)}
    stored = json.loads((folder / "finding.json").read_text())
    assert means == {r["policy"]: r["value"] for r in stored["tables"]["means"]["rows"]}
    page = (tmp_path / "out" / "analysis.html").read_text()
    assert "Performance comparison" in page and "<svg" in page and "http://www.w3.org" in page
    assert list((tmp_path / "out").rglob("heat_map.html"))
    for name in json.loads(next((tmp_path / "out").rglob("catalog.json")).read_text())[0]["files"]:
        assert (run_folder / name).exists()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--analyzers", "performance"], "did you mean 'performance_comparison'"),
        (["--settings", "list.yaml"], "give options by analyzer"),
        (["--settings", "name.yaml"], "did you mean 'trajectory_score'"),
        (["--settings", "option.yaml"], "did you mean 'splits'?"),
        (["--settings", "value.yaml"], "performance_comparison.x"),
        (["--settings", "torn.yaml"], "no YAML that can be read"),
    ],
)
def test_what_the_command_refuses(run_folder: Path, tmp_path: Path, asked: list[str], said: str) -> None:
    (tmp_path / "list.yaml").write_text("[1, 2]\n")
    (tmp_path / "torn.yaml").write_text("{a: [\n")
    (tmp_path / "name.yaml").write_text("trajectory_scores: {}\n")
    (tmp_path / "option.yaml").write_text("trajectory_score: {split: [test]}\n")
    (tmp_path / "value.yaml").write_text("performance_comparison: {x: width}\n")
    given = [str(tmp_path / a) if a.endswith(".yaml") else a for a in asked]
    result = CliRunner().invoke(app, ["analyze", str(run_folder), *given])
    assert result.exit_code == 1 and said in " ".join(result.output.split())


def test_the_command_lists_the_analyzers() -> None:
    result = CliRunner().invoke(app, ["analyzers"])
    assert result.exit_code == 0 and "trajectory_score (run, setup): Which trajectories" in result.output


def test_a_run_without_metric_values_is_refused(tmp_path: Path, run_folder: Path) -> None:
    with Run.open(tmp_path / "early") as run:
        run.table("trajectories", "k", lambda: read_run(run_folder).trajectories)
    with pytest.raises(DataError, match=r"no table 'metric_rows'.*not finished; give its `veracity run` again"):
        read_run(tmp_path / "early")
    with Run.open(tmp_path / "other") as run:
        run.log("recipe", recipe="gv-gap-demo", experiment="gv-gap")
    with pytest.raises(DataError, match="a run of gv-gap, and analyzers are for runs of truth-seeking"):
        read_run(tmp_path / "other")
    with pytest.raises(DataError, match="no such folder"):
        read_run(tmp_path / "nowhere")


def test_one_place_holds_one_finding_and_cells_are_words(tmp_path: Path) -> None:
    one = Finding("x", "run", Place("m"), "t")
    with pytest.raises(DataError, match="x/m/ALL/ALL/ALL/ALL"):
        write_analysis(overviews([one, one]), tmp_path)
    assert "Nothing was found" in write_analysis([], tmp_path).read_text()
    assert [words(v) for v in (None, True, 0.123456, 12345.6, 3, "a")] == ["–", "yes", "0.123", "12,346", "3", "a"]
    long = ResultTable("n", "T", ("a",), tuple((i,) for i in range(9)), "Note.")
    shown = table_of(long, rows=4)
    assert len(shown.rows) == 4 and shown.note == "Note. 5 more rows are in the file."


def test_plots_without_a_finite_value_are_not_drawn() -> None:
    gap = [Point(float("nan"))]
    assert draw(IntervalPlot("i", "t", "c", gap, "l")) is None and draw(LinePlot("l", "t", "c", [], "x", "y")) is None
    assert draw(ScatterPlot("s", "t", "c", gap, "x", "y")) is None
    drawn = draw(IntervalPlot("i", "t", "c", [*gap, Point(1.0, low=0.5, high=1.5, label="a")], "l", null=0.0))
    assert drawn is not None and [t.get_text() for t in drawn.axes[0].get_yticklabels()] == ["a"]
    with pytest.raises(TypeError, match="no figure is known"):
        draw("text")
