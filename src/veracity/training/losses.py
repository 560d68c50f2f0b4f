"""How surprised a model is by sentences, and by the taught value inside them.

`sentence` is the paper's loss: cross-entropy over all tokens of the rendered training sentences. The original
averages the means of batches of eight, which gives the tokens of short batches more weight; here every token
counts the same. `answer` covers the tokens of the value alone (Davidson et al., 2026, arXiv 2605.27564, have none).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from veracity.core.errors import NonFiniteError
from veracity.training.examples import Example

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class MeanLosses:
    """Natural-log loss a token, averaged over tokens."""

    sentence: float
    answer: float
    """NaN when no token is marked as part of an answer."""
    sentence_tokens: int
    answer_tokens: int


def mean_losses(model: Any, examples: Sequence[Example], *, batch_tokens: int = 8192) -> MeanLosses:
    """Losses of `model` on `examples`; the first token of a row has no prediction and counts nowhere.

    Raises NonFiniteError when the model gives NaN or infinity.
    """
    import torch

    sums, counts = [0.0, 0.0], [0, 0]
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for batch in _batches(sorted(examples, key=lambda e: len(e.input_ids)), batch_tokens):
            losses, in_answer = _token_losses(model, batch)
            for i, counted in enumerate((losses, losses[in_answer])):
                sums[i] += float(counted.double().sum())
                counts[i] += len(counted)
    model.train(was_training)
    if not all(map(math.isfinite, sums)):
        raise NonFiniteError("the model's loss on the training sentences is not finite; lower the learning rate")
    sentence, answer = (total / count if count else math.nan for total, count in zip(sums, counts, strict=True))
    return MeanLosses(sentence, answer, counts[0], counts[1])


def _batches(examples: Sequence[Example], tokens: int) -> list[list[Example]]:
    """Rows of similar length, up to `tokens` tokens with padding each."""
    batches: list[list[Example]] = [[]]
    for example in examples:
        if batches[-1] and (len(batches[-1]) + 1) * len(example.input_ids) > tokens:
            batches.append([])
        batches[-1].append(example)
    return [batch for batch in batches if batch]


def _token_losses(model: Any, batch: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss of each predicted token of all rows, and whether the token belongs to an answer: two [tokens]."""
    import torch
    from torch.nn.functional import cross_entropy

    longest, device = max(len(e.input_ids) for e in batch), next(model.parameters()).device
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    real, answer = torch.zeros_like(ids, dtype=torch.bool), torch.zeros_like(ids, dtype=torch.bool)
    for row, example in enumerate(batch):
        n = len(example.input_ids)
        ids[row, :n] = torch.tensor(example.input_ids)
        real[row, :n] = True
        answer[row, :n] = torch.tensor(example.answer)
    ids, real, answer = ids.to(device), real.to(device), answer.to(device)
    logits = model(input_ids=ids, attention_mask=real.long(), use_cache=False).logits  # [rows, length, vocabulary]
    predicted = real[:, 1:]
    return cross_entropy(logits[:, :-1][predicted].float(), ids[:, 1:][predicted], reduction="none"), answer[:, 1:][
        predicted
    ]
