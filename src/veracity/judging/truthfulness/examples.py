"""Claims of a model with their truth, to train a truthfulness model on: two supported ones for each refuted one.

KLCF (Li et al., 2025, arXiv 2509.23765; second-hand) trains on the base model's supported (positive) and refuted
(negative) claims in the ratio 2 : 1. That undecided claims are not used, and that a claim is used once for each
question, are reconstructions. Held-out claims should keep the shares that they come in: calibration depends on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from veracity.core.errors import ConfigError, DataError
from veracity.core.identity import derive_seed
from veracity.core.judged import Group
from veracity.core.problem import Problem
from veracity.judging.claims.merging import normalised


@dataclass(frozen=True, slots=True)
class LabelledClaim:
    """A claim that a verifier decided."""

    problem: Problem
    text: str
    true: bool

    @property
    def cluster(self) -> str:
        """The source item: the unit of splits and of intervals."""
        return self.problem.cluster or self.problem.id


def labelled_claims(groups: Sequence[Group]) -> list[LabelledClaim]:
    """Each supported or refuted claim of the responses once a problem, in the order of first mention.

    A wording that was supported in one response and refuted in another is left out.
    """
    found: dict[tuple[str, str], LabelledClaim | None] = {}
    for group in groups:
        decided = [c for r in group.responses for c in r.claims or () if c.label in ("supported", "refuted")]
        for claim in decided:
            place = (group.problem.id, normalised(claim.text))
            own = LabelledClaim(group.problem, claim.text, claim.label == "supported")
            before = found.setdefault(place, own)
            if before is not None and before.true != own.true:
                found[place] = None
    return [claim for claim in found.values() if claim is not None]


def in_ratio(claims: Sequence[LabelledClaim], *, seed: int, ratio: float = 2.0) -> list[LabelledClaim]:
    """As many claims as there can be with `ratio` true ones for each false one, drawn by content, in the given order.

    Raises:
        ConfigError: a ratio that is not positive.
        DataError: no true or no false claim, or too few for the ratio.
    """
    if not ratio > 0:
        raise ConfigError(f"ratio={ratio}; give how many true claims shall come with each false one")
    true, false = ([c for c in claims if c.true is kind] for kind in (True, False))
    kept_false = min(len(false), int(len(true) / ratio))
    kept_true = min(len(true), int(kept_false * ratio))
    if not kept_false or not kept_true:
        counts = f"{len(true)} true and {len(false)} false claims are too few for {ratio:g} to 1"
        raise DataError(f"{counts}; sample more responses, or at a higher temperature", path="truthfulness data")
    kept = {id(c) for some, n in ((true, kept_true), (false, kept_false)) for c in _drawn(some, n, seed)}
    return [claim for claim in claims if id(claim) in kept]


def split_claims(
    claims: Sequence[LabelledClaim], *, seed: int, held_out: float = 0.3
) -> tuple[list[LabelledClaim], list[LabelledClaim]]:
    """(to train on, held out), no cluster in both. ValueError unless the share lies strictly between 0 and 1."""
    if not 0 < held_out < 1:
        raise ValueError(f"a held-out share lies strictly between 0 and 1, not {held_out}")
    clusters = sorted(
        {c.cluster for c in claims}, key=lambda name: (derive_seed(seed, "truthfulness split", name), name)
    )
    apart = set(clusters[: round(held_out * len(clusters))])
    return [c for c in claims if c.cluster not in apart], [c for c in claims if c.cluster in apart]


def _drawn(claims: Sequence[LabelledClaim], count: int, seed: int) -> list[LabelledClaim]:
    """`count` of the claims, whatever their order."""
    return sorted(claims, key=lambda c: (derive_seed(seed, "truthfulness data", f"{c.problem.id}\n{c.text}"), c.text))[
        :count
    ]
