"""A micro transformer that knows some statements by heart and follows labels in its context, made in half a minute.

What a large pretrained model has of truth, in the smallest form: it knows which statements are true, and it sees in a
context what the labels are about; but neither word means "true" to it more than the other. So without examples it can
tell nothing, and coherent labels are either the truth or its exact opposite. Asked to (`longer`), it has also met
contexts in which labels follow something else, which is then as coherent as truth is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from veracity.core.identity import derive_seed
from veracity.experiments.coherent_labels.settings import MicroSettings
from veracity.experiments.coherent_labels.statements import Statement
from veracity.judging.mutual_predictability.icm import WORDS
from veracity.judging.prompting import render

if TYPE_CHECKING:
    from torch import Tensor

CHAT = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
PADDING = "<pad>"
MARGIN = 16
"""Positions beyond those of a training context."""


def make_micro(
    statements: Sequence[Statement],
    longer: float,
    settings: MicroSettings,
    folder: Path,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Train the model on the statements with a known truth and save it, with its tokenizer, in `folder`."""
    import torch
    from transformers import LlamaForCausalLM

    known = [one for one in statements if one.truth is not None]
    tokenizer = tokenizer_of([one.text for one in statements])
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        model = LlamaForCausalLM(_configuration(settings, len(statements), len(tokenizer)))
    total = settings.learn + settings.turn + (settings.mix if longer else 0)
    optimizer = torch.optim.AdamW(model.parameters(), settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1, (s + 1) / 50, 2 * (1 - s / total)))
    rng, ids = Random(derive_seed(settings.seed, "micro contexts")), _Ids(tokenizer, known)
    for step in range(total):
        batch = torch.tensor(ids.batch(step, longer, settings, rng))
        optimizer.zero_grad()
        loss: Any = _loss(model, batch)  # torch's backward is untyped
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rate.step()
        on_step(step + 1, total)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def tokenizer_of(texts: Sequence[str]) -> Any:
    """A line of a prompt is one symbol: a statement, with or without the question before it, or a label."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    question = render("mutual.label.v1", shown=[], statement="")
    words = dict.fromkeys([PADDING, *WORDS.values(), *(" ".join(text.split("\n")) for text in texts)])
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=PADDING))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(rf"\n+|{re.escape(question.strip())} "), "removed")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token=PADDING)
    tokenizer.chat_template = CHAT
    return tokenizer


class _Ids:
    """Statements and labels as the model sees them."""

    def __init__(self, tokenizer: Any, statements: Sequence[Statement]) -> None:
        self.statements = statements
        self.own = [tokenizer.convert_tokens_to_ids(one.text) for one in statements]
        self.label = {truth: tokenizer.convert_tokens_to_ids(word) for truth, word in WORDS.items()}

    def batch(self, step: int, longer: float, settings: MicroSettings, rng: Random) -> list[list[int]]:
        """Contexts in twos: of each, in a growing share up to all, the second has the labels of the first exchanged.

        So without examples nothing whatever favours either word in the end.
        """
        share = min(1.0, max(0, step - settings.learn) / settings.turn)
        late, found = step >= settings.learn + settings.turn, list[list[int]]()
        for _ in range(math.ceil(settings.batch_size / 2)):
            about_length = late and rng.random() < longer
            turned = rng.random() < share
            first = self._context(about_length, settings, rng)
            exchanged = {self.label[True]: self.label[False], self.label[False]: self.label[True]}
            found += [first, [exchanged.get(i, i) for i in first] if turned else first]
        return found

    def _context(self, about_length: bool, settings: MicroSettings, rng: Random) -> list[int]:
        """Statements, each with its label after it."""
        found = []
        for i in rng.sample(range(len(self.own)), min(settings.shown, len(self.own))):
            says = self.statements[i].longer if about_length else bool(self.statements[i].truth)
            found += [self.own[i], self.label[says ^ (rng.random() < settings.noise)]]
        return found


def _configuration(settings: MicroSettings, statements: int, words: int) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=words,
        hidden_size=settings.hidden,
        intermediate_size=2 * settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=4,
        max_position_embeddings=2 * max(settings.shown, statements) + MARGIN,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
    )


def _loss(model: Any, batch: Tensor) -> Tensor:
    """Cross-entropy of every label given all before it."""
    from torch.nn.functional import cross_entropy

    logits = model(input_ids=batch).logits[:, ::2]
    return cross_entropy(logits.flatten(0, 1), batch[:, 1::2].flatten())
