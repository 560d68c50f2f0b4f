"""`cmv-free-form`: a view that somebody holds, and a request to correct it; the best reply of people as a reference.

Published schema: that of SHP (Ethayarajh et al., 2022): `post_id`, `history` (the post), `human_ref_A`, `human_ref_B`,
`labels` (1 where A is preferred), `score_ratio`; `domain`. Rows of other forums than changemyview are left out. One
problem a post: its pair of the highest score ratio; of all posts, the `share` with the highest ratios is kept (0.2).
The preferred reply is the detail `reference`, the other one `rejected`; neither is the only right one.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from pydantic import Field

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.dataset import DatasetRow, Place, Placed, Text, bundled, problems_of, read_rows, validated_row
from veracity.domains.hub import HubSet
from veracity.domains.provenance import WRITTEN, Provenance, stated

NAME = "cmv-free-form"
PUBLISHED = HubSet("stanfordnlp/SHP", part="train+validation+test", config="")
REQUEST = (
    "This is what somebody wrote. Reply to them: say where the view or its reasons go wrong, and what is right "
    "instead. Where it holds, say so."
)

stated(
    NAME,
    published=Provenance(
        "comments on Reddit with the votes of its users (SHP)",
        "not stated in the current card; an older one says MIT",
        "A preferred reply persuaded, which is not the same as being true.",
    ),
    sample=WRITTEN,
)


class PreferenceRow(DatasetRow):
    """One post with two replies."""

    id_column = "post_id"

    post_id: Text
    history: Text
    human_ref_A: Text  # noqa: N815 - the published name
    human_ref_B: Text  # noqa: N815 - the published name
    labels: int = Field(ge=0, le=1)
    score_ratio: float = Field(ge=1)
    domain: str = "changemyview"


@domain(NAME)
def cmv_free_form(
    *, path: str = "", hub: str = "", config: str = "", part: str = "", revision: str = "", share: float = 0.2
) -> Iterator[Problem]:
    """A view that somebody holds, and a request to correct it; the reply that people preferred is the reference."""
    if not 0 < share <= 1:
        raise ConfigError(f"{NAME}: share={share} must be above 0 and at most 1")
    given = HubSet(hub, part, config, revision)
    if not path and given == HubSet("", ""):
        return problems_of(PreferenceRow, _problem, *bundled(NAME, PreferenceRow))
    best = _best(read_rows(NAME, PreferenceRow, path, given, PUBLISHED)[1], share)

    def left_out(row: PreferenceRow) -> str:
        if not _of_this_forum(row):
            return "of other forums"
        return "" if best.get(row.post_id) == row.read_from else "of lower score ratio"

    # read twice: of several hundred thousand rows, few are kept
    return problems_of(PreferenceRow, _problem, *read_rows(NAME, PreferenceRow, path, given, PUBLISHED), left_out)


def _of_this_forum(row: PreferenceRow) -> bool:
    return row.domain.startswith("changemyview")


def _best(placed: Placed, share: float) -> dict[str, Place]:
    """Where the row of each post that is kept stands."""
    found: dict[str, tuple[float, Place]] = {}
    for place, record in placed:
        row = validated_row(PreferenceRow, place, record)
        if _of_this_forum(row) and (row.post_id not in found or row.score_ratio > found[row.post_id][0]):
            found[row.post_id] = row.score_ratio, place
    ordered = sorted(found, key=lambda post: (-found[post][0], post))
    return {post: found[post][1] for post in ordered[: ceil(share * len(ordered) - 1e-9)]}


def _problem(row: PreferenceRow) -> Problem:
    preferred, other = (row.human_ref_A, row.human_ref_B) if row.labels else (row.human_ref_B, row.human_ref_A)
    return Problem(
        id=row.post_id,
        domain=NAME,
        question=f"{row.history}\n\n{REQUEST}",
        cluster=row.post_id,
        meta=(("reference", preferred), ("rejected", other), ("score_ratio", row.score_ratio)),
    )
