"""How a trainer of TRL draws completions: by our engine from the weights in training, and what is mixed into a group.

TRL asks its trainer to turn prompts into token ids (`_tokenize_prompts`) and those into completions
(`_generate_single_turn`); these two are overridden here and nothing else, so the loss, the reference, and the
log-probabilities it needs (computed from the same weights) stay TRL's own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from veracity.core.errors import ConfigError, ContextLengthError
from veracity.core.identity import derive_seed
from veracity.core.requests import Message, Sampling
from veracity.training.records import Prompt
from veracity.training.rl_settings import RlSettings

Turns = list[dict[str, str]]


def turns(messages: Sequence[Message]) -> Turns:
    """A conversation in the words of chat templates."""
    return [{"role": m.role, "content": m.content} for m in messages]


def under_system(conversation: Turns, system: str) -> Turns:
    """The same conversation under another system prompt."""
    rest = conversation[1:] if conversation and conversation[0]["role"] == "system" else conversation
    return [{"role": "system", "content": system}, *rest]


def check_lengths(prompts: Sequence[Prompt], tokenizer: Any, settings: RlSettings, context: int | None) -> int:
    """The longest prompt in tokens, under whichever system prompt it is asked.

    Raises:
        ConfigError: the tokenizer has no chat template, or an injected response is longer than completions may be.
        ContextLengthError: a prompt and its completion do not fit into the model's context.
    """
    if not tokenizer.chat_template:
        raise ConfigError("the start model's tokenizer has no chat template, which prompts need; give it one")
    for text, ids in zip(settings.injected, injected_ids(tokenizer, settings), strict=True):
        if len(ids) > settings.max_completion_length:
            raise ConfigError(
                f"the injected response {text[:40]!r} has {len(ids)} tokens, max_completion_length is "
                f"{settings.max_completion_length}; shorten the one or raise the other"
            )
    asked = [turns(prompt.messages) for prompt in prompts]
    other = settings.other_prompt
    both = [asked, [under_system(one, other.system) for one in asked]] if other else [asked]
    lengths = [
        max(map(len, found))
        for found in zip(*(prompt_ids(tokenizer, conversations) for conversations in both), strict=True)
    ]
    longest = max(lengths)
    if context is not None and longest + settings.max_completion_length > context:
        raise ContextLengthError(
            f"the prompt of {prompts[lengths.index(longest)].item!r} has {longest} tokens; with "
            f"max_completion_length={settings.max_completion_length} that is more than the model's context, {context}; "
            "shorten the one or lower the other (nothing is cut silently)"
        )
    return longest


def injected_ids(tokenizer: Any, settings: RlSettings) -> list[list[int]]:
    """Token ids of the injected responses, end mark included."""
    return [
        [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id] for text in settings.injected
    ]


def sampling_of(settings: RlSettings) -> Sampling:
    """How completions are drawn."""
    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        max_tokens=settings.max_completion_length,
    )


def with_generation(trainer_class: Any, settings: RlSettings, seed: int, *, logprobs: bool) -> Any:
    """`trainer_class` (TRL's for GRPO or RLOO) with completions drawn as `settings` say.

    `logprobs`: whether its own method gives log-probabilities of the sampler beside token ids (None unless vLLM draws).
    With our engine the noise of a completion is named by (seed, step, process, row) alone and takes nothing from
    PyTorch's generator. Injected responses and those under another prompt take the last places of each group.
    """
    injected_rows, other_rows = len(settings.injected), settings.others

    class Generating(trainer_class):  # type: ignore[misc]
        def _tokenize_prompts(self, prompts: list[Turns]) -> Any:
            ids, images, fields = super()._tokenize_prompts(prompts)
            self._drawn_after = list(ids)
            if settings.other_prompt is not None:
                first = settings.group_size - injected_rows - other_rows
                places = [r for r in range(len(prompts)) if 0 <= r % settings.group_size - first < other_rows]
                system = settings.other_prompt.system
                others, _, _ = super()._tokenize_prompts([under_system(prompts[r], system) for r in places])
                for row, other in zip(places, others, strict=True):
                    self._drawn_after[row] = other
                if settings.other_prompt.learn_under == "sampled":
                    ids = self._drawn_after
            return ids, images, fields

        def _generate_single_turn(self, prompt_ids: list[list[int]], *args: Any, **how: Any) -> Any:
            began = time.perf_counter()
            if settings.generator == "local":
                found = self._drawn_locally(self._drawn_after), None
            else:
                theirs = super()._generate_single_turn(self._drawn_after, *args, **how)
                found = theirs if logprobs else (theirs, None)
            completions = found[0]
            for place, ids in enumerate(injected_ids(self._tokenizer, settings), settings.group_size - injected_rows):
                completions[place :: settings.group_size] = [ids] * len(completions[place :: settings.group_size])
            self._metrics["train"]["seconds/generation"].append(time.perf_counter() - began)
            return found if logprobs else completions

        def _drawn_locally(self, prompts: list[list[int]]) -> list[list[int]]:
            names = (f"{self.state.global_step}/{self.accelerator.process_index}/{row}" for row in range(len(prompts)))
            keys = [derive_seed(seed, "completions", name) for name in names]
            return [list(ids) for ids in self.engine.continued(prompts, keys, sampling_of(settings))]

        @property
        def engine(self) -> Any:
            """The model in training, as our engine sees it; made once."""
            if not hasattr(self, "_engine"):
                from veracity.models.local import LocalModel

                policy = self.accelerator.unwrap_model(self.model)
                self._engine = LocalModel.wrap(policy, self._tokenizer, name="the model in training")
            return self._engine

    Generating.__name__ = trainer_class.__name__
    return Generating


def prompt_ids(tokenizer: Any, conversations: Sequence[Turns]) -> list[list[int]]:
    """Token ids of conversations that an answer is to follow."""
    found: list[list[int]] = tokenizer.apply_chat_template(
        list(conversations), add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"]
    return found
