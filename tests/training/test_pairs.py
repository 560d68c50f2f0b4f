"""Pairs: by hand, and what must hold for any scores."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import DataError
from veracity.core.requests import Message
from veracity.training.pairs import PairSettings, Scored, build_pairs
from veracity.training.records import Prompt

ASK = Prompt("p1", (Message("user", "Who?"),))


def responses(*scores, tokens=None):
    lengths = tokens or [10] * len(scores)
    return [Scored(f"text {i}", score, n) for i, (score, n) in enumerate(zip(scores, lengths, strict=True))]


def texts(pairing):
    return [(p.chosen[-1], p.rejected[-1], round(p.margin, 6)) for p in pairing.pairs]


def test_all_pairs_by_hand():
    """Scores .5, .9, null, .5: (1 over 0), (1 over 3); 0 and 3 tie; one response has no score."""
    pairing = build_pairs([(ASK, responses(0.5, 0.9, None, 0.5))], PairSettings())
    assert texts(pairing) == [("1", "0", 0.4), ("1", "3", 0.4)]
    assert pairing.left_out == {"no_score": 1, "tie": 1} and pairing.prompts_without == ()
    assert pairing.pairs[0].item == "p1" and pairing.pairs[0].messages == ASK.messages


def test_the_other_modes_by_hand():
    """Scores .2, .8, .5, .8: the first best is 1; it ties with 3; the worst is 0."""
    group = [(ASK, responses(0.2, 0.8, 0.5, 0.8))]
    rest = build_pairs(group, PairSettings(mode="best_vs_rest"))
    assert texts(rest) == [("1", "0", 0.6), ("1", "2", 0.3)] and rest.left_out["tie"] == 1
    assert texts(build_pairs(group, PairSettings(mode="best_vs_worst"))) == [("1", "0", 0.6)]


def test_margin_length_and_equal_texts_are_left_out_and_counted():
    group = [(ASK, [*responses(0.1, 0.3, 0.9, tokens=[10, 10, 31]), Scored("text 0", 0.8, 10)])]
    pairing = build_pairs(group, PairSettings(min_margin=0.15, max_length_ratio=3.0))
    # 0-1 (.2), 0-2 too long, 0-3 same text, 1-2 too long, 1-3 (.5), 2-3 margin .1
    assert texts(pairing) == [("1", "0", 0.2), ("0", "1", 0.5)]
    assert pairing.left_out == {"no_score": 0, "unequal_length": 2, "same_text": 1, "small_margin": 1}


def test_a_margin_has_to_be_exceeded():
    group = [(ASK, responses(0.25, 0.75))]
    assert build_pairs(group, PairSettings(min_margin=0.5)).pairs == ()
    assert len(build_pairs(group, PairSettings(min_margin=0.499)).pairs) == 1


def test_prompts_without_a_pair_are_named_and_broken_scores_refused():
    other = Prompt("p2", ASK.messages)
    pairing = build_pairs([(ASK, responses(None, 0.5)), (other, responses(1.0, 0.0))], PairSettings())
    assert pairing.prompts_without == ("p1",) and [p.item for p in pairing.pairs] == ["p2"]
    with pytest.raises(DataError, match=r"p1.*not finite"):
        build_pairs([(ASK, responses(float("nan"), 0.5))], PairSettings())


SCORES = st.lists(st.one_of(st.none(), st.integers(0, 5).map(float)), max_size=8)


@given(SCORES, st.sampled_from(["all", "best_vs_rest", "best_vs_worst"]))
def test_whatever_the_scores(scores, mode):
    pairing = build_pairs([(ASK, responses(*scores))], PairSettings(mode=mode))
    known = [s for s in scores if s is not None]
    assert all(p.margin > 0 and p.chosen != p.rejected for p in pairing.pairs)
    assert pairing == build_pairs([(ASK, responses(*scores))], PairSettings(mode=mode))
    if mode == "all":
        assert len(pairing.pairs) == sum(a != b for a, b in combinations(known, 2))
    if mode == "best_vs_rest" and known:
        assert len(pairing.pairs) == sum(s < max(known) for s in known)
    if mode == "best_vs_worst":
        assert len(pairing.pairs) == (len(set(known)) > 1)
