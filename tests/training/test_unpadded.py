"""Log-probabilities without padding: the numbers and the gradients are TRL's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rl_lab import long_words, part, trainer

from veracity.training.grpo import GRPO
from veracity.training.rl_settings import GrpoSettings, RlooSettings
from veracity.training.rloo import RLOO
from veracity.training.unpadded import rows_of_like_length


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts of 3 to 9 tokens padded on the left, completions of 1 to 40 padded on the right, one of them masked."""
    generator = torch.Generator().manual_seed(0)
    ids, mask = torch.zeros(12, 49, dtype=torch.long), torch.zeros(12, 49, dtype=torch.long)
    for row in range(12):
        prompt, completion = 3 + row % 7, (1, 40, 2, 5, 17, 9)[row % 6]
        where = slice(9 - prompt, 9 + completion)
        ids[row, where] = torch.randint(5, 1800, (prompt + completion,), generator=generator)
        mask[row, where] = 1
    mask[3, 9:] = 0
    return ids, mask


@pytest.mark.parametrize(("kind", "settings"), [(GRPO, GrpoSettings), (RLOO, RlooSettings)])
def test_numbers_and_gradients_are_those_of_the_padded_batch(tmp_path: Path, kind: Any, settings: Any) -> None:
    how = settings(batch_size=16, group_size=4, max_completion_length=40, beta=0.0, temperature=0.8)
    made = trainer(kind, how, tmp_path, [part("length", long_words)])
    ids, mask = batch()
    found = []
    for method in (
        made._get_per_token_logps_and_entropies,
        lambda *a, **k: kind.load()[0]._get_per_token_logps_and_entropies(made, *a, **k),
    ):
        made.model.zero_grad()
        logps, entropies, aux = method(made.model, ids, mask, 40, compute_entropy=True)
        assert aux is None and logps.shape == (12, 40)
        real = mask[:, 9:].bool()
        (logps[real].mean() - 0.1 * entropies[real].mean()).backward()
        gradients = torch.cat([p.grad.flatten() for p in made.model.parameters() if p.grad is not None])
        found.append((logps[real].detach(), entropies[real].detach(), gradients))
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, atol=2e-5, rtol=1e-4)


def test_rows_of_like_length_by_hand() -> None:
    """1 reaches up to 9.25, 10 up to 20.5, 21 up to 34.25."""
    assert rows_of_like_length([21, 1, 9, 10, 34, 20, 35]) == [[1, 2], [3, 5], [0, 4], [6]]


@given(st.lists(st.integers(0, 500), max_size=40))
def test_every_row_is_in_one_group(lengths: list[int]) -> None:
    groups = rows_of_like_length(lengths)
    assert sorted(row for rows in groups for row in rows) == list(range(len(lengths)))
    assert all(lengths[rows[-1]] <= 1.25 * lengths[rows[0]] + 8 for rows in groups)
