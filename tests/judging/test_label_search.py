"""Internal coherence maximisation: utility by hand, annealing, inconsistent pairs, a real predictor's labels."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scripted_programs import run, scored, shown

from veracity.core.errors import ConfigError
from veracity.core.requests import Score
from veracity.engine import Engine
from veracity.judging.mutual_predictability.icm import LabelSearch, SearchSettings, _Search, search_labels, taken
from veracity.models.resolve import open_model
from veracity.world.tiny.facts import tiny_world


def sure_of(true: set[str], p: float = 0.9) -> Any:
    """A predictor that gives `p` to the right label whatever it is shown."""

    def reply(request: Score) -> Any:
        statement = shown(request).rpartition("True or false? ")[2]
        right = (statement in true) == (request.continuation == "True")
        return scored(math.log(p if right else 1 - p), 1)

    return reply


STATEMENTS = [f"s{i}" for i in range(6)]


def test_the_utility_of_found_labels_by_hand() -> None:
    """Six right labels of probability .9: α · mean log .9 = 50 · (−.10536) = −5.268, their sum −31.608, no conflict."""
    for predictability, utility in (("mean", -5.268), ("sum", -31.608)):
        settings = SearchSettings(start=6, steps=60, predictability=predictability)  # type: ignore[arg-type]
        found, _ = run(search_labels(STATEMENTS, settings), sure_of({"s0", "s2", "s4"}))
        assert dict(found.labels) == {i: i % 2 == 0 for i in range(6)}
        assert found.utility == pytest.approx(utility, abs=1e-3)
        assert len(found.history) == 61 and found.history[-1] == found.utility


def test_a_further_label_in_doubt_lowers_the_sum_and_not_the_mean() -> None:
    """Of probability .6 each, a label costs 50 · log .6 = −25.5 in the sum: a cooled search takes none."""
    labelled = {}
    for predictability in ("mean", "sum"):
        settings = SearchSettings(start=2, steps=60, predictability=predictability, first_temperature=1)  # type: ignore[arg-type]
        found, _ = run(search_labels(STATEMENTS, settings), sure_of(set(), 0.6))
        labelled[predictability] = len(found.labels)
    assert labelled == {"mean": 6, "sum": 2}


def test_an_inconsistent_pair_costs_one_and_is_mended_where_that_pays() -> None:
    """Of s0 and s1 at most one can be true. At .5001 the model is indifferent: mending gains 1 and loses about .01."""
    settings = SearchSettings(start=2, steps=40, seed=3)

    def exclusive(i: int, first: bool, j: int, second: bool) -> bool:
        return {i, j} == {0, 1} and first and second

    found, _ = run(search_labels(["s0", "s1"], settings, exclusive), sure_of({"s0", "s1"}, 0.5001))
    assert not (found.labels[0] and found.labels[1])
    sure, _ = run(search_labels(["s0", "s1"], settings, exclusive), sure_of({"s0", "s1"}, 0.99))
    assert sure.labels[0] and sure.labels[1]  # here the labels are worth more than the pair's point
    assert sure.utility == pytest.approx(50 * math.log(0.99) - 1)


def test_a_pair_that_is_better_left_keeps_no_other_from_being_mended() -> None:
    """s0 and s1 exclude one another, but both are sure; so do s2 and s3, of which the model thinks nothing."""

    def exclusive(i: int, first: bool, j: int, second: bool) -> bool:
        return {i, j} in ({0, 1}, {2, 3}) and first and second

    def reply(request: Score) -> Any:
        sure = shown(request).endswith(("s0", "s1"))
        return sure_of({"s0", "s1"}, 0.999 if sure else 0.5)(request)

    for seed in range(8):
        search = _Search(STATEMENTS, SearchSettings(fixes=10, seed=seed), exclusive)
        start = dict.fromkeys(range(4), True)
        utility, _ = run(search.utility(start), reply)
        (labels, _), _ = run(search.fixed(start, utility), reply)
        assert labels[0] and labels[1] and not (labels[2] and labels[3])


def test_annealing() -> None:
    """T = max(.01, 10 / (1 + .99 ln n)); downhill by 1 at temperature 2 with probability e^(−½) = .6065."""
    settings = SearchSettings()
    assert settings.temperature(1) == 10 and settings.temperature(10) == pytest.approx(10 / (1 + 0.99 * math.log(10)))
    assert SearchSettings(last_temperature=5).temperature(1000) == 5
    assert taken(0.1, 0.01, 0.999) and taken(-1, 2, 0.606) and not taken(-1, 2, 0.607)
    with pytest.raises(ConfigError):
        SearchSettings(steps=0)
    with pytest.raises(ConfigError, match="at least two"):
        run(search_labels(["one"], SearchSettings()), sure_of(set()))


def test_others_labels_are_shown_and_never_ones_own() -> None:
    settings = SearchSettings(start=6, steps=1, shown=3)
    _, asked = run(search_labels(STATEMENTS, settings), sure_of(set()))
    for request in asked:
        head, _, own = shown(request).rpartition("True or false? ")
        assert own not in head.split() and len(head.split()) == 6  # three statements with their labels


def test_a_simulated_expert_labels_a_world_as_it_is() -> None:
    """An agent that knows the tiny world's facts finds the true statements among as many false ones."""
    facts = tiny_world().facts[:400:40]
    statements = [
        (fact.claims[0].format(subject=fact.subject, value=value), value == fact.value)
        for fact in facts
        for value in (fact.value, fact.foil)
    ]
    engine = Engine({"policy": open_model("sim/expert?share=1&accuracy=0.99")})
    search = search_labels([text for text, _ in statements], SearchSettings(start=4, steps=120))
    found = engine.run({"x": search})["x"]
    assert isinstance(found, LabelSearch) and len(found.labels) >= 18
    right = [label == statements[i][1] for i, label in found.labels.items()]
    assert sum(right) / len(right) >= 0.95
