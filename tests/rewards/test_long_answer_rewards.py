"""Rewards of long answers by hand: claims, checklists, scores, lengths; failures and empty answers stay apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_groups import COVERAGE, LABELS, PROBLEM, claims, confident, covering, group

from veracity.core.errors import ConfigError, DataError
from veracity.core.judged import Group, JudgedResponse
from veracity.core.problem import Problem
from veracity.rewards import open_reward

CLAIMS = st.lists(st.none() | st.text("".join(LABELS), max_size=12), min_size=1, max_size=6)
CHECKLISTS = st.text("".join(COVERAGE), max_size=12)
OF_CLAIMS = (
    "factscore",
    "factscore?gamma=10",
    "factscore?no_claims=zero",
    "truthfulness",
    "self_confidence",
    "precision_detail_relevance?relevance=0",
    "binary_contradiction",
    "factscore_log_count",
)


def of(spec: str, *responses: JudgedResponse) -> list[float | None]:
    return open_reward(spec).of(group(*responses))


def test_checklist_rewards_are_their_published_vectors() -> None:
    """(3, 1, 6): 3/10 and 3/4. (0, 0, 10): 0 and 0. No checklist, an empty one and a failed judge: no reward."""
    responses = [covering(x) for x in ("cccxmmmmmm", "mmmmmmmmmm", "xx", None, "", "cc?")]
    assert of("checklist_recall", *responses) == [0.3, 0.0, 0.0, None, None, None]
    assert of("checklist_precision", *responses) == [0.75, 0.0, 0.0, None, None, None]


@given(CHECKLISTS, st.randoms())
def test_the_order_of_a_checklist_does_not_matter(letters: str, random: object) -> None:
    shuffled = list(letters)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for spec in ("checklist_recall", "checklist_precision"):
        first, second = of(spec, covering(letters), covering("".join(shuffled)))
        assert first == second
        assert first is None or 0 <= first <= 1


def test_factscore_with_and_without_its_penalty() -> None:
    """4 of 5: .8; with gamma 10: .8 · exp(1 − 2) = .2943; ten claims have exp(0) = 1; irrelevant ones do not count."""
    responses = [claims("ssssr"), claims("s" * 8 + "rn"), claims("si"), claims(""), claims(None), claims("ss?")]
    assert of("factscore", *responses) == [0.8, 0.8, 1.0, None, None, None]
    penalised = of("factscore?gamma=10", *responses)
    assert penalised[:3] == [pytest.approx(0.8 / math.e), 0.8, pytest.approx(math.exp(-9))]
    assert of("factscore?no_claims=zero", claims(""), claims("i"), claims(None)) == [0.0, 0.0, None]


def test_truthfulness_and_self_confidence_differ_in_what_a_missing_probability_does() -> None:
    responses = [confident(0.9, 0.5), confident(0.9, None), confident(None), confident(), claims(None)]
    assert of("truthfulness", *responses) == [pytest.approx(0.7), None, None, 0.0, None]
    assert of("truthfulness?no_claims=undefined", *responses)[3] is None
    assert of("self_confidence", *responses) == [pytest.approx(0.7), 0.9, None, None, None]


def test_precision_detail_and_relevance() -> None:
    """3 of 4, relevance .6: 3/5 + .1·ln 4 + .1·.6 = .6 + .13863 + .06 = .79863; plain precision: .75 + …"""
    known = JudgedResponse("x", 1, claims=claims("sssr").claims, relevance=0.6)
    unjudged = JudgedResponse("x", 1, claims=claims("sssr").claims)
    detail = 0.1 * math.log(4)
    assert of("precision_detail_relevance", known, unjudged) == [pytest.approx(0.66 + detail), None]
    assert of("precision_detail_relevance?relevance=0&smoothing=0", known, claims("")) == [
        pytest.approx(0.75 + detail),
        None,
    ]
    assert of("precision_detail_relevance?relevance=0", claims(""), claims("?")) == [0.0, None]
    assert "relevance" in open_reward("precision_detail_relevance").needs
    assert "relevance" not in open_reward("precision_detail_relevance?relevance=0").needs


def test_one_contradiction_is_enough() -> None:
    assert of("binary_contradiction", *map(claims, ("ssn", "ssr", "r?", "s?", "", None))) == [1, 0, 0, None, 1, None]


def test_factscore_plus_log_of_the_count() -> None:
    """3 of 4: .75 + .1 · ln 5 = .91094; saying nothing earns 0."""
    found = of("factscore_log_count", *map(claims, ("sssr", "", "s?")))
    assert found == [pytest.approx(0.75 + 0.1 * math.log(5)), 0.0, None]
    assert of("factscore_log_count?count=1", claims("n")) == [pytest.approx(math.log(2))]


@given(CLAIMS, st.randoms())
def test_rewards_of_claims_do_not_depend_on_places(letters: list[str | None], random: object) -> None:
    order = list(range(len(letters)))
    random.shuffle(order)  # type: ignore[attr-defined]
    responses = [claims(x, None if x is None else [0.25] * len(x)) for x in letters]
    for spec in OF_CLAIMS:
        rewards = of(spec, *responses)
        assert of(spec, *(responses[i] for i in order)) == [rewards[i] for i in order]
        assert all(r is None or 0 <= r <= 2 for r in rewards)


@given(st.text("srn", min_size=1, max_size=30), st.floats(0, 50))
def test_a_supported_claim_more_never_lowers_factscore(letters: str, gamma: float) -> None:
    less, more = of(f"factscore?gamma={gamma}", claims(letters), claims(letters + "s"))
    assert less is not None and more is not None and more >= less - 1e-12


def test_scores_of_a_reward_model_are_squashed_prompt_by_prompt() -> None:
    """1, 2, 3 have mean 2 and sample sd 1: −1, 0, 1; σ(1) = .7311."""
    responses = [JudgedResponse("x", 1, general=score) for score in (1.0, 2.0, None, 3.0)]
    assert of("general", *responses) == [-1.0, 0.0, None, 1.0]
    assert of("general?squash=sigmoid", *responses)[3] == pytest.approx(0.731059, abs=1e-6)
    assert of("general", *[JudgedResponse("x", 1, general=5.0)] * 3) == [0.0, 0.0, 0.0]
    assert of("general", responses[0], responses[2]) == [None, None]


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=8), st.floats(0.1, 50), st.floats(-100, 100))
def test_the_unit_of_a_reward_model_does_not_matter(scores: list[float], scale: float, shift: float) -> None:
    if max(scores) - min(scores) < 1e-3:
        return
    first, second = (
        of("general", *(JudgedResponse("x", 1, general=s) for s in some))
        for some in (scores, [scale * s + shift for s in scores])
    )
    assert first == pytest.approx(second, abs=1e-5)


def test_format_and_soft_overlong_length() -> None:
    """longest 100, buffer 20: free until 80, −.5 at 90, −1 from 100 on."""
    responses = [JudgedResponse("x", n, well_formed=w) for n, w in [(80, True), (90, False), (100, None), (101, True)]]
    assert of("format", *responses) == [0, -1, None, 0]
    assert of("length?longest=100&buffer=20", *responses) == [0.0, -0.5, -1.0, -1.0]


@given(st.integers(0, 300), st.integers(1, 200), st.integers(1, 200))
def test_length_is_bounded_and_falls(tokens: int, a: int, b: int) -> None:
    spec = f"length?longest={max(a, b)}&buffer={min(a, b)}"
    now, next_ = of(spec, JudgedResponse("x", tokens), JudgedResponse("x", tokens + 1))
    assert now is not None and next_ is not None and -1 <= next_ <= now <= 0


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("length", "needs longest, buffer: write length\\?longest="),
        ("length?longest=10&buffer=20", "buffer is a part"),
        ("factscore?gamma=-1", "gamma=-1"),
        ("precision_detail_relevance?smoothing=-1", "smoothing"),
        ("simplefact?mode=cautious", "did you mean 'caution'"),
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_sampled(spec: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_reward(spec)


def test_flame_rewards_facts_only_where_facts_are_asked_for() -> None:
    """General 1, 3 → z ∓.7071; FActScore 1, 0 → z ±.7071: they cancel where facts are asked for."""
    responses = tuple(JudgedResponse("x", 1, claims=claims(c).claims, general=g) for c, g in (("s", 1.0), ("r", 3.0)))

    def reward_of(seeking: object) -> list[float | None]:
        problem = Problem("q", "d", "Who?", meta=(("fact_seeking", seeking),))  # type: ignore[arg-type]
        return open_reward("flame").of(Group(problem, responses))

    half = math.sqrt(0.5)
    assert reward_of(True) == [pytest.approx(0.0), pytest.approx(0.0)]
    assert reward_of(False) == [pytest.approx(-half), pytest.approx(half)]
    with pytest.raises(DataError, match=r"d/q: .*fact_seeking"):
        open_reward("flame").of(Group(PROBLEM, responses))
