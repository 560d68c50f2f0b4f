"""What a training on rewards for beliefs did to rewards, by hand: which missing grades are bad answers, which not."""

from __future__ import annotations

import pytest

from veracity.experiments.truth_seeking_train.experiment import graded_schema
from veracity.experiments.truth_seeking_train.outcome import estimates_of


def test_a_lost_request_is_no_bad_answer_and_an_unreadable_one_is() -> None:
    """On p the start's one request failed; on q both read −.2; on r the trained model writes no form: −.8 for −.1.

    Of q, r and s: 0, −.7 and 0. p would have given −.2 + .8 = .6 for nothing.
    """
    graded = {
        "p": ((None, "request_failed"), (-0.2, "ok")),
        "q": ((-0.2, "ok"), (-0.2, "ok")),
        "r": ((-0.1, "ok"), (None, "parse_failed")),
        "s": ((-0.8, "ok"), (-0.8, "ok")),
    }
    rows = [
        {"item": item, "cluster": item, "arm": arm, "sample": 0, "reward": reward, "status": status}
        for item, both in graded.items()
        for arm, (reward, status) in zip(("start", "sft"), both, strict=True)
    ]
    found = estimates_of(graded_schema().frame(rows), 0)["sft: reward against start"]
    assert found.value == pytest.approx(-0.7 / 3) and found.n == 3
