"""How far sampled answers agree, as one of four numbers, under strict or published equality of answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from veracity.judging.confidence.distribution import Consistency, consistency, shares
from veracity.judging.confidence.keys import answer_classes, count_empty
from veracity.judging.self_confidence.legacy import legacy_bins, legacy_equal

Binning = Literal["strict", "legacy_heuristic"]
"""`strict`: equal by canonical key, empty answers left out. `legacy_heuristic`: the published greedy bins, in which an
answer joins a bin by its end and an empty one joins any."""
Measure = Literal["max_conf", "exp_conf", "neg_entropy", "samp_conf"]
BINNINGS: tuple[Binning, ...] = get_args(Binning)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What sampled answers say of how sure the model is; all None where no sample says anything."""

    max_conf: float | None
    """Share of the commonest answer, in (0, 1]: the published default."""
    exp_conf: float | None
    """Σ p²: the probability that two draws agree, in (0, 1]."""
    neg_entropy: float | None
    """Σ p ln p, nats, at most 0."""
    samp_conf: float | None
    """Share of the samples that equal what the claim itself says, in [0, 1]; None where that is not known."""
    empty: int
    """Samples that say nothing."""

    def by(self, measure: Measure) -> float | None:
        """One of the four."""
        found: float | None = getattr(self, measure)
        return found


def agreement(answers: Sequence[str], own: str | None = None, binning: Binning = "strict") -> Agreement:
    """Agreement of `answers`; `own` is the claim's own answer to the question, where it is known.

    Worked example: shares .60, .25, .10, .05 give max_conf .60, exp_conf .435, neg_entropy −1.033.
    """
    empty = count_empty(answers)
    if binning == "legacy_heuristic":
        found = consistency([len(members) / len(answers) for members in legacy_bins(answers)]) if answers else None
        same = [legacy_equal(own, answer) for answer in answers] if own is not None else []
    else:
        names = answer_classes([*answers, *([own] if own is not None else [])])
        given = [name for name in names[: len(answers)] if name]
        found = consistency(shares(given)) if given else None
        same = [name == names[-1] for name in given] if own is not None else []
    return _agreement(found, sum(same) / len(same) if same else None, empty)


def _agreement(found: Consistency | None, samp_conf: float | None, empty: int) -> Agreement:
    if found is None:
        return Agreement(None, None, None, None, empty)
    return Agreement(found.max_conf, found.exp_conf, found.neg_entropy, samp_conf, empty)
