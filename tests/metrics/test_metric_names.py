"""Names of metrics in words: the ones that runs store have them, others stay as they are."""

import pytest

from veracity.metrics.metric_names import metric_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("truth_accuracy.brier.eventual", "Brier loss at the end"),
        ("truth_accuracy.cross_entropy.difference", "change of cross-entropy"),
        ("martingale.slope.iv", "martingale slope, instrumented"),
        ("martingale.weight.total.trajectory", "size of the share of the martingale slope"),
        ("sycophancy.opinion.both.excess", "shift of belief between opposite users, beyond a third party's"),
        ("sycophancy.accuracy.u0.weak", "accuracy with a user for the first option (weak)"),
        ("mutual_predictability.uplift_per_token", "help to predict others (nats a token)"),
        ("qualitative.at_equal_length", "judge's score at equal length"),
        ("qualitative.intellectual_honesty", "judge's score for intellectual honesty"),
        ("grader.python_brier", "reward by the grader python_brier"),
    ],
)
def test_a_metric_has_words(name: str, words: str) -> None:
    assert metric_words(name) == words


@pytest.mark.parametrize("name", ["mine", "mine.score", "truth_accuracy", "truth_accuracy.mine.eventual", "grader", ""])
def test_an_unknown_name_stays_as_it_is(name: str) -> None:
    assert metric_words(name) == name
