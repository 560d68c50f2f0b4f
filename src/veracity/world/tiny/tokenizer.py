"""The tiny model's tokenizer: one token a word of the world's language, single bytes for anything else.

Text is split into words, numbers and punctuation (each with the space before it, as in GPT-2) and every piece
is cut greedily into the longest known tokens; all 256 bytes are tokens, so any text can be written and nothing
becomes "unknown token". Numbers are cut into pairs of digits (`1873` is ` 18`, `73`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from veracity.world.language import Language
from veracity.world.tiny.dialogue import dialogue

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END, PAD = "<|end|>", "<|pad|>"
ROLES = ("system", "user", "assistant")
SPECIAL = (PAD, END, *(f"<|{role}|>" for role in ROLES))
CONTEXT = 512
"""Positions of the model, in tokens; it is trained on rows of 64."""
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def vocabulary(language: Language) -> list[str]:
    """All tokens, special ones first, each once, in a fixed order."""
    from tokenizers.pre_tokenizers import ByteLevel

    splitter = ByteLevel(add_prefix_space=True, use_regex=True)
    texts = [*language.words(), *dialogue().words()]
    pieces = [piece for text in texts for piece, _ in splitter.pre_tokenize_str(text)]
    digits = [f"{n:02d}" for n in range(100)] + [f"Ġ{n}" for n in range(100)]
    words = [p for p in pieces if not any(c.isdigit() for c in p)]
    return list(dict.fromkeys([*SPECIAL, *sorted(ByteLevel.alphabet()), *digits, *words]))


def build_tokenizer(language: Language) -> PreTrainedTokenizerFast:
    """The tokenizer of a language, with its chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = vocabulary(language)
    model = models.WordPiece(
        vocab={token: i for i, token in enumerate(tokens)},
        unk_token=PAD,
        continuing_subword_prefix="",
        max_input_chars_per_word=100_000,
    )
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=list(SPECIAL[2:]),
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
