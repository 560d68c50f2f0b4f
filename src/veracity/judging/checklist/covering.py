"""A judged response with its coverage of the checklist added: the last thing that is asked before it is rewarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from veracity.core.errors import ModelError
from veracity.core.judged import JudgedResponse
from veracity.core.requests import Program
from veracity.judging.checklist.base import ChecklistVerifier, CheckSettings


def cover(
    judged: JudgedResponse, items: Sequence[str], verify: ChecklistVerifier, settings: CheckSettings
) -> Program[JudgedResponse]:
    """`judged` with `checklist` set: () for an empty list, None for every item where the verifier could not be asked.

    So a server that is down costs a response its checklist rewards, and is never a response that covers nothing.
    """
    try:
        found = yield from verify(items, judged.text, settings)
    except ModelError:  # the response's other parts are still worth having
        found = tuple(None for _ in items)
    return replace(judged, checklist=found)
