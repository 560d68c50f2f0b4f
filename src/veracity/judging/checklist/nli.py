"""A checklist verified by a natural-language-inference model: windows of the response are premises, items hypotheses.

Entailment is consistent, contradiction contradictory, and neither missing: a stand-in of ours for the verifier that
KLCF trains. The most entailing and the most contradicting window decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from veracity.core.errors import ConfigError
from veracity.core.judged import ClaimLabel, Coverage
from veracity.core.requests import Program
from veracity.judging.checklist.base import CheckSettings, Covering, all_missing, checklist_verifier
from veracity.judging.claims.sentences import split_sentences
from veracity.judging.entailment import LABELS, entailment_of, entailment_requests
from veracity.judging.verifying.deciding import label_by_probability

COVERAGE: Mapping[ClaimLabel, Coverage] = {
    "supported": "consistent",
    "refuted": "contradictory",
    "not_enough": "missing",
}


@checklist_verifier("nli")
def nli(items: Sequence[str], response: str, settings: CheckSettings) -> Program[Covering]:
    """Three scores for each window and item, sent together."""
    premises = windows(split_sentences(response), settings.window)
    if not items or not premises:
        return all_missing(items)
    requests = [r for item in items for p in premises for r in entailment_requests(p, item, role=settings.role)]
    scored = yield requests
    size = len(LABELS)
    found = [entailment_of(scored[i : i + size]) for i in range(0, len(scored), size)]
    by_item = [found[i : i + len(premises)] for i in range(0, len(found), len(premises))]
    labels = [
        label_by_probability(max(e.entailment for e in own), max(e.contradiction for e in own), settings.threshold)
        for own in by_item
    ]
    return tuple(COVERAGE[label] for label in labels)


def windows(sentences: Sequence[str], size: int) -> list[str]:
    """Each run of `size` sentences as one text; a shorter response is one window. ConfigError for a size below 1."""
    if size < 1:
        raise ConfigError(f"checklist: window={size}; an entailment model must see a sentence at least")
    starts = range(max(1, len(sentences) - size + 1)) if sentences else ()
    return [" ".join(sentences[start : start + size]) for start in starts]
