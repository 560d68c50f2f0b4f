"""A judge for rehearsals: it understands no content, and keeps to the form that a prompt asks for.

What it says is drawn by the hash of what it is asked, so that verdicts differ from text to text and a rehearsal repeats
itself. It lists pieces of a transcript as claims, picks one of the labels that a prompt names, and gives every
continuation some log-probability. Its verdicts mean nothing.
"""

from __future__ import annotations

import re
from random import Random

from veracity.core.errors import CapabilityError
from veracity.core.identity import derive_seed
from veracity.core.requests import Call, Generate, Generated, Prompt, Reply, Sample, Score, Scored, Usage, request_hash
from veracity.models.instant import InstantModel

WORDS_A_CLAIM = 6
NOTHING = "no verifiable claim"
"""What prompts offer to say where there is no claim."""
_TRANSCRIPT = re.compile(r"<transcript>\s*(.*?)\s*</transcript>", re.DOTALL)
_ONE_LABEL = re.compile(r"one label, (?P<labels>.+?), and nothing else")
_MEANT = re.compile(r"^(?P<label>[a-z][a-z ]+), if ", re.MULTILINE)
_EACH = re.compile(r"one line a \w+, its number and one of")
_QUOTED = re.compile(r'"([a-z][a-z ]+)"')
_NUMBERED = re.compile(r"^\d+\. ", re.MULTILINE)


def understudy(name: str) -> InstantModel:
    """The understudy of the model called `name`."""
    return InstantModel(_reply, identity="understudy 1", name=f"understudy of {name}")


def answer_in_form(prompt: str, luck: Random) -> str:
    """A reply of the form that `prompt` asks for."""
    shown = _TRANSCRIPT.search(prompt)
    if found := _ONE_LABEL.search(prompt):
        return luck.choice(re.split(r", | or ", found["labels"]))
    if _EACH.search(prompt):
        labels = sorted(set(_QUOTED.findall(prompt)))
        return "\n".join(f"{n}. {luck.choice(labels)}" for n in range(1, len(_NUMBERED.findall(prompt)) + 1))
    if "one of these labels" in prompt:
        return luck.choice([found["label"] for found in _MEANT.finditer(prompt)])
    if "Question: <" in prompt and shown:
        words = shown[1].split()
        return f"Question: What follows {' '.join(words[:-1]) or 'this'}?\nAnswer: {words[-1] if words else 'nothing'}"
    if "List " in prompt and shown:
        return "\n".join(f"- {claim}" for claim in _pieces(shown[1], whole="rewritten" in prompt))
    if "true or false" in prompt:
        return luck.choice(("true", "false"))
    return "AB"[luck.randrange(2)] if "letter" in prompt else f"{luck.random():.2f}"


def _pieces(text: str, *, whole: bool) -> list[str]:
    """Pieces of a few words that say something; with `whole` the lines as they are."""
    if whole:
        return [line.strip() for line in text.splitlines() if line.strip()]
    words = [word for word in text.split() if any(c.isalnum() for c in word)]
    return [" ".join(words[at : at + WORDS_A_CLAIM]) for at in range(0, len(words), WORDS_A_CLAIM)] or [NOTHING]


def _reply(call: Call) -> Reply:
    request = call.request
    key = request_hash(request)
    if isinstance(request, Generate):
        texts = [answer_in_form(_text(request.prompt), Random(derive_seed(0, key, n))) for n in call.replicates]
        samples = tuple(Sample(text, "stop", len(text.split())) for text in texts)
        return Generated(samples, Usage(len(_text(request.prompt).split()), sum(s.output_tokens for s in samples)))
    if isinstance(request, Score):
        luck, words = Random(derive_seed(0, key)), request.continuation.split() or [request.continuation]
        return Scored(tuple(words), tuple(-0.1 - 3 * luck.random() for _ in words), Usage(len(words)))
    raise CapabilityError(f"an understudy writes and scores texts, it does not {type(request).__name__.lower()}")


def _text(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else prompt[-1].content
