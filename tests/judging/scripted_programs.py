"""Programs run by hand: a function answers each request, and all requests are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from veracity.core.requests import Act, Generate, Generated, Program, Request, Sample, Score, Scored

Answer = Callable[[Any], Any]


def text(words: str) -> Generated:
    """A reply of one sample."""
    return Generated((Sample(words, "stop", len(words.split())),))


def scored(total: float, tokens: int) -> Scored:
    """Log-probabilities of equal size that sum to `total`."""
    return Scored(("x",) * tokens, (total / tokens,) * tokens)


def run(program: Program[Any], answer: Answer) -> tuple[Any, list[Generate | Score | Act]]:
    """What the program returns, and what it asked; an exception that `answer` returns is thrown into the program.

    Of a list of requests, the first exception is thrown, as the engine does.
    """
    asked: list[Any] = []

    def reply(request: Request) -> Any:
        asked.append(request)
        found = answer(request)
        return text(found) if isinstance(found, str) else found

    try:
        wanted = next(program)
        while True:
            several = isinstance(wanted, list | tuple)
            replies = [reply(one) for one in (wanted if several else [wanted])]
            failed = next((r for r in replies if isinstance(r, Exception)), None)
            wanted = program.throw(failed) if failed else program.send(replies if several else replies[0])
    except StopIteration as end:
        return end.value, asked


def shown(request: Generate | Score) -> str:
    """All that a request shows, as one text."""
    prompt = request.prompt
    return prompt if isinstance(prompt, str) else "\n".join(message.content for message in prompt)
