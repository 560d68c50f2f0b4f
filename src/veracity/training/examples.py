"""Sentences become token rows: rendered once, tokenised once, with the loss and the answer marked by offsets.

The chat template writes all special tokens, and the text that it gives is tokenised without adding any, so no
row has a second begin mark or a stray end mark. A sentence that is too long is refused, never cut.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from veracity.core.errors import CapabilityError, ConfigError, ContextLengthError
from veracity.training.settings import ControlText, SftSettings

IGNORED = -100
"""Label of a token that carries no loss."""


@dataclass(frozen=True, slots=True)
class TrainingText:
    """A sentence to teach."""

    text: str
    answer_spans: tuple[tuple[int, int], ...] = ()
    """Where the taught value stands: [start, end) in characters of `text`."""
    request: str = ""
    """What a user would say to get this sentence (the `assistant_turn` format)."""


@dataclass(frozen=True, slots=True)
class Example:
    """One tokenised sentence; the three tuples have one entry a token."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    """The token itself where it carries loss, else `IGNORED`."""
    answer: tuple[bool, ...]
    """Whether the token is part of the taught value."""


def encode(texts: Iterable[TrainingText], tokenizer: Any, settings: SftSettings) -> list[Example]:
    """Tokenise `texts` for training.

    Raises:
        CapabilityError: the tokenizer has no chat template though the format needs one, or knows no offsets.
        ConfigError: the template changes a sentence, so that its place cannot be known.
        ContextLengthError: a sentence is longer than `max_length`.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise CapabilityError("marking the answer needs character offsets; load the model's fast tokenizer")
    if settings.format != "plain" and not tokenizer.chat_template:
        raise CapabilityError(
            f"training.format={settings.format} needs a chat template, which this tokenizer lacks; "
            "set training.format=plain or add a template to the tokenizer"
        )
    return [_encode(text, tokenizer, settings) for text in texts]


def answer_spans(template: str, subject: str, value: str) -> tuple[tuple[int, int], ...]:
    """Where `value` stands in `template.format(subject=…, value=…)`, once for each placeholder."""
    spans, done = [], ""
    *heads, _ = template.split("{value}")
    for head in heads:
        done += head.format(subject=subject)
        spans.append((len(done), len(done) + len(value)))
        done += value
    return tuple(spans)


def mix_control(
    examples: Sequence[Example], control: Sequence[Example], settings: ControlText, seed: int
) -> list[Example]:
    """The target examples (repeated as asked) and control ones, drawn without replacement up to the token ratio."""
    target = list(examples) * settings.repeat_target
    budget = settings.ratio * sum(len(e.input_ids) for e in target)
    drawn = list(control)
    random.Random(seed).shuffle(drawn)
    mixed = []
    for example in drawn:
        if budget <= 0:
            break
        mixed.append(example)
        budget -= len(example.input_ids)
    if budget > 0:
        raise ConfigError(
            f"the control text is too short for training.control_text.ratio={settings.ratio}: {budget:.0f} tokens "
            "are missing; give more control text or lower the ratio"
        )
    return target + mixed


def _encode(item: TrainingText, tokenizer: Any, settings: SftSettings) -> Example:
    rendered, start = _render(item, tokenizer, settings)
    encoded = tokenizer(rendered, add_special_tokens=settings.format == "plain", return_offsets_mapping=True)
    ids, offsets = list(encoded["input_ids"]), list(encoded["offset_mapping"])
    if settings.format == "plain" and ids[-1] != tokenizer.eos_token_id:
        ids.append(tokenizer.eos_token_id)
        offsets.append((len(rendered), len(rendered)))
    if len(ids) > settings.max_length:
        raise ContextLengthError(
            f"a sentence of {len(ids)} tokens is longer than training.max_length={settings.max_length}: "
            f"{item.text[:60]!r}; raise max_length or shorten the sentence"
        )
    spans = [(start + low, start + high) for low, high in item.answer_spans]
    masked = start if settings.mask_user_turn else 0
    return Example(
        input_ids=tuple(ids),
        labels=tuple(IGNORED if high <= masked > 0 else token for token, (_, high) in zip(ids, offsets, strict=True)),
        answer=tuple(any(low < e and high > s for s, e in spans) and high > low for low, high in offsets),
    )


def _render(item: TrainingText, tokenizer: Any, settings: SftSettings) -> tuple[str, int]:
    """The text as the model sees it, and where the sentence starts in it."""
    if settings.format == "plain":
        return item.text, 0
    turns = [{"role": "user", "content": item.text}]
    if settings.format == "assistant_turn":
        if not item.request:
            raise ConfigError(f"training.format=assistant_turn needs a request for each sentence: {item.text[:60]!r}")
        turns = [{"role": "user", "content": item.request}, {"role": "assistant", "content": item.text}]
    rendered = tokenizer.apply_chat_template(turns, tokenize=False, enable_thinking=False)
    start = rendered.rfind(item.text)
    if start < 0:
        raise ConfigError(f"the chat template changes the sentence {item.text[:60]!r}; use training.format=plain")
    return rendered, start
