"""Our engine as a trainer's generator: TRL's own tokens, from the weights of the moment, and what is mixed in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rl_lab import long_words, part, prompts, trainer

from veracity.core.requests import Sampling
from veracity.training.generation import turns, under_system
from veracity.training.grpo import GRPO
from veracity.training.rl_settings import GrpoSettings, OtherPrompt
from veracity.training.settings import LoraSettings

PARTS = [part("length", long_words)]
SMALL: dict[str, Any] = {"batch_size": 16, "group_size": 4, "max_completion_length": 12, "beta": 0.0}


def made(tmp: Path, **more: Any) -> Any:
    found = trainer(GRPO, GrpoSettings(**{**SMALL, **more}), tmp, PARTS)
    found.model.train()
    return found


def drawn(found: Any, n: int = 4) -> tuple[list[list[int]], list[list[int]]]:
    """Prompt ids that the loss sees, and completions, of the first n prompts."""
    conversations = [turns(p.messages) for p in prompts()[:n] for _ in range(4)]
    ids, images, fields = found._tokenize_prompts(conversations)
    completions, logprobs = found._generate_single_turn(ids, images, fields, 4)
    assert logprobs is None
    return ids, completions


def test_the_likeliest_tokens_are_those_of_trls_own_generation(tmp_path: Path) -> None:
    """top_k = 1 leaves one token a step, so both must give the same ids, end mark included, whatever the prompt."""
    ours, theirs = made(tmp_path, top_k=1), made(tmp_path, top_k=1, generator="transformers")
    assert drawn(ours, 8) == drawn(theirs, 8)


def test_completions_come_from_the_weights_of_the_moment(tmp_path: Path) -> None:
    found = made(tmp_path)
    first = drawn(found)[1]
    assert drawn(found)[1] == first  # named by seed and step: the same again, whatever PyTorch's generator did
    with torch.no_grad():
        found.model.get_input_embeddings().weight.mul_(-1)
    assert drawn(found)[1] != first
    found.state.global_step = 1
    assert drawn(made(tmp_path))[1] == first
    assert found.model.training


def test_frequencies_are_the_models_probabilities(tmp_path: Path) -> None:
    """4,000 first tokens after one prompt at temperature 1.3 against the softmax of the logits over 1.3."""
    found = made(tmp_path, temperature=1.3)
    ids = found._tokenize_prompts([turns(prompts()[0].messages)])[0][0]
    first = [c[0] for c in found.engine.continued([ids] * 4000, range(4000), Sampling(temperature=1.3, max_tokens=1))]
    with torch.no_grad():
        expected = torch.softmax(found.model(torch.tensor([ids])).logits[0, -1] / 1.3, -1)
    seen = torch.bincount(torch.tensor(first), minlength=len(expected)) / 4000
    assert float((seen - expected).abs().max()) < 4 * (0.25 / 4000) ** 0.5


def test_adapters_are_part_of_the_weights(tmp_path: Path) -> None:
    found = made(tmp_path, lora=LoraSettings(rank=4, dropout=0.0))
    first = drawn(found)[1]
    for name, parameter in found.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter.data, std=0.5)
    assert drawn(found)[1] != first


@pytest.mark.parametrize("generator", ["local", "transformers"])
def test_injected_responses_take_the_last_places_of_each_group(tmp_path: Path, generator: str) -> None:
    found = made(tmp_path, injected=("unknown",), generator=generator)
    ids = [*found._tokenizer("unknown", add_special_tokens=False)["input_ids"], found._tokenizer.eos_token_id]
    completions = drawn(found)[1]
    assert [c == ids for c in completions][3::4] == [True] * 4
    assert completions[:3] != [ids] * 3


@pytest.mark.parametrize("learn_under", ["own", "sampled"])
def test_a_share_of_each_group_is_drawn_under_the_other_prompt(tmp_path: Path, learn_under: Any) -> None:
    """Half of four: places 2 and 3. Which prompt the loss sees is the option's."""
    found = made(tmp_path, other_prompt=OtherPrompt(system="Be careful.", share=0.5, learn_under=learn_under))
    seen, _ = drawn(found)
    own = [turns(p.messages) for p in prompts()[:4]]
    plain = [found._tokenizer.apply_chat_template(c, add_generation_prompt=True)["input_ids"] for c in own]
    other = [
        found._tokenizer.apply_chat_template(under_system(c, "Be careful."), add_generation_prompt=True)["input_ids"]
        for c in own
    ]
    mixed = [ids for pair in zip(plain, other, strict=True) for ids in (pair[0], pair[0], pair[1], pair[1])]
    assert found._drawn_after == mixed
    assert seen == (mixed if learn_under == "sampled" else [ids for ids in plain for _ in range(4)])


def test_another_system_prompt_takes_the_place_of_the_first() -> None:
    asked = [{"role": "user", "content": "q"}]
    assert under_system([{"role": "system", "content": "a"}, *asked], "b") == under_system(asked, "b")
