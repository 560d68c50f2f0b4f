"""What a training changed, by hand: facts a response, shares of wrong ones, and falls against a reference."""

from __future__ import annotations

import polars as pl
import pytest

from veracity.core.errors import DataError
from veracity.metrics.arm_effects import changes, long_items, means, pooled_seeds
from veracity.metrics.claim_rows import CLAIMS, RESPONSES
from veracity.metrics.facttune_checks import fall_check, kept_check


def tables(arm: str, counts: dict[str, list[tuple[int, int]]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Responses and claims; `counts`: by item, (right, wrong) of each sample; (0, 0) abstains."""
    responses, claims = [], []
    for item, samples in counts.items():
        for sample, (right, wrong) in enumerate(samples):
            place = {"item": item, "cluster": item, "arm": arm, "sample": sample}
            status = "answered" if right + wrong else "abstained"
            responses.append({**place, "domain": "d", "prompt": "?", "response": "a b", "status": status, "words": 2})
            labels = ["supported"] * right + ["refuted"] * wrong
            claims += [
                {**place, "claim": i, "text": "c", "copies": 1, "label": label, "status": "judged", "evidence": []}
                for i, label in enumerate(labels)
            ]
    return RESPONSES.frame(responses), CLAIMS.frame(claims)


def test_items_by_hand() -> None:
    """Item p: (3, 1), (1, 1): right 2, wrong 1, share wrong (.25 + .5)/2 = .375.

    Item q: (2, 0) and an abstention, which states no fact but has no share: right 1, wrong 0, share wrong 0.
    """
    items = long_items(*tables("a", {"p": [(3, 1), (1, 1)], "q": [(2, 0), (0, 0)]}), k=4)
    assert items["right"].to_list() == [2.0, 1.0]
    assert items["wrong"].to_list() == [1.0, 0.0]
    assert items["share_wrong"].to_list() == [0.375, 0.0]
    assert items["abstained"].to_list() == [0.0, 0.5]
    found = means(items)
    assert found["share_wrong"].value == 0.1875
    assert (found["right"].direction, found["wrong"].direction) == ("higher", "lower")


def test_fall_against_the_reference() -> None:
    """Share wrong .5 → .25 and .5 → .125: means .5 → .1875, a fall of 62.5 %; right facts 2 → 3: 150 %."""
    before = long_items(*tables("sft", {"p": [(2, 2)], "q": [(2, 2)]}), k=4)
    after = long_items(*tables("fs", {"p": [(3, 1)], "q": [(7, 1)]}), k=4)
    found = changes(after, before)
    assert found["share_wrong"].fall.value == pytest.approx(0.625)
    assert found["share_wrong"].fall.ci_low == pytest.approx(0.5)
    assert found["share_wrong"].fall.ci_high == pytest.approx(0.75)
    assert found["right"].difference.value == 3.0
    assert fall_check("fs", found, 0.4).passed is True
    assert fall_check("fs", found, 0.7).passed is False
    assert kept_check("fs", found, 0.8).passed is True


def test_nothing_wrong_before_is_no_fall() -> None:
    """A ratio to 0 is no number, so the check is not measured."""
    right = long_items(*tables("sft", {"p": [(2, 0)], "q": [(2, 0)]}), k=4)
    found = changes(right, right)
    assert found["share_wrong"].ratio.n == 0
    assert fall_check("fs", found, 0.4).passed is None
    with pytest.raises(DataError, match="no item in common"):
        changes(right, right.with_columns(item=pl.lit("else")))


def test_seeds_are_further_samples() -> None:
    """fs#0 and fs#2 with samples 0, 1 become samples 0, 1, 4, 5 of fs; base stays."""
    table = pl.DataFrame({"arm": ["fs#0", "fs#0", "fs#2", "fs#2", "base"], "sample": [0, 1, 0, 1, 1]})
    pooled = pooled_seeds(table)
    assert pooled["arm"].to_list() == ["fs"] * 4 + ["base"]
    assert pooled["sample"].to_list() == [0, 1, 4, 5, 1]
