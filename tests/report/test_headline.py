"""The headline says what the numbers allow, and no more."""

import polars as pl
import pytest
from simulated_learner import Learner, tables

from veracity.metrics.series import scored_rows
from veracity.report.headline import headline


@pytest.fixture(scope="module")
def scored():
    return scored_rows(tables(Learner())[0])


def test_all_findings_in_one_sentence(scored):
    sentence = headline(scored, "forced_choice")
    assert sentence.startswith("Recognised before recalled: after 1 epoch the model picks the right value over a foil")
    assert "88 % [77, 94] of new facts but can state only 3 %" in sentence
    assert "yet still recognises it for" in sentence and "of recall are left." in sentence
    assert sentence.count(";") == 2 and sentence.endswith(".")


def test_an_overwritten_answer_is_not_still_recognised():
    sentence = headline(scored_rows(tables(Learner(overwrites=True))[0]), "forced_choice")
    assert "still" not in sentence and "and recognises it for 38 %" in sentence


def test_phases_that_were_not_run_are_not_mentioned(scored):
    sentence = headline(scored.filter(pl.col("phase") == "acquisition"), "forced_choice")
    assert "update" not in sentence and "unrelated" not in sentence and ";" not in sentence
    late = headline(scored.filter(pl.col("phase") == "continual"), "forced_choice")
    assert late.startswith("What was left: after 8 epochs of unrelated training")


def test_no_lag_is_not_called_one(scored):
    """Recall copied from recognition."""
    v = scored.filter(pl.col("probe") == "forced_choice")
    g = v.with_columns(probe=pl.lit("generation"), foil_kind=pl.lit(""))
    assert headline(pl.concat([v, g]), "forced_choice").startswith("No clear lag between recognition and recall")


def test_nothing_probed_is_said(scored):
    assert headline(scored.filter(pl.col("probe") == "generation"), "forced_choice").startswith("Nothing was probed")
