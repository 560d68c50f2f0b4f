"""Token evidence: what is kept of two scores of one text, and how it is found again."""

from __future__ import annotations

from veracity.core.requests import Scored
from veracity.judging.token_scores import TokenScores
from veracity.metrics.token_evidence import TOKEN_EVIDENCE, evidence_tables, token_rows, token_scores

GIVEN, BASE = Scored(("The", " urn"), (-1.0, -0.5)), Scored(("The", " urn"), (-1.2, -3.0))


def test_rows_hold_both_log_probabilities_of_every_token_and_are_read_back() -> None:
    scores = TokenScores.of(GIVEN, BASE)
    assert scores is not None
    rows = token_rows("t", "m", 4, scores) + token_rows("t", "m", 2, scores) + token_rows("u", "m", 2, scores)
    table = TOKEN_EVIDENCE.frame(reversed(rows))
    assert token_scores(table) == {("t", 4): scores, ("t", 2): scores, ("u", 2): scores}
    assert [(row["position"], row["token"], row["logprob"], row["base_logprob"]) for row in rows[:2]] == [
        (0, "The", -1.0, -1.2),
        (1, " urn", -0.5, -3.0),
    ]


def test_a_text_that_was_cut_otherwise_after_the_other_prompt_has_no_token_evidence() -> None:
    assert TokenScores.of(GIVEN, Scored(("T", "he", " urn"), (-1.0, -1.0, -1.0))) is None


def test_every_metric_has_a_table_of_its_own() -> None:
    names = ["beliefs", "token_evidence", "token_evidence.world_in_the_loop", "token_evidences"]
    assert evidence_tables(names) == ["token_evidence", "token_evidence.world_in_the_loop"]
