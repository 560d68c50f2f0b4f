"""How simulated agents speak: reasoning in paragraphs, one a piece of evidence, then the answer in the form asked for.

A belief in running text reads `I put urn A at 0.6316 and urn B at 0.3684.`; a judge can follow it step by step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from veracity.core.identity import derive_seed
from veracity.core.requests import Sampling
from veracity.models.simulated.assessment import claims_of, coverage, remarks, verified
from veracity.models.simulated.case import Case
from veracity.models.simulated.evidence import Beliefs, same, uniform
from veracity.models.simulated.reading import Form

if TYPE_CHECKING:
    from veracity.models.simulated.policy import Policy
    from veracity.world.facts import Fact

ABSTENTION = "I don't know."
"""Said where the prompt offers no other words for it."""
_AFFIRMING, _DENYING = ("true", "yes", "correct"), ("false", "no", "incorrect")
_QUESTIONS = (
    "What speaks most clearly against the first idea that comes to mind?",
    "Which observation would settle a matter like this?",
    "What is taken for granted here?",
    "What would follow if the opposite were so?",
)
# For interviews about anything; they hold none of the cues that agents read by.
_NO_ANSWER = re.compile(r"don't know|do not know|unknown|unsure|not sure|cannot say", re.IGNORECASE)


def drawn(weights: Beliefs, temperature: float, luck: Random, question: str) -> int:
    """The heaviest at temperature 0 (of equals, one that the question decides), else one drawn by weight^(1/T)."""
    heaviest = max(weights)
    if temperature == 0:
        equal = [i for i, w in enumerate(weights) if w >= heaviest * (1 - 1e-9)]
        return equal[derive_seed(0, "equals", question) % len(equal)]
    powers = [(w / heaviest) ** (1 / temperature) for w in weights]
    point = luck.random() * sum(powers)
    for index, power in enumerate(powers):
        point -= power
        if point < 0:
            return index
    return weights.index(heaviest)


def speak(policy: Policy, case: Case, sampling: Sampling, luck: Random) -> str:
    """The reply to whatever task the case is."""
    task, form = case.reading.task, case.reading.form
    if task == "grade":
        return _delivered(form, [], {"answer": graded(case.reading.gold, case.reading.given)})
    if task == "verify":
        return _delivered(form, [], {"answer": verified(case)})
    if task == "extract":
        return "\n".join(f"- {claim}" for claim in claims_of(case.reading.transcript)) or "- none"
    if task in ("attack", "support"):
        return remarks(case, missing=task == "attack")
    if task == "interview":
        return _interview(case)
    if task == "rate":
        return _rating(policy, case, luck)
    if task == "biography":
        return _biography(policy, case, sampling, luck)
    path = policy.path(case) if case.names else ((),)
    if task == "argue":
        return _argument(policy, case, path, luck)
    if task == "estimate" and case.names:
        fields = {"probability": _number(policy.stated(asked_probability(case, path[-1]), luck), case.reading.form)}
        return _delivered(case.reading.form, reasoning(policy, case, path, luck), fields)
    if policy.abstains(case, path[-1]):
        return _delivered(case.reading.form, [], {"answer": case.reading.abstention or ABSTENTION})
    return _answer(policy, case, path, sampling, luck)


def _answer(policy: Policy, case: Case, path: Sequence[Beliefs], sampling: Sampling, luck: Random) -> str:
    labels, weights = answers(case, path[-1])
    chosen = policy.choose(case, weights, sampling, luck)
    fields = {"answer": labels[chosen]}
    form = case.reading.form
    if form.confidence:
        fields["confidence"] = _number(policy.stated(weights[chosen], luck), form)
    return _delivered(form, reasoning(policy, case, path, luck), fields)


def answers(case: Case, beliefs: Beliefs) -> tuple[tuple[str, ...], Beliefs]:
    """What may be answered, as it is to be said (a letter where options have letters), and how likely each is right."""
    reading, true = case.reading, asked_probability(case, beliefs) if case.reading.names else 0.0
    if reading.lettered:
        weights = tuple(_said_of(text, true, case, beliefs) for text in reading.options)
        fitting = weights if sum(weights) > 0 else uniform(len(weights))  # options that are none of the hypotheses
        return tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(fitting)]), fitting
    if reading.task == "verdict":
        return ("True", "False"), (true, 1 - true)
    return tuple(case.names[i] for i in case.named), tuple(beliefs[i] for i in case.named)


def _said_of(option: str, true: float, case: Case, beliefs: Beliefs) -> float:
    """How likely an option is right: as a hypothesis of that name, or as a yes or no to the one that is asked about."""
    reading = case.reading
    # The options are the hypotheses themselves, also where they are yes and no.
    if case.names == reading.options and not reading.inverted:
        return beliefs[case.names.index(option)]
    if option.lower().strip(".") in _AFFIRMING:
        return true
    if option.lower().strip(".") in _DENYING:
        return 1 - true
    return sum(b for b, name in zip(beliefs, case.names, strict=True) if same(name, option))


def asked_probability(case: Case, beliefs: Beliefs) -> float:
    """Probability of what is asked about: the hypothesis named, or the claim, or its opposite."""
    probability = beliefs[case.reading.target]
    return 1 - probability if case.reading.inverted else probability


def reasoning(policy: Policy, case: Case, path: Sequence[Beliefs], luck: Random) -> list[str]:
    """A paragraph for the prior, each piece of evidence, and the end; none where no reasoning is asked for."""
    if not case.reading.form.reasoning or not case.names:
        return []
    texts = ["Before any evidence" if case.evidence else "As far as I know", *(e.text for e in case.evidence)]
    joined = [f"{texts[0]}, {putting(policy, case, path[0], luck)}"]
    joined += [f"{text} Now {putting(policy, case, b, luck)}" for text, b in zip(texts[1:], path[1:-1], strict=True)]
    if path[-1] != path[-2]:
        joined.append(f"All in all, {putting(policy, case, path[-1], luck)}")
    return joined


def putting(policy: Policy, case: Case, beliefs: Beliefs, luck: Random) -> str:
    """`I put … at … and … at ….`, of at most four hypotheses; the last of two is what the first leaves."""
    order = sorted(range(len(beliefs)), key=lambda i: -beliefs[i])[:4] if len(beliefs) > 4 else range(len(beliefs))
    said = [policy.stated(beliefs[i], luck) for i in order]
    if len(said) == 2 == len(beliefs):
        said[1] = 1 - said[0]
    parts = [f"{case.names[i]} at {p:.4f}" for i, p in zip(order, said, strict=True)]
    return f"I put {', '.join(parts[:-1]) or parts[0]}{' and ' + parts[-1] if len(parts) > 1 else ''}."


def _rating(policy: Policy, case: Case, luck: Random) -> str:
    """A score on the scale that was asked for, with what is missing as its reason."""
    low, high = case.reading.scale
    error = luck.gauss(0, policy.noise) if policy.noise else 0.0
    score = low + (high - low) * min(1.0, max(0.0, policy.quality(case) + error))
    form = case.reading.form
    thoughts = [remarks(case, missing=True)] if form.reasoning or form.json else []
    if form.json and form.criteria:
        shares = {name.partition(":")[0]: low + (high - low) * share for name, share in coverage(case).items()}
        return json.dumps({"criteria": shares, "overall": round(score, 2), "rationale": thoughts[0]})
    if form.json:
        return json.dumps({"score": round(score, 2), "rationale": thoughts[0]})
    return _delivered(form, thoughts, {"score": f"{score:.2f}"})


def _interview(case: Case) -> str:
    """Questions between tags: of the stock those that were not asked yet, and then the stock again."""
    asked = "\n".join(case.reading.user_turns)
    order = sorted(_QUESTIONS, key=lambda question: question in asked)
    return "\n".join(f"<question>{order[i % len(order)]}</question>" for i in range(case.reading.questions))


def _argument(policy: Policy, case: Case, path: Sequence[Beliefs], luck: Random) -> str:
    """The evidence for one side, whatever the speaker believes, and then what it believes."""
    side = case.reading.target
    favouring = [e.text for e in case.evidence if e.likelihoods[side] >= max(e.likelihoods)]
    lines = [f"The case for {case.names[side]}: " + (" ".join(favouring) or "nothing that was said speaks for it.")]
    return "\n\n".join([*lines, f"Myself, {putting(policy, case, path[-1], luck)}"])


def _biography(policy: Policy, case: Case, sampling: Sampling, luck: Random) -> str:
    """Statements of remembered facts; of somebody unknown, an abstention, or invented statements."""
    reading, memory = case.reading, case.memory
    rng = luck if sampling.temperature > 0 else Random(derive_seed(policy.seed, "biography", reading.subject))
    facts = [f for f in memory.knowledge.about(reading.subject) if memory.knows(f)]
    told = [(f, memory.recall(f)) for f in facts]
    if not told and policy.guesses:
        samples = [f for f in memory.knowledge.samples.values() if f.subject_kind == "person"]
        told = [(f, memory.invented(f.relation, reading.subject)) for f in samples]
    if not told:
        return reading.abstention or ABSTENTION
    rng.shuffle(told)
    return " ".join(_statement(f, reading.subject, value, rng) for f, value in told[: reading.sentences])


def _statement(fact: Fact, subject: str, value: str, rng: Random) -> str:
    return fact.statements[int(rng.random() * len(fact.statements))].format(subject=subject, value=value)


def graded(gold: str, given: str) -> str:
    """`CORRECT`, `INCORRECT` or `NOT_ATTEMPTED`: whether `given` holds `gold` as whole words, or says nothing."""
    if re.search(rf"(?<!\w){re.escape(gold)}(?!\w)", given, re.IGNORECASE):
        return "CORRECT"
    return "NOT_ATTEMPTED" if not given.strip() or _NO_ANSWER.search(given) else "INCORRECT"


def _number(probability: float, form: Form) -> str:
    return f"{100 * probability:.2f}" if form.percent else f"{probability:.4f}"


def _delivered(form: Form, paragraphs: Sequence[str], fields: dict[str, str]) -> str:
    """Reasoning and fields in the form that was asked for."""
    final = _final(form, fields)
    if not paragraphs:
        return final
    thoughts = "\n\n".join(paragraphs)
    if form.thinking_tag:
        return f"<{form.thinking_tag}>{thoughts}</{form.thinking_tag}>\n{final}"
    return f"{thoughts}\n\n{final}"


def _final(form: Form, fields: dict[str, str]) -> str:
    if form.tags:
        return "\n".join(f"<{tag}>{_field(tag, fields)}</{tag}>" for tag in form.tags)
    if form.braces:
        return f"\\{form.braces}{{{next(iter(fields.values()))}}}"
    if form.json:
        numbers = {k: float(v) if k != "answer" else v for k, v in fields.items()}
        return json.dumps(numbers)
    if form.lines or len(fields) > 1:
        return "\n".join(f"{name.capitalize()}: {value}" for name, value in fields.items())
    return next(iter(fields.values()))


def _field(tag: str, fields: dict[str, str]) -> str:
    """What stands in a tag: the confidence in one that is called so, else the first field."""
    if tag.lower().startswith("conf") and "confidence" in fields:
        return fields["confidence"]
    return next(iter(fields.values()))
