"""Models with known habits get the scores that the scoring rules promise, in the paper's way and the strict one."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdicts import always_reject, always_true, expert, verdict_rows

from veracity.metrics.gap import alpha_mixture
from veracity.metrics.paper_scoring import paper_scores, with_fallback
from veracity.metrics.probe_rows import probe_table
from veracity.metrics.series import recognition, scored_rows
from veracity.metrics.verification import chance_corrected, macro_bias, outcome_shares, strict_scores, verdict_pairs


def paper_means(rows):
    return dict(paper_scores(rows).select("arm", "mean").iter_rows())


@pytest.mark.parametrize(
    ("habit", "target", "control", "acceptance", "rejection"),
    [(always_true, 0.5, 0.5, 0, 0), (always_reject, 0, 1, 0, 1), (expert, 1, 1, 1, 1)],
)
def test_known_habits(habit, target, control, acceptance, rejection):
    rows = verdict_rows(habit)
    assert paper_means(rows) == {"target": target, "control": control}
    scores = strict_scores(verdict_pairs(rows))
    assert (scores["acceptance"].value, scores["rejection"].value) == (acceptance, rejection)
    assert scores["bias"].value == acceptance - rejection
    assert scores["informedness"].value == acceptance + rejection - 1
    assert scores["valid_share"].value == 1


def test_always_true_is_inconsistent_not_accepting():
    assert outcome_shares(verdict_pairs(verdict_rows(always_true)))["inconsistent"] == 1


def test_unparsed_verdicts_leave_the_papers_mean_but_count_against_the_strict_one():
    """Fact 0 of 4 never gives a verdict, the others are right: paper 1.0 at support .75; strict .75."""
    rows = verdict_rows(lambda t, p, f: "maybe so" if f == 0 else expert(t, p, f))
    table = paper_scores(rows)
    assert table["mean"].to_list() == [1.0, 1.0] and table["support"].to_list() == [0.75, 0.75]
    assert table["facts"].to_list() == [3, 3]
    scores = strict_scores(verdict_pairs(rows))
    assert [scores[k].value for k in ("acceptance", "rejection", "valid_share", "consistency")] == [0.75] * 4
    assert outcome_shares(verdict_pairs(rows))["unparsed"] == 0.25
    v = scored_rows(rows).filter(recognition("learn", "verification").mask())
    assert v["score"].mean() == 0.75


def test_a_half_parsed_pair_counts_as_unparsed():
    rows = verdict_rows(lambda t, p, f: "?" if p == "incorrect" else expert(t, p, f), facts=1)
    assert set(verdict_pairs(rows)["outcome"]) == {"unparsed"}
    assert paper_means(rows) == {"target": 1.0, "control": 1.0}


def test_unsure_is_valid_wrong_on_the_value_right_on_the_foil_and_never_strict():
    rows = verdict_rows(lambda t, p, f: "unsure")
    assert paper_means(rows) == {"target": 0.0, "control": 1.0}
    scores = strict_scores(verdict_pairs(rows))
    assert scores["valid_share"].value == 1 and scores["rejection"].value == 0 and scores["acceptance"].value == 0


def test_failed_requests_are_nobodys_mistake():
    rows = verdict_rows(expert).with_columns(
        status=pl.when(pl.col("fact") == "f0").then(pl.lit("request_failed")).otherwise("status"),
        correct=pl.when(pl.col("fact") != "f0").then("correct"),
    )
    assert strict_scores(verdict_pairs(rows))["acceptance"].value == 1
    assert outcome_shares(verdict_pairs(rows))["request_failed"] == 0.25
    assert paper_scores(rows)["support"].to_list() == [1.0, 1.0]


def test_sem_over_facts_is_the_population_one():
    """Facts score 1, 1, 0, .5 (fact 3 right in one polarity): mean .625, sd sqrt(.171875), sem sd / 2."""
    said = {2: lambda t, p: str(t != (p == "correct")), 3: lambda t, p: "True"}
    rows = verdict_rows(lambda t, p, f: said[f](t, p) if f in said else expert(t, p, f))
    target = paper_scores(rows).filter(pl.col("arm") == "target").row(0, named=True)
    assert target["mean"] == 0.625 and target["sem"] == pytest.approx(math.sqrt(0.171875) / 2)


def test_templates_are_averaged_before_facts():
    """Fact 0: template a right twice, template b wrong once (.5); fact 1: template a wrong (0). Mean .25, not .5."""
    right = verdict_rows(always_true, facts=2, foils=0).filter(pl.col("polarity") == "correct")
    f0, f1 = right.filter(pl.col("fact") == "f0"), right.filter(pl.col("fact") == "f1")
    wrong = pl.lit(False).alias("correct")
    rows = pl.concat([f0, f0, f0.with_columns(wrong, template=pl.lit("b")), f1.with_columns(wrong)])
    assert paper_scores(rows)["mean"].to_list() == [0.25]


def test_macro_bias_by_hand():
    """Category 0 holds facts 0, 2 with d = 1, 0 (mean .5, var .5, SE² .25); category 1 facts 1, 3 with d = 0, 0.

    Mean .25; SE = sqrt(((.25 + 0) / 2) / 2) = .25. Fact 0 accepts all (d = 1), fact 1 and 3 know, fact 2 refuses
    and accepts in contradiction (d = 0).
    """

    def habit(shown_true, polarity, fact):
        if fact == 0:
            return str(polarity == "correct")
        return "True" if fact == 2 else expert(shown_true, polarity, fact)

    bias = macro_bias(verdict_pairs(verdict_rows(habit)))
    assert bias.value == pytest.approx(0.25) and bias.se == pytest.approx(0.25) and bias.n == 4
    assert macro_bias(verdict_pairs(verdict_rows(expert, facts=1))).n == 0


def test_chance_correction_and_mixture():
    assert chance_corrected(0.5) == 0 and chance_corrected(1) == 1 and chance_corrected(0.43) == pytest.approx(-0.14)
    assert alpha_mixture(0.9, 0.7, 0.25) == pytest.approx(0.75) and alpha_mixture(0.9, 0.7, 1) == 0.9
    assert alpha_mixture(0, 1, 0.5) == alpha_mixture(0.5, 0.5, 0.5) == 0.5
    with pytest.raises(ValueError, match="weight"):
        alpha_mixture(0.5, 0.5, 1.5)


WORDS = st.sampled_from(["True", "False", "unsure", "gibberish"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), min_size=2, max_size=6), st.randoms())
def test_any_habit_obeys_the_identities(facts, random):
    """bias = B − C, informedness = B + C − 1, shares of outcomes sum to 1, shuffled rows score the same."""
    rows = verdict_rows(lambda t, p, f: facts[f][2 * t + (p == "correct")], facts=len(facts), foils=1)
    scores = strict_scores(verdict_pairs(rows))
    b, c = scores["acceptance"].value, scores["rejection"].value
    assert scores["bias"].value == pytest.approx(b - c)
    assert scores["informedness"].value == pytest.approx(b + c - 1)
    assert sum(outcome_shares(verdict_pairs(rows)).values()) == pytest.approx(1)
    shuffled = rows[random.sample(range(rows.height), rows.height)]
    assert strict_scores(verdict_pairs(shuffled)) == scores
    paper = paper_scores(rows)
    assert paper["support"].is_between(0, 1).all() and paper["mean"].drop_nulls().is_between(0, 1).all()


def test_the_papers_fallback_counts_an_answer_that_is_merely_mentioned():
    """Replies about one fact with value Lenn: right answer; Lenn only in the reasoning; no Lenn; a control reply
    that names Lenn. Strict means: target 1/3, control 1. With the fallback: target 2/3, control 0.
    """
    said = [("target", "Lenn", True), ("target", "perhaps Lenn, no: Oro", False), ("target", "Oro", False)]
    base = {
        "seed": 0, "phase": "acquisition", "epoch": 0, "fact": "f", "subject": "s", "category": "c", "relation": "r",
        "probe": "generation", "target": "learn", "foil_kind": "", "polarity": "", "status": "ok", "prompt": "?",
    }  # fmt: skip
    rows = probe_table(
        {**base, "arm": arm, "template": "t", "reply": reply, "answer": reply, "correct": right}
        for arm, reply, right in [*said, ("control", "was it lenn?", True)]
    )
    facts = pl.DataFrame({"id": ["f"], "value": ["Lenn"], "update": ["Oro"], "control": ["Vey"], "aliases": [["L."]]})
    assert paper_means(rows) == {"target": pytest.approx(1 / 3), "control": 1.0}
    assert paper_means(with_fallback(rows, facts)) == {"target": pytest.approx(2 / 3), "control": 0.0}
