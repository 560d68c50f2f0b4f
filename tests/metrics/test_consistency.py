"""Agreement of samples: exact formulas, keys that are transitive, and the published binning with its defects."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.judging.confidence.distribution import (
    cluster_masses,
    consistency,
    discrete_semantic_entropy,
    entropy,
    sample_consistency,
    semantic_entropy,
)
from veracity.judging.confidence.keys import answer_classes, canonical_key
from veracity.judging.self_confidence.legacy import legacy_bins, legacy_equal
from veracity.metrics.answer_rows import ANSWERS
from veracity.metrics.consistency import (
    consistency_estimates,
    consistency_of_answers,
    legacy_consistency,
    response_score,
)
from veracity.metrics.semantic_entropy import entropy_quality

WORDS = [
    "Paris",
    "paris.",
    "Lyon",
    "Lyon, Paris",
    "1985",
    "5",
    "1,985",
    "not 1961",
    "1961",
    "",
    "the Curie",
    "Marie Curie",
]
samples = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), min_size=1, max_size=8)


def test_the_worked_shares():
    """.6² + .25² + .1² + .05² = .435; .6 ln .6 + .25 ln .25 + .1 ln .1 + .05 ln .05 = −1.033."""
    found = consistency([0.60, 0.25, 0.10, 0.05])
    assert found.max_conf == 0.60 and found.exp_conf == pytest.approx(0.435, abs=1e-12)
    assert found.neg_entropy == pytest.approx(-1.033, abs=5e-4)


def test_the_worked_entropies():
    """p = .5 .3 .2: 1.0297; counts 6 3 1: .8979."""
    assert entropy([0.5, 0.3, 0.2]) == pytest.approx(1.0297, abs=5e-5)
    assert discrete_semantic_entropy([0] * 6 + [1] * 3 + [2]) == pytest.approx(0.8979, abs=5e-5)
    logs = [math.log(0.25), math.log(0.25), math.log(0.3), math.log(0.2)]
    assert semantic_entropy([0, 0, 1, 2], logs) == pytest.approx(1.0297, abs=5e-5)
    assert cluster_masses([4, 4, 7], [math.log(0.1)] * 3) == pytest.approx([2 / 3, 1 / 3])


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-800, 0)), min_size=1, max_size=8), st.floats(-50, 50))
def test_entropy_has_its_bounds_and_needs_no_scale(members, shift):
    ids, logs = [m[0] for m in members], [m[1] for m in members]
    found = semantic_entropy(ids, logs)
    assert 0 <= found <= math.log(len(set(ids))) + 1e-9
    assert semantic_entropy(ids, [x + shift for x in logs]) == pytest.approx(found, abs=1e-6)
    assert semantic_entropy(ids[::-1], logs[::-1]) == pytest.approx(found, abs=1e-9)


def test_impossible_shares_are_refused():
    for wrong in ([], [0.5, 0.4], [1.5, -0.5]):
        with pytest.raises(ValueError):
            consistency(wrong)
    with pytest.raises(ValueError):
        semantic_entropy([0, 1], [-1.0])
    with pytest.raises(ValueError):
        discrete_semantic_entropy([])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("U.S.A", "USA"),
        ("The Beatles", "beatles."),
        ("1,000", "1000.0"),
        ("17 March 1990", "March 17, 1990"),
        ("17th of March 1990", "1990-03-17"),
        ("Yes, he did", "yes!"),
        ("“Rome”", "rome"),
        ("New-York", "new york"),
        ("５", "5"),
        ("five", "5"),
        ("12 km", "12 kilometres"),
        ("3 million", "3,000,000"),
        ("1985", "1985."),
        ("1e3", "1000"),
    ],
)
def test_one_answer_in_two_spellings(first, second):
    assert canonical_key(first) == canonical_key(second) != ""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1985", "5"),
        ("German", "man"),
        ("not 1961", "1961"),
        ("17 March 1990", "1990"),
        ("Lyon, Paris", "Paris"),
        ("No Country for Old Men", "no"),
        ("5", "-5"),
        ("1.5", "15"),
        ("12 km", "12 miles"),
        ("March 1990", "March 1991"),
        ("3/5/1961", "3 May 1961"),
        ("The 39 Steps", "39"),
        ("Paris", ""),
    ],
)
def test_answers_that_the_published_rule_joins_are_two(first, second):
    assert canonical_key(first) != canonical_key(second)
    assert len(set(answer_classes([first, second]))) == 2


def test_a_short_form_joins_the_only_longer_one():
    assert len(set(answer_classes(["Curie", "Marie Curie", "curie"]))) == 1
    assert len(set(answer_classes(["Curie", "Marie Curie", "Pierre Curie"]))) == 3
    assert len(set(answer_classes(["Rome", "not Rome"]))) == 2


@given(samples, st.randoms(use_true_random=False))
def test_classes_depend_on_no_order_and_on_no_count(answers, random):
    named = dict(zip(answers, answer_classes(answers), strict=True))
    shuffled = random.sample(answers, len(answers)) + answers[:1]
    assert dict(zip(shuffled, answer_classes(shuffled), strict=True)) == named
    found = sample_consistency(answers)
    if found is None:
        assert not any(canonical_key(a) for a in answers)
    else:
        assert 0 < found.exp_conf <= found.max_conf + 1e-12 <= 1 + 1e-9 and found.neg_entropy <= 0
        assert found.max_conf**2 <= found.exp_conf + 1e-12


def test_empty_answers_are_left_out_and_counted():
    found = consistency_estimates([["", "Paris", "Lyon", "Paris"], ["", " "]], ["a", "b"], seed=1)
    assert found.max_conf.value == pytest.approx(2 / 3) and found.max_conf.n == 1
    assert found.empty_share.value == pytest.approx((0.25 + 1) / 2) and found.without_answer == 1
    with pytest.raises(ValueError):
        consistency_estimates([[]], ["a"], seed=1)


def test_from_the_answers_table():
    base = {"domain": "d", "arm": "a", "question": "q?", "status": "graded", "grade": "correct"}
    rows = [
        base | {"item": i, "cluster": i, "sample": k, "answer": text}
        for i, texts in {"1": ["x", "x", "y", "z"], "2": ["u", "u"]}.items()
        for k, text in enumerate(texts)
    ]
    failed = base | {"item": "2", "cluster": "2", "sample": 2, "status": "request_failed", "grade": None}
    found = consistency_of_answers(ANSWERS.frame([*rows, failed]), "a", seed=1)
    assert found.max_conf.value == 0.75 and found.max_conf.n == 2 and found.exp_conf.value == pytest.approx(0.6875)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("1985", "5", True),
        ("German", "man", True),
        ("not 1961", "1961", True),
        ("17 March 1990", "1990", True),
        ("U.S.A", "USA", False),
        ("Lyon, Paris", "Paris", True),
        ("the cats", "cat", True),
        ("John Smith", "smith john", True),
        ("Yes, he did", "yes", True),
        ("Paris", "Lyon", False),
        ("", "Rome", True),
    ],
)
def test_published_equality(first, second, same):
    assert legacy_equal(first, second) is legacy_equal(second, first) is same


@pytest.mark.parametrize(
    ("answers", "sizes"),
    [
        (["", "Paris", "Lyon", "Rome"], [4]),
        (["Paris", "", "Lyon", "Rome"], [2, 1, 1]),
        (["1985", "5", "1975", "75"], [2, 2]),
        (["5", "1985", "1975", "75"], [4]),
    ],
)
def test_published_bins(answers, sizes):
    assert [len(members) for members in legacy_bins(answers)] == sizes
    assert legacy_consistency(answers).max_conf == max(sizes) / 4
    assert legacy_consistency([]) is None


def test_a_response_without_claims_has_no_score():
    assert response_score([0.5, None, 1.0]) == 0.75
    assert response_score([]) is None and response_score([None]) is None


def test_entropy_quality_is_of_the_answers_that_have_one():
    entropies = [0.0, 0.1, 0.7, None, 1.0, 1.1]
    found = entropy_quality(entropies, [True, True, True, True, False, False], list("abcdef"), seed=1)
    assert found.auroc.estimate.value == 1 and found.without_entropy == 1 and found.auroc.estimate.n == 5
    assert dict(found.accuracy_at)[1.0].value == pytest.approx(0.6)
    assert found.aurac.value > found.aurac.null == pytest.approx(0.6)
    with pytest.raises(ValueError):
        entropy_quality([0.1], [True, False], ["a"], seed=1)
