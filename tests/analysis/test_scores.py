"""The table that analyzers read: what is joined, what things are called, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from score_tables import run_of

from veracity.analysis.base import ANALYZERS, analyze
from veracity.analysis.scores import policy_names, right_in_the_end, score_table, setups, statuses, unit_means
from veracity.core.errors import ConfigError, DataError
from veracity.core.finding import Place, folder_name
from veracity.metrics.belief_rows import BELIEFS


def test_scores_know_who_reasoned_how_and_in_what_words() -> None:
    run = run_of([
        {"value": 0.5, "text": "Perhaps it may rain. Or so? I think so."},
        {"value": 0.25, "policy": "b", "system": "careful.v1"},
        {"status": "no_truth", "policy": "b", "item": "q", "system": "careful.v1"},
    ])  # fmt: skip
    scores = score_table([run])
    first = scores.row(0, named=True)
    assert (first["policy"], first["mode"], first["words"], first["hedges"], first["questions"]) == (
        "a",
        "direct",
        9,
        3,
        1,
    )
    assert first["unit"] == "d/p/neutral" and first["source"] == "d/p" and first["algorithm"] == "m"
    assert statuses(scores) == {"ok": 2, "no_truth": 1}
    assert [s.place for s in setups(scores)] == [
        Place("m", "d", "direct", "careful.v1"),
        Place("m", "d", "direct", "none"),
    ]
    wide = unit_means(scores)
    assert wide.columns == ["source", "unit", "a", "b"] and wide.select("a", "b").row(0) == (0.5, 0.25)


def test_a_value_about_an_item_takes_what_its_arm_has_one_of() -> None:
    values = [{"value": 1.0, "about": "item", "metric": "s"}, {"value": 1.0, "mode": "debate"}]
    scores = score_table([run_of(values)])
    shift = scores.filter(scores["metric"] == "s").row(0, named=True)
    assert (shift["policy"], shift["mode"], shift["system"]) == ("a", "several", "none")


def test_variants_of_a_metric_are_told_apart_only_where_there_are_several() -> None:
    values = [{"value": 1.0, "config": "configuration 1"}, {"value": 2.0, "config": "other one", "item": "q"}]
    assert sorted(score_table([run_of(values)])["algorithm"]) == ["m@configur", "m@other on"]
    judged = [{"value": 1.0, "judge": "judge-one"}, {"value": 2.0, "judge": None}]
    assert sorted(score_table([run_of(judged)])["algorithm"]) == ["m@judge-on", "m@nobody"]
    failed = {"value": None, "judge": None, "status": "request_failed"}
    assert set(score_table([run_of([judged[0], failed])])["algorithm"]) == {"m"}


def test_a_policy_is_called_by_its_arm_its_name_or_its_identity() -> None:
    one = run_of([{"value": 1.0}])
    assert policy_names([one]) == {"model a": "a"}
    two = [{"value": 1.0, "arm": "direct"}, {"value": 1.0, "arm": "debate", "mode": "debate"}]
    assert policy_names([run_of(two)]) == {"model a": "model a"[:12]}
    manifest = {"models": {"policy": "model a"}}
    assert policy_names([run_of(two, manifest=manifest)]) == {"model a": "policy"}
    assert policy_names([run_of(two, manifest=manifest | {"names": {"policy": "gpt"}})]) == {"model a": "gpt"}


def test_who_was_right_in_the_end() -> None:
    run = run_of([{"value": 1.0, "item": i} for i in "pqr"])
    rows = [
        {"trajectory": t, "item": t, "cluster": t, "domain": "d", "arm": "a", "condition": "neutral", "step": 1,
         "last": True, "prior": "none", "replicate": r, "judge": "j", "owner": "judge_own", "view": "prefix",
         "prompt_hash": "h", "order": [0, 1], "probability": p, "probabilities": [p, 1 - p], "status": "ok"}
        for t, ps in zip(run.trajectories["trajectory"], [(0.4, 0.8), (0.3, 0.6), (0.5,)], strict=True)
        for r, p in enumerate(ps)
    ]  # fmt: skip
    named = run.trajectories["trajectory"].to_list()
    found = right_in_the_end(run_of([{"value": 1.0, "item": i} for i in "pqr"], beliefs=BELIEFS.frame(rows)))
    assert found == {named[0]: True, named[1]: False}


def test_what_is_refused() -> None:
    run = run_of([{"value": 1.0}])
    other = run_of([{"value": 1.0, "direction": "lower"}], name="s")
    with pytest.raises(DataError, match="two directions"):
        score_table([run, other])
    with pytest.raises(ConfigError, match="each of them once"):
        analyze([run, run])
    with pytest.raises(ConfigError, match="did you mean 'results_catalog'"):
        analyze([run], analyzers=["result_catalog"])
    with pytest.raises(ConfigError, match=r"trajectory_score.leest.*its options are"):
        analyze([run], analyzers=["trajectory_score"], options={"trajectory_score": {"leest": 1}})
    with pytest.raises(ConfigError, match="not among the analyzers"):
        analyze([run], analyzers=["trajectory_score"], options={"results_catalog": {}})


def test_all_analyzers_say_what_they_look_at() -> None:
    scales = {name: kind.scales() for name, kind in ANALYZERS}
    assert scales == {
        "causal_attribution": ("setup", "across"),
        "cross_setup_agreement": ("across",),
        "evaluation_relationship": ("run", "setup", "across"),
        "performance_comparison": ("run", "setup", "across"),
        "results_catalog": ("run", "across"),
        "token_level_evidence": ("trajectory",),
        "training_causal_effect": ("across",),
        "trajectory_score": ("run", "setup"),
    }


def test_names_of_folders() -> None:
    assert folder_name("self_debate?turns=6") == "self_debate_turns=6"
    assert folder_name("../a/b") == "_a_b" and folder_name("...") == "_"
    assert np.unique([len(folder_name("x" * n)) for n in (200, 300)]).tolist() == [120]
