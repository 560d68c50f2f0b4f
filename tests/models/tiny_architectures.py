"""Tiny random models of four architectures, and tokenizers, made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    PhiConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

CHAT = (
    "{{ bos_token }}{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% if not loop.last or "
    "add_generation_prompt %}</s>{% endif %}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
CORPUS = [
    "Who discovered the comet? Mara Velin discovered the comet in 1931.",
    "The capital of Ostrava is Nelba. The river Tarn flows through Nelba.",
    "Question: where was Joren born? Answer: in the town of Halvik.",
    "A compound called zeltrine treats fever; nobody knows why it works.",
    "one two three four five six seven eight nine ten eleven twelve",
]
ARCHITECTURES = ("llama", "qwen3", "gemma3", "phi")


def byte_pair_tokenizer(corpus: Sequence[str] = CORPUS, size: int = 400, *, chat: bool = True) -> Any:
    """Byte-level BPE with a start mark that the tokenizer itself sets."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<s>", "</s>", "<system>", "<user>", "<assistant>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(corpus, trainer)
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = CHAT if chat else None
    return tokenizer


def merging_tokenizer() -> Any:
    """A vocabulary without pre-tokenisation, in which "ab" and "abc" are one token: it merges across any boundary."""
    vocabulary = {t: i for i, t in enumerate(["<s>", "</s>", "a", "b", "c", "d", " ", "ab", "cd", "abc"])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[("a", "b"), ("ab", "c"), ("c", "d")]))
    raw.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>")


def random_model(architecture: str, vocabulary: int, *, seed: int = 0, context: int = 256, window: int = 12) -> Any:
    """Two or three layers with large random weights, so that its distributions are far from flat."""
    common: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 4,
        "max_position_embeddings": context,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": None,
    }
    if architecture == "llama":
        config: Any = LlamaConfig(**common, num_hidden_layers=2, num_key_value_heads=2)
    elif architecture == "qwen3":
        config = Qwen3Config(**common, num_hidden_layers=2, num_key_value_heads=2, head_dim=16)
    elif architecture == "gemma3":
        layers = ["sliding_attention", "full_attention", "sliding_attention"]
        config = Gemma3TextConfig(
            **common,
            num_hidden_layers=3,
            num_key_value_heads=1,
            head_dim=16,
            sliding_window=window,
            layer_types=layers,
            final_logit_softcapping=20.0,
        )
    else:
        config = PhiConfig(**common, num_hidden_layers=2)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                parameter.normal_(0, 0.5 if "embed" in name else 0.25)
    return model
