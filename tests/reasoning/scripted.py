"""Programs run by hand: each request is answered by the next scripted reply, and all requests are kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from veracity.core.requests import Generate, Generated, Program, Sample


def reply(text: str, *, reasoning: str = "", finish: str = "stop", tokens: int | None = None) -> Generated:
    """A reply of one sample; as many tokens as words unless said otherwise."""
    count = len(text.split()) if tokens is None else tokens
    return Generated((Sample(text, finish, count, reasoning),))  # type: ignore[arg-type]


def run(program: Program[Any], replies: Iterable[Generated | str]) -> tuple[Any, list[Generate]]:
    """What the program returns, and what it asked; it must use up the replies."""
    asked: list[Generate] = []
    given = [reply(r) if isinstance(r, str) else r for r in replies]
    try:
        request = next(program)
        while True:
            asked.append(request)  # type: ignore[arg-type]
            request = program.send(given.pop(0))
    except StopIteration as end:
        assert not given, f"{len(given)} replies were not asked for"
        return end.value, asked
