"""Conversations with a response become token rows, the same tokens that a model is asked with and would write.

Prompt and response are tokenised apart, because at generation the prompt's tokens are fixed before the response
begins. Nothing is cut: what is too long is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from veracity.core.errors import CapabilityError, ContextLengthError, DataError
from veracity.core.requests import Message
from veracity.training.examples import IGNORED, Example


@dataclass(frozen=True, slots=True)
class Exchange:
    """A conversation and a response to it as tokens."""

    prompt_ids: tuple[int, ...]
    """Up to the opened assistant's turn."""
    response_ids: tuple[int, ...]
    """With the mark that ends the turn."""

    def __len__(self) -> int:
        return len(self.prompt_ids) + len(self.response_ids)

    def example(self) -> Example:
        """A row whose response alone carries loss."""
        before, after = len(self.prompt_ids), len(self.response_ids)
        return Example(
            input_ids=self.prompt_ids + self.response_ids,
            labels=(IGNORED,) * before + self.response_ids,
            answer=(False,) * before + (True,) * after,
        )


class ExchangeEncoder:
    """A tokenizer with its chat template, for exchanges of at most `max_length` tokens.

    Raises CapabilityError when it has no chat template or no end mark.
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise CapabilityError(
                "training on conversations needs a chat template, which this tokenizer lacks; add one to it"
            )
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._end = end_mark(tokenizer)

    def encode(self, item: str, messages: Sequence[Message], response: str) -> Exchange:
        """The exchange of row `item`.

        Raises:
            ContextLengthError: it is longer than `max_length`.
            DataError: the response is empty, or the template refuses the conversation.
        """
        if not response.strip():
            raise DataError("the response is empty, so there is nothing to learn from it; leave it out", path=item)
        turns = [{"role": m.role, "content": m.content} for m in messages]
        try:
            text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        except (jinja2.TemplateError, ValueError) as error:
            raise DataError(
                f"the chat template refuses its conversation ({error}); change the turns", path=item
            ) from error
        exchange = Exchange(self._ids(text), (*self._ids(response), self._end))
        if len(exchange) > self._max_length:
            raise ContextLengthError(
                f"{item}: {len(exchange.prompt_ids)} tokens of prompt and {len(exchange.response_ids)} of response do "
                f"not fit into {self._max_length} (max_length, or the model's context where that is less); raise it or "
                "leave the row out (nothing is cut)"
            )
        return exchange

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def end_mark(tokenizer: Any) -> int:
    """The token that ends an assistant's turn: the special one that the template writes there, else the end of text.

    Raises CapabilityError when there is neither.
    """
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "QED"}]
    try:
        rendered: str = tokenizer.apply_chat_template(turns, tokenize=False)
    except (jinja2.TemplateError, ValueError):
        rendered = ""
    after = tokenizer(rendered.rpartition("QED")[2].strip(), add_special_tokens=False)["input_ids"][:1]
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    if after and after[0] in special:
        return int(after[0])
    if tokenizer.eos_token_id is None:
        raise CapabilityError("this tokenizer has no end mark, so a trained model would never stop; give it one")
    return int(tokenizer.eos_token_id)


def longest(exchanges: Iterable[Exchange]) -> int:
    """Length of the longest exchange in tokens. Raises DataError if there is none."""
    length = max((len(e) for e in exchanges), default=0)
    if not length:
        raise DataError("there are no rows to train on; give at least one")
    return length
