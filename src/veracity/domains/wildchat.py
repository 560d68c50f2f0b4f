"""`wildchat`: what people ask an assistant (WildChat, Zhao et al., 2024, arXiv 2405.01470; ODC-BY).

Published schema: `conversation` (list of {`role`, `content`}), `conversation_hash` (or `conversation_id`); `model`,
`language`, `toxic`, `redacted`. The first turn of the user is the problem; nothing has a truth. Left out, and counted
in the source: toxic conversations (unless `toxic=true`), redacted ones, other languages than `language` if it is given.
Addresses and headers of the published rows are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.dataset import DatasetRow, Text, bundled, problems_of, read_rows, same_question
from veracity.domains.hub import HubSet
from veracity.domains.provenance import WRITTEN, Provenance, stated

PUBLISHED = HubSet("allenai/WildChat-1M", part="train")

stated(
    "wildchat",
    published=Provenance("conversations that users of a chat service agreed to share", "ODC-BY"),
    sample=WRITTEN,
)


class Turn(BaseModel):
    """One turn."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    role: Literal["user", "assistant", "system"]
    content: str


class WildChatRow(DatasetRow):
    """One conversation."""

    id_column = "conversation_hash"
    repeats = True

    conversation_hash: Text = Field(validation_alias=AliasChoices("conversation_hash", "conversation_id"))
    conversation: Annotated[tuple[Turn, ...], Field(min_length=1)]
    model: str = ""
    language: str = ""
    toxic: bool = False
    redacted: bool = False

    @property
    def asked(self) -> str:
        """The first turn of the user; empty where there is none."""
        return next((turn.content.strip() for turn in self.conversation if turn.role == "user"), "")


@domain("wildchat")
def wildchat(
    *,
    path: str = "",
    hub: str = "",
    config: str = "",
    part: str = "",
    revision: str = "",
    language: str = "",
    toxic: bool = False,
) -> Iterator[Problem]:
    """What people ask an assistant: first requests of conversations, without any truth."""
    given = HubSet(hub, part, config, revision)
    elsewhere = path or given != HubSet("", "")
    read = read_rows("wildchat", WildChatRow, path, given, PUBLISHED) if elsewhere else bundled("wildchat", WildChatRow)

    def left_out(row: WildChatRow) -> str:
        if row.toxic and not toxic:
            return "toxic"
        if row.redacted:
            return "redacted"
        if not row.asked:
            return "the user's first turn is empty"
        return f"not in {language}" if language and row.language.casefold() != language.casefold() else ""

    return problems_of(WildChatRow, _problem, *read, left_out)


def _problem(row: WildChatRow) -> Problem:
    return Problem(
        id=row.conversation_hash,
        domain="wildchat",
        question=row.asked,
        cluster=same_question(row.asked),
        meta=(("model", row.model), ("language", row.language), ("turns", len(row.conversation))),
    )
