"""One verdict: [self-answer] → [case against] → [case for] → [resolution] → JSON.

The parts of an example are written by the judge as those of the trajectory are; asked again for the next trajectory
they are the same requests, which the ledger answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from veracity.core.errors import AuthenticationError, ModelError
from veracity.core.identity import derive_seed
from veracity.core.requests import Generate, Generated, Message, Program, Sampling, user
from veracity.judging.json_reply import ask_json
from veracity.judging.prompting import render
from veracity.judging.qualitative.base import (
    Example,
    QualitativeSettings,
    Scores,
    Subject,
    Verdict,
    VerdictQuery,
)
from veracity.judging.quoting import quoted

Parts = dict[str, str]
"""What the judge wrote about a subject before its verdict: `own`, `against`, `in_favour`, `resolution`."""


def judge_once(
    subject: Subject, examples: Sequence[Example], settings: QualitativeSettings, query: VerdictQuery
) -> Program[Verdict]:
    """One verdict of the judge on `subject`, shown `examples` in the order of the query.

    Raises:
        AuthenticationError: the key is not accepted: nobody can be asked at all.
    """
    sampling = _drawn(settings, query.round)
    turns: list[Message] = []
    try:
        for place in query.order:
            example = examples[place]
            parts = yield from _parts(example.subject, settings, sampling)
            turns += user(_asked(example.subject, parts, settings))
            turns.append(Message("assistant", example.scores.written(settings)))
        parts = yield from _parts(subject, settings, sampling)
    except AuthenticationError:
        raise
    except ModelError as error:
        return Verdict(query, None, "request_failed", reason=str(error))
    prompt = (*turns, *user(_asked(subject, parts, settings)))
    found = yield from ask_json(settings.role, prompt, lambda value: Scores.read(value, settings), sampling)
    return Verdict(query, found.value, found.status, found.replies, found.reason)


def _parts(subject: Subject, settings: QualitativeSettings, sampling: Sampling) -> Program[Parts]:
    """What is written about a subject, one request after the other."""
    about = {"problem": subject.problem.messages()[0].content, "transcript": quoted(subject.transcript)}
    parts: Parts = {}

    def write(prompt: str, **more: str) -> Program[str]:
        text = render(f"qualitative.{prompt}.v1", **about, **more)
        reply: Generated = yield Generate(settings.role, user(text), sampling=sampling)
        return reply.text.strip()

    if settings.self_answer:
        parts["own"] = yield from write("own")
    if settings.red_team != "none":
        parts["against"] = yield from write("against")
    if settings.red_team in ("red_blue", "red_blue_resolution"):
        parts["in_favour"] = yield from write("in_favour")
    if settings.red_team == "red_blue_resolution":
        cases = [quoted(parts[name]) for name in _sides(settings)]
        parts["resolution"] = yield from write("resolution", first=cases[0], second=cases[1])
    return parts


def _asked(subject: Subject, parts: Parts, settings: QualitativeSettings) -> str:
    """The prompt for the verdict."""
    written = ["own", *_sides(settings), "resolution"]
    return render(
        "qualitative.verdict.v1",
        problem=subject.problem.messages()[0].content,
        transcript=quoted(subject.transcript),
        parts=[(name, quoted(parts[name])) for name in written if name in parts],
        rubric=settings.rubric,
        low=settings.scale[0],
        high=settings.scale[1],
    )


def _sides(settings: QualitativeSettings) -> tuple[str, str]:
    return ("in_favour", "against") if settings.blue_first else ("against", "in_favour")


def _drawn(settings: QualitativeSettings, number: int) -> Sampling:
    """Each round has its own stream of noise."""
    seed = derive_seed(settings.seed, "qualitative", number) % 2**31
    return replace(settings.sampling, seed=seed)
