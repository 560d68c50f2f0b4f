"""One JSON object in a model's reply: found strictly, repaired once, asked for once more, and never made up.

What is tried, in this order, until something passes the caller's reader:

1. the whole reply;
2. the reply without the code fence around it;
3. the only fenced block in it;
4. every text between balanced braces, none of them within a string, the longest first;
5. the same four, each repaired once: trailing commas, single quotes, Python's words for true, false and null.

NaN, infinities, and keys that stand twice make an object unreadable. If nothing passes, the model is asked once more
and told what was wrong (`ask_json`); after that the status is `parse_failed`.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, NoReturn, TypeVar

from veracity.core.errors import AuthenticationError, ModelError
from veracity.core.requests import Generate, Generated, Message, Program, Sampling

T = TypeVar("T")
JsonStatus = Literal["ok", "parse_failed", "request_failed"]
Reader = Callable[[Any], T]
"""From parsed JSON to a value; raises ValueError, saying what is wrong with it."""

_FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\n(.*?)```", re.DOTALL)
_WORDS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\b(?:true|false|null)\b", re.DOTALL)
_PYTHON = {"true": "True", "false": "False", "null": "None"}
_CANDIDATES, _LONGEST = 64, 100_000
"""At most so many objects of a reply are tried, and none of more characters."""


@dataclass(frozen=True, slots=True)
class JsonReply(Generic[T]):
    """What a reply said; `value` is None unless `status` is ok."""

    value: T | None
    status: JsonStatus
    replies: tuple[str, ...] = ()
    """Raw: one, or two where the model was asked again."""
    reason: str | None = None
    """Why it is not ok."""


def read_json(reply: str, read: Reader[T]) -> T:
    """The first candidate in `reply` that passes `read`.

    Raises:
        ValueError: none does; it says what was wrong with the most promising one.
    """
    wrong: list[str] = []
    for parse, quotes in ((_strict, '"'), (_repaired, "\"'")):
        for candidate in _candidates(reply, quotes):
            try:
                return read(_finite(parse(candidate)))
            except ValueError as error:
                wrong.append(str(error))
            except (SyntaxError, RecursionError, MemoryError, TypeError):  # what `literal_eval` says of other texts
                wrong.append("it is no JSON object")
    raise ValueError(next((w for w in wrong if not w.startswith("it is no JSON")), "there is no JSON object in it"))


def ask_json(role: str, prompt: tuple[Message, ...], read: Reader[T], sampling: Sampling) -> Program[JsonReply[T]]:
    """Ask for a JSON object, and once more, quoting the fault, if the reply holds none that passes `read`.

    Raises:
        AuthenticationError: the key is not accepted: nobody can be asked at all.
    """
    said: list[str] = []
    reason = ""
    for again in (False, True):
        turns = (*prompt, Message("assistant", said[-1]), Message("user", _once_more(reason))) if again else prompt
        try:
            reply: Generated = yield Generate(role, turns, sampling=sampling)
        except AuthenticationError:
            raise
        except ModelError as error:
            return JsonReply(None, "request_failed", tuple(said), str(error))
        said.append(reply.text)
        try:
            return JsonReply(read_json(reply.text, read), "ok", tuple(said))
        except ValueError as error:
            reason = str(error)
    return JsonReply(None, "parse_failed", tuple(said), reason)


def _once_more(reason: str) -> str:
    return f"That could not be used: {reason}. Reply with the JSON object that was asked for, and with nothing else."


def _candidates(reply: str, quotes: str) -> Iterator[str]:
    text = reply.strip()
    yield text[:_LONGEST]
    blocks = _FENCE.findall(text)
    if len(blocks) == 1:  # the fence around the reply, or the only one in it
        yield blocks[0].strip()[:_LONGEST]
    yield from _balanced(text, quotes)


def _balanced(text: str, quotes: str) -> list[str]:
    """Texts from a brace to the one that closes it, the longest first; within an object, braces in strings are text."""
    opened: list[int] = []
    found: list[tuple[int, int]] = []
    quote, place = "", 0
    while place < len(text):
        sign = text[place]
        if quote:
            if sign == "\\":
                place += 1
            elif sign == quote:
                quote = ""
        elif sign == "{":
            opened.append(place)
        elif sign == "}" and opened:
            found.append((opened.pop(), place + 1))
        elif opened and sign in quotes:
            quote = sign
        place += 1
    longest = sorted(found, key=lambda span: (span[0] - span[1], span[0]))[:_CANDIDATES]
    return [text[start:end] for start, end in longest if end - start <= _LONGEST]


def _strict(text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key stands twice in one object")
        return dict(pairs)

    def refuse(word: str) -> NoReturn:
        raise ValueError(f"{word} is no number")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON ({error.msg} at character {error.pos})") from None


def _repaired(text: str) -> Any:
    """Read as a Python literal: trailing commas and single quotes are as good there as any."""
    python = _WORDS.sub(lambda found: _PYTHON.get(found[0], found[0]), text)
    tree = ast.parse(python, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            if len(set(keys)) < len(node.keys):
                raise ValueError("a key stands twice in one object, or is no text")
    try:
        return ast.literal_eval(tree)
    except ValueError:
        raise ValueError("it is no JSON object") from None


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number in it is not finite")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _finite(part)
    return value


def object_of(value: Any, required: tuple[str, ...], *, exact: bool = False) -> dict[str, Any]:
    """`value`, if it is an object with the required keys (and, if `exact`, no others); ValueError otherwise."""
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    if missing := [key for key in required if key not in value]:
        raise ValueError(f"the key {missing[0]!r} is missing")
    if exact and (more := sorted(set(map(str, value)) - set(required))):
        raise ValueError(f"the key {more[0]!r} was not asked for")
    return value


def number_of(value: Any, name: str, low: float, high: float) -> float:
    """`value`, if it is a number from `low` to `high`, and no truth value; ValueError naming it otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is no number")
    if not low <= value <= high:
        raise ValueError(f"{name} is {value:g}, not within {low:g} and {high:g}")
    return float(value)


def text_of(value: Any, name: str) -> str:
    """`value` without blanks around it, if it is a text with words in it; ValueError naming it otherwise."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is no text, or empty")
    return value.strip()
