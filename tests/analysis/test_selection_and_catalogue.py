"""Scores to train on, evidence by token, and the catalogue of runs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_tables import run_of, table

from veracity.analysis.analyzers.token_level_evidence import heat_map, token_changes
from veracity.analysis.base import analyze
from veracity.analysis.scores import RunTables
from veracity.core.errors import ConfigError
from veracity.core.finding import Finding
from veracity.metrics.token_evidence import TOKEN_EVIDENCE
from veracity.training.records import Demonstration
from veracity.training.selection import ScoredSample, SelectionSettings, select


def scored(values, run=None, **options) -> list[Finding]:
    runs = [run or run_of(values)]
    found = analyze(runs, analyzers=["trajectory_score"], options={"trajectory_score": options}, resamples=100)
    return [finding for finding in found if finding.scale == "run"]


def lines(finding: Finding) -> list[dict]:
    return [json.loads(line) for line in finding.files["training.jsonl"].splitlines()]


VALUES = [
    {"item": "p", "replicate": 0, "value": 0.3, "direction": "lower", "trials": 4, "se": 0.1, "text": "first"},
    {"item": "p", "replicate": 1, "value": 0.1, "direction": "lower", "text": "second"},
    {"item": "q", "value": 0.2, "direction": "lower", "text": "third"},
    {"item": "r", "value": 0.0, "direction": "lower", "split": "test"},
    {"item": "s", "value": 0.0, "direction": "lower", "condition": "u0"},
    {"item": "t", "status": "no_belief", "direction": "lower"},
]


def test_the_lowest_loss_is_best_and_each_item_is_there_once() -> None:
    (finding,) = scored(VALUES)
    rows = table(finding, "scores")
    assert [(r["item"], r["score"], r["direction"]) for r in rows] == [("p", 0.1, "lower"), ("q", 0.2, "lower")]
    assert [line["response"] for line in lines(finding)] == ["second", "third"]
    told = " ".join(finding.notes)
    assert "1 no belief" in told and "1 of other splits" in told and "1 under other conditions" in told
    assert "1 worse than another of the same item" in told
    (every,) = scored(VALUES, one_an_item=False, least=0.15, splits=["train", "test"])
    assert [(r["score"], r["n"], r["se"]) for r in table(every, "scores")] == [(0.2, None, None), (0.3, 4, 0.1)]


def test_of_equal_scores_the_shorter_text_is_learnt_from() -> None:
    values = [{"value": 1.0, "replicate": r, "text": t} for r, t in enumerate(("much ado about it", "it"))]
    (finding,) = scored(values)
    assert [line["response"] for line in lines(finding)] == ["it"]


def test_scores_of_one_trajectory_are_averaged_with_their_error() -> None:
    """Two values 0.2 and 0.4: mean 0.3, error |0.2|/2 = 0.1."""
    values = [{"value": v, "config": c} for v, c in ((0.2, "x"), (0.4, "y"))]
    run = run_of(values)
    run = replace(run, metric_rows=run.metric_rows.with_columns(config=run.metric_rows["config"].replace("y", "x"),
                                                                step=np.array([1, 2])))  # fmt: skip
    (finding,) = scored([], run=run)
    (one,) = table(finding, "scores")
    assert (one["score"], one["n"], one["se"]) == (pytest.approx(0.3), 2, pytest.approx(0.1))


def test_what_is_written_is_what_selection_reads() -> None:
    values = [{"item": f"i{i}", "value": float(i), "direction": "higher", "text": f"answer {i}"} for i in range(10)]
    (finding,) = scored(values)
    samples = [
        ScoredSample(
            Demonstration(line["item"], tuple(line["messages"]), line["response"]), line["score"], line["direction"],
            line["source"], line["trajectory"], line["right"],
        )
        for line in lines(finding)
    ]  # fmt: skip
    chosen = select(samples, SelectionSettings(share=0.3))
    assert [s.demonstration.response for s in chosen] == ["answer 9", "answer 8", "answer 7"]
    assert lines(finding)[0]["messages"] == [{"role": "user", "content": "i9?"}]
    assert {s.source for s in samples} == {"m/nobody/d"}


def test_a_metric_without_direction_is_refused_or_left_alone() -> None:
    values = [{"value": 1.0, "direction": "neither"}]
    assert scored(values) == []
    with pytest.raises(ConfigError, match="m has no direction"):
        scored(values, metrics=["m"])
    with pytest.raises(ConfigError, match="no row of 'x'"):
        scored(VALUES, metrics=["x"])


@settings(max_examples=25)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8), st.sampled_from(["higher", "lower"]), st.randoms())
def test_order_does_not_depend_on_the_rows_order(values, direction, luck) -> None:
    given_values = [{"item": f"i{i}", "value": v, "direction": direction} for i, v in enumerate(values)]
    shuffled = list(given_values)
    luck.shuffle(shuffled)
    first, second = (table(scored(v)[0], "scores") for v in (given_values, shuffled))
    assert first == second
    found = [r["score"] for r in first]
    assert found == sorted(values, reverse=direction == "higher")


def evidence_of(texts: list[list[tuple[str, float, float]]], trials=(0,)) -> RunTables:
    run = run_of([{"item": f"i{i}", "value": 1.0} for i in range(len(texts))])
    rows = [
        {"trajectory": run.trajectories["trajectory"][i], "metric": "uplift", "trial": t, "position": place,
         "token": token, "logprob": after + t, "base_logprob": before}
        for i, text in enumerate(texts) for t in trials for place, (token, after, before) in enumerate(text)
    ]  # fmt: skip
    return replace(run, token_evidence=TOKEN_EVIDENCE.frame(rows))


TEXT = [("The", -1.0, -1.5), (" <urn>", -0.5, -3.5), ("\n", -2.0, -1.0)]


def test_changes_of_tokens_add_up_to_the_uplift() -> None:
    """Changes 0.5, 3, −1: 2.5 nats; the curve is 0.5, 3.5, 2.5; trials of one text are averaged."""
    run = evidence_of([TEXT])
    (finding,) = analyze([run], analyzers=["token_level_evidence"])
    assert [(r["token"], r["nats"]) for r in table(finding, "tokens")] == [(" <urn>", 3.0), ("The", 0.5), ("\n", -1.0)]
    assert "+2.5 nats, of which +3 at “<urn>”" in finding.answer
    assert finding.plots[0].lines[0][2] == pytest.approx([0.5, 3.5, 2.5])  # type: ignore[union-attr]
    twice = token_changes(evidence_of([TEXT], trials=(0, 2)).token_evidence)
    assert [(t.trials, t.change.sum()) for t in twice] == [(2, pytest.approx(5.5))]


def test_the_heat_map_shows_text_as_text_and_more_colour_for_more_nats() -> None:
    (finding,) = analyze([evidence_of([TEXT])], analyzers=["token_level_evidence"])
    page = finding.files["heat_map.html"]
    assert "&lt;urn&gt;" in page and "<urn>" not in page
    assert 'rgba(0,114,178,0.700)" title="+3.000 nats"' in page and 'rgba(213,94,0,0.233)" title="-1.000 nats"' in page
    assert "+2.50 nats in all" in page
    assert "<script>" not in heat_map(token_changes(evidence_of([TEXT]).token_evidence), "<script>")


def test_no_evidence_is_nothing_to_say_and_many_texts_are_limited() -> None:
    assert analyze([run_of([{"value": 1.0}])], analyzers=["token_level_evidence"]) == []
    found = analyze(
        [evidence_of([TEXT] * 5)], analyzers=["token_level_evidence"],
        options={"token_level_evidence": {"trajectories": 2}},
    )  # fmt: skip
    assert len(found) == 2 and len({f.folder for f in found}) == 2


def test_the_catalogue_tells_what_there_is_and_what_to_be_careful_about() -> None:
    values = [{"item": f"i{i}", "value": float(i % 2)} for i in range(40)]
    done = run_of(values, name="done", manifest={"recipe": {"n": 40}, "cost": 1.5}, files=("manifest.json",))
    begun = run_of([*values[:5], *[{"item": f"x{i}", "status": "judge_failed"} for i in range(5)]], name="begun")
    *each, together = analyze([done, begun], analyzers=["results_catalog"], resamples=100)
    first, second = json.loads(together.files["catalog.json"])
    assert (first["run"], first["status"], first["cost"], first["warnings"]) == ("done", "finished", 1.5, [])
    assert first["metrics"][0]["value"] == 0.5 and first["metrics"][0]["statuses"] == {"ok": 40}
    assert second["warnings"] == ["The run is not finished.", "m of a on d, direct: 5 of 10 rows have no value."]
    assert [f.place.model for f in each] == ["run-done", "run-begun"] and each[1].notes == second["warnings"]
    small = run_of([{"policy": p, "item": f"i{i}", "value": 1.0} for p, n in (("a", 9), ("b", 12)) for i in range(n)])
    told = analyze([small], analyzers=["results_catalog"], resamples=100)[0].notes
    assert told == ["The run is not finished.", "2 of 2 means rest on 9 to 12 sources, few for an interval."]
