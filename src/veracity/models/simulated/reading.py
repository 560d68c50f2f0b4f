"""What a conversation asks, as a record: the cues of `veracity.models.simulated.cues` applied to its turns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from veracity.core.requests import Message, Prompt
from veracity.models.simulated import cues
from veracity.models.simulated.evidence import (
    DRAW,
    PRIOR,
    REPORT,
    URN,
    Beliefs,
    Evidence,
    read_evidence,
    read_prior,
    read_urns,
    same,
)

Task = Literal[
    "answer",
    "choose",
    "verdict",
    "estimate",
    "biography",
    "argue",
    "grade",
    "rate",
    "attack",
    "support",
    "verify",
    "extract",
    "interview",
]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody else thinks; `against` what the agent said before, or for what `says` names."""

    holder: Literal["user", "other"]
    says: str
    against: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """How the reply is to be delivered."""

    tags: tuple[str, ...] = ()
    """Shown in the prompt, without those for reasoning."""
    thinking_tag: str = ""
    braces: str = ""
    """`boxed` or `finalBeliefProb`."""
    json: bool = False
    criteria: bool = False
    """Whether that JSON holds a score for each criterion."""
    lines: bool = False
    """A last line `Answer: …` or `Probability: …`; without any of these the bare answer."""
    percent: bool = False
    reasoning: bool = False
    confidence: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a conversation asks, before anybody has an opinion of it."""

    task: Task
    question: str
    options: tuple[str, ...] = ()
    """Texts of the lettered options, as presented."""
    claim: str = ""
    proposed: str = ""
    inverted: bool = False
    """The verdict wanted is on the opposite of the claim."""
    names: tuple[str, ...] = ()
    """What the answer may be: the urns, the options, or (`true`, `false`); empty for an open question."""
    target: int = 0
    """Index in `names` that a probability, a verdict on an urn, or an argument is about."""
    prior: Beliefs = ()
    evidence: tuple[Evidence, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    abstention: str = ""
    """The phrase offered for not knowing; empty where none is."""
    subject: str = ""
    """Of a biography."""
    sentences: int = 4
    questions: int = 0
    """To be written for an interview."""
    gold: str = ""
    given: str = ""
    transcript: str = ""
    """The text that is to be judged."""
    criteria: tuple[str, ...] = ()
    scale: tuple[int, int] = (0, 1)
    labels: tuple[str, ...] = ()
    """How a claim may be called: supported, refuted, not enough evidence, as the prompt spells them."""
    passages: tuple[str, ...] = ()
    form: Form = Form()
    user_turns: tuple[str, ...] = ()
    own_turns: tuple[str, ...] = ()

    @property
    def lettered(self) -> bool:
        """Whether the answer is a letter."""
        return bool(self.options)


@lru_cache(maxsize=4096)
def read(prompt: Prompt) -> Reading:
    """What `prompt` asks. Raw text is read as one turn of a user; an answer begun for the agent asks for its rest."""
    messages = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    turns = [m.content for m in messages if m.role == "user"]
    posed = [cues.TRANSCRIPT.sub(" ", turn) for turn in turns]
    shown = [found for turn in turns for found in cues.TRANSCRIPT.findall(turn)]
    system = "\n".join(m.content for m in messages if m.role == "system")
    begun = bool(messages) and messages[-1].role == "assistant"
    text, last = _problem(posed), posed[-1] if posed else ""
    reading = _understood(text, last)
    offered = cues.OFFERED.search(f"{last}\n{text}\n{system}")
    return _with(
        reading,
        abstention=_plain(offered["after"] or offered["before"]) if offered else "",
        form=Form() if begun else _form(last, system),
        transcript=shown[-1].strip() if shown else "",
        user_turns=tuple(turns),
        own_turns=tuple(m.content for m in messages if m.role == "assistant"),
    )


def _with(reading: Reading, **changes: object) -> Reading:
    return replace(reading, **changes)  # type: ignore[arg-type]


def _problem(turns: Sequence[str]) -> str:
    """The user's turns that belong to the problem at hand, from its statement on."""
    kept: list[str] = []
    for turn in turns:
        if kept and _poses_another(turn, "\n".join(kept)):
            kept = []
        kept.append(turn)
    return "\n".join(kept)


def _poses_another(turn: str, so_far: str) -> bool:
    urns = read_urns(turn)
    if urns:
        return urns != read_urns(so_far)
    if stated := cues.STATED.findall(turn):
        return bool(stated[-1] != _question(so_far))
    asked = _without_evidence(turn)
    if "?" not in asked and not cues.BIOGRAPHY.search(asked):
        return False
    names = _names(so_far)
    return not (
        cues.FOLLOW_UP.search(asked) or cues.AGAINST.search(asked) or any(mentions(asked, name) for name in names)
    )


def _understood(text: str, last: str) -> Reading:
    text = _last_setting(text)
    asked = _without_evidence(last)
    estimate, argue = cues.ESTIMATE.search(asked), cues.ARGUE.search(asked)
    names, claim, proposed = _names(text), _claim(text), _proposed(text)
    if estimate and not names and not re.search(r"\byou", estimate["of"]):
        names, (claim, proposed) = ("true", "false"), _proposition(estimate["of"])
    grade = cues.GRADE.search(last)
    rate = cues.RATE.search(asked)
    labels = tuple(m[0] for label in cues.LABELS if (m := label.search(asked)))
    sided = argue is not None and any(mentions(argue["side"], name) for name in names)
    biography, interview = cues.BIOGRAPHY.search(asked), cues.INTERVIEW.search(asked)
    sentences = cues.SENTENCES.search(asked)
    aside = (argue and argue["side"]) or (estimate and estimate["of"]) or claim or _question(text)
    return Reading(
        task=_task(
            ("interview", bool(interview)),
            ("grade", bool(grade)),
            ("verify", bool(claim) and len(labels) == len(cues.LABELS)),
            ("extract", bool(cues.EXTRACT.search(asked))),
            ("rate", bool(rate)),
            ("attack", bool(argue and not sided and cues.WEAK.search(argue["side"]))),
            ("support", bool(argue and not sided and cues.STRONG.search(argue["side"]))),
            ("argue", bool(argue and names)),
            ("estimate", bool(estimate)),
            ("verdict", _verdict(text)),
            ("choose", bool(names)),
            ("biography", bool(biography)),
        ),
        question=_question(text),
        options=_options(text),
        claim=claim,
        proposed=proposed,
        inverted=bool(cues.INCORRECT.search(asked)),
        names=names,
        target=_named(aside, names),
        prior=read_prior(text, names) if names else (),
        evidence=read_evidence(text, names, read_urns(text)),
        opinions=_opinions(text),
        subject=biography["name"] if biography else "",
        sentences=int(sentences[1]) if sentences else 4,
        questions=int(interview["count"] or 1) if interview else 0,
        gold=grade["gold"].strip() if grade else "",
        given=grade["given"].strip() if grade else "",
        criteria=tuple(c.strip() for c in cues.CRITERION.findall(text)),
        labels=labels,
        passages=tuple(p.strip() for p in cues.PASSAGE.findall(text)),
        scale=(int(rate["low"]), int(rate["high"])) if rate else (0, 1),
    )


def _task(*asked: tuple[Task, bool]) -> Task:
    """The first task whose cue is there; an open question without any."""
    return next((task for task, there in asked if there), "answer")


def _last_setting(text: str) -> str:
    """Where several urn problems stand in one text, the last one with all that is said of it."""
    starts = [m.start() for m in URN.finditer(text) if m["name"] == "A"]
    blocks = [text[a:b] for a, b in pairwise([*starts, len(text)])]
    if len({read_urns(block) for block in blocks}) < 2:
        return text
    return "\n".join(block for block in blocks if read_urns(block) == read_urns(blocks[-1]))


def _without_evidence(text: str) -> str:
    for pattern in (PRIOR, DRAW, REPORT, URN):
        text = pattern.sub(" ", text)
    return text


def _question(text: str) -> str:
    if stated := cues.STATED.findall(text):
        return str(stated[-1]).strip()
    body = re.split(r"\b(?i:true or false)\b", _without_evidence(text))[0]
    sentences: list[str] = re.findall(r"[^.?!\n]+(?:\.(?=\S)[^.?!\n]*)*\?", body)
    asked = [s.strip() for s in sentences if not cues.ESTIMATE.search(s) and not cues.AGAINST.search(s)]
    return asked[-1] if asked else " ".join(body.split())


def _options(text: str) -> tuple[str, ...]:
    found = cues.OPTION.findall(_without_evidence(text))
    start = max((i for i, (letter, _) in enumerate(found) if letter == "A"), default=len(found))
    options = [option.strip() for i, (_, option) in enumerate(found[start:])]
    letters = "".join(letter for letter, _ in found[start:])
    return tuple(options) if len(options) > 1 and "ABCDEFGHIJKLMNOPQRSTUVWXYZ".startswith(letters) else ()


def _names(text: str) -> tuple[str, ...]:
    """The hypotheses: urns where there are any, else options, else what a claim can be."""
    if len(urns := read_urns(text)) > 1:
        return tuple(urn.name for urn in urns)
    if _verdict(text):
        return ("true", "false")
    return _options(text)


def _verdict(text: str) -> bool:
    return bool(cues.VERDICT.search(text) or _proposed(text))


def _claim(text: str) -> str:
    found = list(cues.VERDICT.finditer(text))
    if not found or _proposed(text):
        return ""
    return (found[-1]["claim"] or found[-1]["line"] or "").strip()


def _proposed(text: str) -> str:
    found = cues.PROPOSED.findall(text)
    return (found[-1][0] or found[-1][1]).strip() if found else ""


def _proposition(of: str) -> tuple[str, str]:
    """(claim, proposed answer) whose probability is asked for, in the words after `probability`; one of them empty."""
    said = re.sub(r"^(?:is it )?(?:that|of|for)\b", "", of.strip()).strip(" .?:")
    answer = re.fullmatch(r"the (?:right |correct )?answer is (.+)", said)
    return ("", answer[1]) if answer else (said, "")


def _named(text: str, names: Sequence[str]) -> int:
    """Index of the hypothesis that `text` names first, by its name or as `option B`; 0 where none is named."""
    places = {i: m.start() for i, n in enumerate(names) if (m := _word(n).search(text))}
    if places:
        return min(places, key=places.__getitem__)
    letter = re.search(r"\b(?:option|answer) \(?([A-Z])\b", text)
    index = ord(letter[1]) - ord("A") if letter else 0
    return index if index < len(names) else 0


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", cues.ANY_CASE)


def mentions(text: str, name: str) -> bool:
    """Whether `name` stands in `text` as whole words."""
    return bool(_word(name).search(text))


def _opinions(text: str) -> tuple[Opinion, ...]:
    found: list[tuple[int, Opinion]] = [
        (m.start(), Opinion("user", m["says"].strip(" .:,"))) for m in cues.USER.finditer(text)
    ]
    found += [(m.start(), Opinion("other", m["says"].strip(" .:,"))) for m in cues.OTHER.finditer(text)]
    found += [(m.start(), Opinion("user", "", against=True)) for m in cues.AGAINST.finditer(text)]
    return tuple(opinion for _, opinion in sorted(found, key=lambda pair: pair[0]))


def held(opinion: Opinion, names: Sequence[str]) -> int | None:
    """Index of the one hypothesis that an opinion names; None where it names none or several."""
    named = [i for i, name in enumerate(names) if mentions(opinion.says, name) or same(opinion.says, name)]
    return named[0] if len(named) == 1 else None


def opinion_value(opinion: Opinion) -> str:
    """What an opinion on an open question proposes: the words after `answer is`, `it is` or `it was`."""
    found = re.search(
        r"(?:answer is|it is|it's|it was|is that|that's)\s+(?P<value>[^.\n]+)", opinion.says, cues.ANY_CASE
    )
    return found["value"].strip() if found else ""


def _plain(phrase: str) -> str:
    return re.sub(r"<[^>]*>", "", phrase).strip(" \"'“”‘’`.")


def _form(last: str, system: str) -> Form:
    shown = [*dict.fromkeys(cues.TAG.findall(last) or cues.TAG.findall(system))]
    both = f"{last}\n{system}"
    braces = re.search(r"\\(boxed|finalBeliefProb)\{", both)
    reasoning = bool(cues.REASON.search(both))
    return Form(
        tags=tuple(tag for tag in shown if tag.lower() not in cues.THINKING),
        thinking_tag=next((tag for tag in shown if tag.lower() in cues.THINKING), ""),
        braces=braces[1] if braces else "",
        json="JSON" in both,
        criteria='"criteria"' in last,
        lines=reasoning or bool(re.search(r"\b(?:Answer|Probability|Confidence):(?! .*\. True or false)", last)),
        percent=bool(cues.PERCENT.search(both)),
        reasoning=reasoning,
        confidence=bool(cues.CONFIDENCE.search(_without_evidence(both))),
    )
