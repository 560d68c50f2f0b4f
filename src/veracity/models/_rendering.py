"""From prompts to token ids and back: the chat template, the start mark, and where a continuation begins.

A continuation's tokens are found by character offsets in one tokenisation of prompt + continuation, never by
tokenising the two apart. A token that straddles the boundary covers characters of both: it is the continuation's
first token and is scored whole, given the tokens before it (the model has no probability for half a token).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from veracity.core.errors import CapabilityError
from veracity.core.requests import Prompt


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as text; one that came from the chat template holds its start mark already."""

    text: str
    templated: bool


@dataclass(frozen=True, slots=True)
class Joined:
    """Prompt and continuation in one tokenisation; `ids[start:]` are the tokens to score, `start` ≥ 1."""

    ids: list[int]
    start: int


class Renderer:
    """A tokenizer with its chat template. `name` is the model's, for messages to people."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self.tokenizer = tokenizer
        self.name = name
        self._start_mark = _start_mark(tokenizer)
        self._pieces: dict[int, str] = {}
        self._vocabulary: list[str] | None = None

    @property
    def has_chat(self) -> bool:
        """Whether conversations can be rendered."""
        return bool(getattr(self.tokenizer, "chat_template", None))

    def render(self, prompt: Prompt) -> Rendered:
        """The text given to the model; CapabilityError where there is no template, or it refuses."""
        if isinstance(prompt, str):
            rendered = Rendered(prompt, templated=False)
            if not prompt:
                self._head(rendered, [])  # refuses where nothing can precede an empty prompt
            return rendered
        if not self.has_chat:
            raise CapabilityError(
                f"{self.name} has no chat template, so it cannot be given a conversation: "
                "pass raw text as the prompt, or use a chat model"
            )
        continued = bool(prompt) and prompt[-1].role == "assistant"
        turns = [{"role": m.role, "content": m.content} for m in prompt]
        try:
            text: str = self.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=not continued, continue_final_message=continued
            )
        except (jinja2.TemplateError, ValueError) as error:
            roles = ", ".join(m.role for m in prompt) or "none"
            raise CapabilityError(
                f"the chat template of {self.name} refuses a conversation of these roles: {roles} ({error}); "
                "merge or drop the turn it does not know, or pass raw text"
            ) from error
        return Rendered(text, templated=True)

    def encode(self, prompts: Sequence[Rendered]) -> list[list[int]]:
        """Token ids of each prompt, at least one each."""
        if not prompts:
            return []
        encoded = self._tokenize([p.text for p in prompts])["input_ids"]
        return [self._head(p, ids) + ids for p, ids in zip(prompts, encoded, strict=True)]

    def join(self, pairs: Sequence[tuple[Rendered, str]]) -> list[Joined | CapabilityError]:
        """Each (prompt, continuation) as one sequence, or why it cannot be one."""
        if not pairs:
            return []
        encoded = self._tokenize([prompt.text + continuation for prompt, continuation in pairs])
        if not encoded.encodings:
            return [self._no_offsets() for _ in pairs]
        out: list[Joined | CapabilityError] = []
        for (prompt, _), ids, encoding in zip(pairs, encoded["input_ids"], encoded.encodings, strict=True):
            start = _first_token_after(encoding, len(ids), len(prompt.text))
            try:
                head = self._head(prompt, ids[:start])
                out.append(Joined(head + ids, len(head) + start))
            except CapabilityError as error:
                out.append(error)
        return out

    def _no_offsets(self) -> CapabilityError:
        return CapabilityError(
            f"the tokenizer of {self.name} gives no character offsets, which scoring needs: "
            "convert it to a fast one (tokenizer.json)"
        )

    def piece(self, token: int) -> str:
        """The text of one token, for people to read."""
        if token not in self._pieces:
            self._pieces[token] = self.decode([[token]], special=True)[0]
        return self._pieces[token]

    def all_pieces(self) -> list[str]:
        """The text of every token of the vocabulary, special ones included, by id."""
        if self._vocabulary is None:
            self._vocabulary = self.decode([[i] for i in range(len(self.tokenizer))], special=True)
        return self._vocabulary

    def decode(self, rows: Sequence[Sequence[int]], *, special: bool = False) -> list[str]:
        """Texts of token rows, each decoded by itself; special tokens are left out unless `special`."""
        texts: list[str] = self.tokenizer.batch_decode(
            [list(row) for row in rows], skip_special_tokens=not special, clean_up_tokenization_spaces=False
        )
        return texts

    def _tokenize(self, texts: list[str]) -> Any:
        return self.tokenizer(
            texts, add_special_tokens=False, return_attention_mask=False, return_token_type_ids=False, verbose=False
        )

    def _head(self, prompt: Rendered, before: list[int]) -> list[int]:
        """The start mark where it is due, never twice; something must precede the first token in any case."""
        if not prompt.templated and self._start_mark and before[:1] != self._start_mark:
            return self._start_mark
        if before:
            return []
        for mark in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            if mark is not None:
                return [mark]
        raise CapabilityError(
            f"{self.name} has neither a start nor an end mark, so nothing can precede an empty prompt: give a prompt"
        )


def _start_mark(tokenizer: Any) -> list[int]:
    """The start mark if the tokenizer itself sets one before raw text, else nothing (an end mark is never added)."""
    with_marks = tokenizer("a", add_special_tokens=True)["input_ids"]
    without = tokenizer("a", add_special_tokens=False)["input_ids"]
    bos = tokenizer.bos_token_id
    return [bos] if bos is not None and with_marks[:1] == [bos] and without[:1] != [bos] else []


def _first_token_after(encoding: Any, length: int, boundary: int) -> int:
    """Index of the first token that covers a character at or after `boundary`; read from the end, which is near."""
    first = length
    while first > 0 and encoding.token_to_chars(first - 1)[1] > boundary:
        first -= 1
    return first
