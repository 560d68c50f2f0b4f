"""Does a reply decline to answer? A lexicon with rules for where its phrases count, and the phrase that decided.

Three outcomes: a reply `abstains`, `hedges` (it says that it is not sure and answers all the same), or `answers`. A
phrase counts where it is the reply, or says something about the question: "unknown" and "the author is unknown" do,
"the Tomb of the Unknown Soldier" and a song called "I Don't Know" do not. What a reply says in passing late in a long
text ("the date of his death is unknown") is no abstention either. A reply that only asks back or only sends somebody
elsewhere ("please consult the official website") abstains too.

How good it is: on 68 replies that it was never improved on, precision 26 of 26 and recall 26 of 30 (before the last
round of patterns, 22 of 22 and 22 of 30); on 174 replies written for that round 88 of 90 and 88 of 88 (before: 39 of
46 and 39 of 88). What it misses is graded by the judge. `tests/judging/fixtures` holds the replies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

AbstentionKind = Literal["abstains", "hedges", "answers"]

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_LABEL = re.compile(r"(?:the )?(?:final |short )?answer(?: is)? ?: *", re.IGNORECASE)
_REPORTED = re.compile(r"\b(?:view|idea|notion|belief|claim|doctrine|theory|principle|theorem)s? that\b", re.IGNORECASE)
_CONSEQUENCE = re.compile(r"\s*(?:and )?(?:so|therefore|thus|hence|which means)\b", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]{1,80}\"|“[^”]{1,80}”|«[^»]{1,80}»|(?<!\w)'[^']{1,80}'(?!\w)|\*[^*\s][^*]{0,80}\*")
_CLAUSE_END = re.compile(r"[,;(—–]|\s-\s|\b(?:but|though|although)\b")


@dataclass(frozen=True, slots=True)
class Abstention:
    """What a reply does, and the phrase that decided; `phrase` is empty where no phrase was found."""

    kind: AbstentionKind
    phrase: str


@dataclass(frozen=True, slots=True)
class _Lexicon:
    bare: frozenset[str]
    personal: re.Pattern[str]
    stated: re.Pattern[str]
    guess: re.Pattern[str]
    elsewhere: re.Pattern[str]
    courtesy: re.Pattern[str]
    opening: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    phrase: re.Match[str] | None
    """Where it declines."""
    personal: bool
    """Whether it declines on somebody's own behalf."""

    @property
    def says_something(self) -> bool:
        """Neither declines nor is mere courtesy."""
        lexicon = _lexicon()
        return not (self.phrase or lexicon.courtesy.search(self.text) or lexicon.elsewhere.search(self.text))


def detect_abstention(text: str) -> Abstention:
    """What the reply does. An empty reply abstains: it gives nothing, and contradicts nothing."""
    plain = _plain(text)
    if label := _LABEL.match(plain):
        plain = plain[label.end() :]
    bare = plain.lower().strip(" \n.!\"'`*()[]{}:;,-")
    if not bare or bare in _lexicon().bare:
        return Abstention("abstains", bare or "(empty reply)")
    sentences = [_read(s) for s in _SENTENCE_END.split(_without_quotations(plain)) if re.search(r"\w", s)]
    first = next((i for i, s in enumerate(sentences) if s.phrase), None)
    if first is None:
        return _elsewhere(sentences)
    return _weigh(sentences[:first], sentences[first], sentences[first + 1 :])


def abstains(text: str) -> bool:
    """Whether the reply declines to answer; one that hedges and answers all the same does not."""
    return detect_abstention(text).kind == "abstains"


def _weigh(before: list[_Sentence], declining: _Sentence, after: list[_Sentence]) -> Abstention:
    """Does the reply say something beside the first sentence that declines?

    Whoever says that he does not know and then makes a statement has answered; whoever says that nobody knows may
    go on about why.
    """
    phrase = declining.phrase.group().lower() if declining.phrase else ""
    if any(s.says_something for s in before):
        return Abstention("hedges" if declining.personal else "answers", phrase)
    more = [s.text for s in after if s.says_something]
    guesses = any(_lexicon().guess.search(text) for text in more)
    if _answers_too(declining) or guesses or (more and declining.personal):
        return Abstention("hedges", phrase)
    return Abstention("abstains", phrase)


def _elsewhere(sentences: list[_Sentence]) -> Abstention:
    """Where no sentence declines: a reply that only asks back, or only sends somebody elsewhere, declines too."""
    found = [match for s in sentences if (match := _lexicon().elsewhere.search(s.text))]
    silent = not any(s.says_something or _goes_on(s.text) for s in sentences)
    return Abstention("abstains", found[0].group().lower()) if found and silent else Abstention("answers", "")


def _goes_on(text: str) -> bool:
    """Whether a sentence has a clause with `but` or a colon, after which an answer may stand."""
    return re.search(r"\bbut\b|: ", text) is not None


def _answers_too(sentence: _Sentence) -> bool:
    """Whether one sentence declines and guesses too: "Paris, but I'm not sure", "not sure, maybe Paris"."""
    match, lexicon = sentence.phrase, _lexicon()
    if match is None:
        return False
    before, after = sentence.text[: match.start()], sentence.text[match.end() :]
    if lexicon.guess.search(after) and not lexicon.courtesy.search(after):
        return True
    head, *rest = _CLAUSE_END.split(before)
    if rest and _CONSEQUENCE.match(rest[-1]):
        return False  # what stands before is why
    return bool(sentence.personal and rest and head.strip() and not lexicon.opening.fullmatch(head.strip()))


def _read(sentence: str) -> _Sentence:
    personal = _phrase(_lexicon().personal, sentence)
    return _Sentence(sentence, personal or _phrase(_lexicon().stated, sentence), personal is not None)


def _phrase(pattern: re.Pattern[str], sentence: str) -> re.Match[str] | None:
    """The first match that is no title: `Don't Know Why` begins every word with a capital."""
    for match in pattern.finditer(sentence):
        if _REPORTED.search(sentence[: match.start()]):
            continue
        spoken = re.findall(r"[^\W\d_][\w']*", match.group())
        if len(spoken) < 2 or sentence.isupper() or not all(word[0].isupper() for word in spoken):
            return match
    return None


def _plain(text: str) -> str:
    """Straight quotes, single blanks within lines."""
    text = text.replace("’", "'").replace("‘", "'")
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def _without_quotations(text: str) -> str:
    """The text without titles and quoted words, unless there is nothing else."""
    rest = _QUOTED.sub("…", text)
    return rest if re.search(r"\w", rest) else text


@cache
def _lexicon() -> _Lexicon:
    raw: dict[str, Any] = yaml.safe_load((files(__package__) / "abstention.yaml").read_text(encoding="utf-8"))
    patterns = {
        name: re.compile("|".join(f"(?:{_expanded(p, raw['words'])})" for p in raw[name]), re.IGNORECASE)
        for name in ("personal", "stated", "guess", "elsewhere", "courtesy", "opening")
    }
    return _Lexicon(bare=frozenset(word for line in raw["bare"] for word in line), **patterns)


def _expanded(pattern: str, words: dict[str, list[str]]) -> str:
    """A pattern of the lexicon as a regular expression."""

    def listed(found: re.Match[str]) -> str:
        one_of = "(?:" + "|".join(words[found[1]]) + ")"
        return f"(?:{one_of} )*" if found[2] else one_of

    return re.sub(r"<(\w+)(\*?)>", listed, pattern).replace(" ", r"\s+").replace(r"\s+?", r"\s*")
