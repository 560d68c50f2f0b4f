"""The checks of the laboratory pass on what is as it must be, fail on what is not, and say what was not measured."""

from __future__ import annotations

import polars as pl
import pytest

from veracity.metrics.claim_rows import CLAIMS
from veracity.metrics.judge_card import JUDGEMENTS
from veracity.metrics.laboratory_checks import agreement_check, monotone_check, recognition_check


def claims(shares: dict[float, float], people: int = 40) -> tuple[pl.DataFrame, dict[str, float]]:
    """`people` responses a level with two claims each, the given share of responses right in both."""
    rows, exposure = [], {}
    for level, share in shares.items():
        for i in range(people):
            item = f"{level}/{i}"
            exposure[item] = level
            label = "supported" if i < share * people else "refuted"
            about = {"item": item, "cluster": item, "arm": "none", "sample": 0, "text": "x", "copies": 1}
            rows += [{**about, "claim": n, "label": label, "status": "judged"} for n in (0, 1)]
    return CLAIMS.frame(rows), exposure


@pytest.mark.parametrize(
    ("shares", "passed"),
    [
        ({0.0: 0.05, 0.125: 0.5, 1.0: 1.0}, True),
        ({0.0: 0.05, 0.0625: 0.55, 0.125: 0.5, 1.0: 1.0}, True),  # a step down that chance explains
        ({0.0: 0.05, 0.0625: 0.95, 0.125: 0.3, 1.0: 1.0}, False),  # one that it does not
        ({0.0: 0.5, 0.125: 0.5, 1.0: 0.5}, False),
        ({0.0: 0.05, 1.0: 1.0}, None),
    ],
)
def test_precision_over_exposure(shares: dict[float, float], passed: bool | None) -> None:
    assert monotone_check(*claims(shares)).passed is passed


def test_agreement_needs_97_in_100_and_counts_what_could_not_be_judged() -> None:
    def judged(agree: int, differ: int, failed: int) -> pl.DataFrame:
        labels = ["supported"] * agree + ["refuted"] * differ + [None] * failed
        return JUDGEMENTS.frame(
            {
                "judge": "verifier", "item": str(i), "cluster": str(i), "text": "x", "truth": "supported",
                "label": label, "status": "judged" if label else "no_evidence",
            }
            for i, label in enumerate(labels)
        )  # fmt: skip

    assert agreement_check(judged(97, 3, 5)).passed is True
    assert "5 claims could not be judged" in agreement_check(judged(97, 3, 5)).sentence
    assert agreement_check(judged(96, 4, 0)).passed is False
    assert agreement_check(judged(0, 0, 4)).passed is None


def test_recognition_is_an_auroc_between_exposure_1_and_0_alone() -> None:
    """Five times each: scores of known .9 and .2, of unknown .1 and .3. Three of four pairs are in order, AUROC .75."""
    levels = {"a": (1.0, 0.9), "b": (1.0, 0.2), "c": (0.0, 0.1), "d": (0.0, 0.3), "e": (0.5, 0.99)}
    exposure = {f"{name}{i}": level for name, (level, _) in levels.items() for i in range(5)}
    items = list(exposure)
    scores = pl.DataFrame({"item": items, "cluster": items, "score": [levels[item[0]][1] for item in items]})
    check = recognition_check(scores, exposure, "score")
    area = check.numbers["auroc"]
    assert check.passed is False and area is not None and not isinstance(area, float)
    assert area.value == pytest.approx(0.75)
    assert recognition_check(scores.head(10), exposure, "score").passed is None


def test_one_answer_on_a_side_is_too_few_for_a_verdict() -> None:
    """AUROC 1 of one known and three unknown subjects: whoever resamples subjects may lose the only known one."""
    exposure = {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0}
    scores = pl.DataFrame({"item": list("abcd"), "cluster": list("abcd"), "score": [0.9, 0.2, 0.1, 0.3]})
    check = recognition_check(scores, exposure, "score")
    assert check.passed is None and "too few answers on one side (1)" in check.sentence


def test_exposures_are_written_as_the_parts_that_they_are() -> None:
    assert "5 % at 0, 50 % at 1/8, 100 % at 1" in monotone_check(*claims({0.0: 0.05, 0.125: 0.5, 1.0: 1.0})).sentence
