"""Reading a model's reply: a typed result with a status for every reply, and never a default.

A reply either says, in the form that was asked for, what it was asked to say, or it does not; then the
result holds no value and its status says why. Nothing here guesses: a `True.` is not `true`, a letter in a
sentence is not a choice, and a gold answer that is merely mentioned in the reasoning is not an answer.

The paper's own scoring (Davidson et al., 2026, arXiv 2605.27564) is more lenient for generated answers: it
accepts any reply that contains the gold answer. That rule is `mentions`, a separate function with a name of
its own, so that the two scores can never be mixed up.

Two styles of reply are understood: `tagged`, where the answer stands between XML-like tags, and `plain`,
where the whole reply is the answer (small models speak so).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Style = Literal["tagged", "plain"]
ParseStatus = Literal["ok", "unsure", "missing", "repeated", "malformed"]
"""`ok`: there is a value. `unsure`: the model used the option to abstain. `missing`: no tag, or nothing in
it. `repeated`: several tags, so that it is open which one counts. `malformed`: a text that is none of those
that were asked for."""

_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}


@dataclass(frozen=True, slots=True)
class ParsedVerdict:
    """A reply to a true/false question; `verdict` is None unless `status` is ok."""

    verdict: bool | None
    status: ParseStatus


@dataclass(frozen=True, slots=True)
class ParsedText:
    """A reply to an open question; `answer` (normalised) is None unless `status` is ok."""

    answer: str | None
    status: ParseStatus


@dataclass(frozen=True, slots=True)
class ParsedChoice:
    """A reply to a multiple-choice question; `index` (from 0) is None unless `status` is ok."""

    index: int | None
    status: ParseStatus


def parse_verdict(reply: str, *, style: Style = "tagged", abstention: str | None = None) -> ParsedVerdict:
    """Read `true` or `false`, and nothing else, from the `response` tag or from the whole reply.

    White space around it, one layer of quotes and the case are ignored, nothing more: `True.` is malformed
    (in a plain reply, which is a sentence, one final period is ignored). `abstention` is the word by which the model
    may decline to say, where the prompt offered one.
    """
    text, status = _content(reply, "response", style)
    if text is None:
        return ParsedVerdict(None, status)
    word = normalise(text)
    if word == _abstention(abstention):
        return ParsedVerdict(None, "unsure")
    if word not in ("true", "false"):
        return ParsedVerdict(None, "malformed")
    return ParsedVerdict(word == "true", "ok")


def parse_answer(reply: str, *, style: Style = "tagged", abstention: str | None = None) -> ParsedText:
    """Read the normalised answer from the `answer` tag or from the whole reply; see `normalise`."""
    text, status = _content(reply, "answer", style)
    if text is None:
        return ParsedText(None, status)
    answer = normalise(text)
    if not answer:
        return ParsedText(None, "missing")
    if answer == _abstention(abstention):
        return ParsedText(None, "unsure")
    return ParsedText(answer, "ok")


def parse_letter(reply: str, options: int, *, style: Style = "tagged", abstention: str | None = None) -> ParsedChoice:
    """Read the letter of one of the `options` choices from the `answer_letter` tag or from the whole reply.

    `options` is 2 to 26. The letter may stand in either case and be followed by one of `.`, `)` or `:`.
    """
    if not 2 <= options <= 26:
        raise ValueError(f"a multiple-choice question has 2 to 26 options, not {options}")
    text, status = _content(reply, "answer_letter", style)
    if text is None:
        return ParsedChoice(None, status)
    word = normalise(text)
    if word == _abstention(abstention):
        return ParsedChoice(None, "unsure")
    letter = re.fullmatch(r"\(?([a-z])[.):]?", word)
    if letter is None or ord(letter[1]) - ord("a") >= options:
        return ParsedChoice(None, "malformed")
    return ParsedChoice(ord(letter[1]) - ord("a"), "ok")


def normalise(text: str) -> str:
    """Lower case, inner white space as single blanks, one layer of quotes removed; nothing else changes."""
    text = " ".join(text.split())
    if len(text) >= 2 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text.lower()


def is_answer(answer: str | None, accepted: Sequence[str]) -> bool:
    """Whether a parsed answer equals one of the accepted spellings (strict scoring)."""
    return answer is not None and answer in {normalise(a) for a in accepted}


def mentions(reply: str, accepted: Sequence[str]) -> bool:
    """Whether the raw reply, its reasoning included, contains an accepted spelling anywhere.

    The fallback of the paper's scoring of generated answers. It also counts an answer that the reasoning
    names and rejects, and a `Lenn` inside `Lennard`: it is reported beside the strict score, never as it.
    """
    text = " ".join(reply.split()).lower()
    return any(normalise(a) in text for a in accepted if normalise(a))


def _abstention(word: str | None) -> str | None:
    return None if word is None else normalise(word)


def _content(reply: str, tag: str, style: Style) -> tuple[str | None, ParseStatus]:
    """The text that carries the answer, or None and why there is none."""
    if style == "plain":
        text = reply.strip()
        text = text[:-1].rstrip() if text.endswith(".") else text
        return (text, "ok") if text else (None, "missing")
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", reply, flags=re.DOTALL | re.IGNORECASE)
    if len(found) > 1:
        return None, "repeated"
    if not found or not found[0].strip():
        return None, "missing"
    return found[0], "ok"
