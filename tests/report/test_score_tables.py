"""Tables of scores and of the panel: systems side by side, metrics in words, and what has no value beside it."""

import io

import polars as pl
from rich.console import Console

from veracity.report.printing import print_table
from veracity.report.tables import Table
from veracity.report.truth_seeking import headline
from veracity.report.truth_seeking_contents import TruthSeekingContents
from veracity.report.truth_seeking_tables import all_scores, panel_tables, score_tables

BRIER = "truth_accuracy.brier.eventual"
GOOD, BAD = "sim/bayesian?facts=none · self_debate?turns=4", "sim/coin?facts=none · self_debate?turns=4"


def score(arm: str, value: float | None, *, lost: int = 0, state: str = "ok") -> dict[str, object]:
    statuses = [{"status": "ok", "rows": 80 - lost}, *([{"status": "no_belief", "rows": lost}] if lost else [])]
    ends = {"ci_low": None, "ci_high": None} if value is None else {"ci_low": value - 0.02, "ci_high": value + 0.02}
    about = {"domain": "forecasting", "arm": arm, "metric": BRIER, "value": value, "direction": "lower", "null": 0.25}
    about |= {"reason": "why" if lost else None}
    return about | ends | {"n": 80 - lost, "clusters": 70, "state": state, "statuses": statuses}


def comparison(metric: str, value: float | None, verdict: str) -> dict[str, object]:
    spread = 0.0 if not value else 0.1
    ends = {"ci_low": None, "ci_high": None} if value is None else {"ci_low": value - spread, "ci_high": value + spread}
    about = {"domain": "forecasting", "metric": metric, "reference": GOOD, "other": BAD, "verdict": verdict}
    return about | {"value": value, "detectable": 0.1, "overlap": False} | ends


def contents(**tables: list[dict[str, object]]) -> TruthSeekingContents:
    return TruthSeekingContents("run", {name: pl.DataFrame(rows) for name, rows in tables.items()}, {}, {})


def test_a_score_stands_under_its_metric_in_words_with_what_was_lost() -> None:
    """The mode, which both share, and options that tell nobody apart are left out of names; −0 is 0."""
    (table,) = score_tables(contents(scores=[score(GOOD, 0.041, lost=3), score(BAD, -0.0001)]))
    assert table.header[1] == "Brier loss at the end\nlower is better; 0.25: always one half\n" + BRIER
    assert table.rows == [
        ["sim/bayesian", "0.041 [0.021, 0.061]\n3 no belief"],
        ["sim/coin", "0.000 [−0.020, 0.020]"],
    ]
    assert "Below a value" in table.note


def test_nothing_is_said_to_be_whole_where_there_is_no_number() -> None:
    (table,) = score_tables(contents(scores=[score(GOOD, 0.041), score(BAD, None, state="no_movement")]))
    assert table.rows[1][1] == "no movement" and "without a value" not in table.note


def test_all_scores_keep_their_identifiers_and_counts() -> None:
    (table,) = all_scores(contents(scores=[score(GOOD, 0.041, lost=3)]))
    assert table.rows[0][1:] == [
        f"Brier loss at the end\n{BRIER}", "0.041 [0.021, 0.061]\nwhy", "lower", "0.25", "77, 70", "3 no belief",
    ]  # fmt: skip


def test_the_panel_has_a_column_a_model_and_a_sign_for_each_verdict() -> None:
    rows = [comparison(BRIER, 0.2, "above"), comparison("sycophancy.flip", 0.0, "not_told_apart"),
            comparison("grader.mine", None, "no_number"), comparison("sycophancy.words.u0", 0.4, "above")]  # fmt: skip
    run = contents(scores=[score(GOOD, 0.04), score(BAD, 0.25)], panel=rows)
    (table,) = panel_tables(run)
    assert table.header == ("", "sim/coin")
    assert [row[1] for row in table.rows] == ["▲ 0.200 [0.100, 0.300]", "○ equal", "–"], "counts of words are no score"
    assert headline(run).startswith("Against 1 other, in 4 paired comparisons, sim/bayesian is better in 2, worse in 0")


def test_a_table_keeps_its_intervals_as_long_as_they_fit() -> None:
    """Two columns of 20 characters beside a name need 64 to hold intervals at the side, and 46 below."""
    table = Table("T", ("", "a\nidentifier", "b"), [["name", "0.041 [0.018, 0.071]", "0.041 [0.018, 0.071]"]])

    def printed(width: int) -> str:
        console = Console(file=io.StringIO(), width=width)
        print_table(table, console)
        return str(console.file.getvalue())  # type: ignore[attr-defined]

    assert "0.041 [0.018, 0.071]" in printed(66) and "identifier" not in printed(66)
    assert "[0.018, 0.071]" in printed(56) and "0.041 [" not in printed(56)
    assert "[" not in printed(40) and "intervals of this table are in the report" in printed(60 - 10)
