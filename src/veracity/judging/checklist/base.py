"""What every program shares that checks a response against a checklist: its signature and settings.

A checklist verifier says of each item whether the response is consistent with it, contradicts it, or leaves it out
(KLCF, Li et al., 2025, arXiv 2509.23765, which publishes the three labels and trains a model of its own for them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from veracity.core.judged import Coverage
from veracity.core.registry import Registry
from veracity.core.requests import Program
from veracity.judging.prompting import prompt_hashes

Covering = tuple[Coverage | None, ...]
"""One label an item, in the items' order; None where the judge failed."""


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """How checklist verifiers ask and decide; the same for every response of a run."""

    role: str = "verifier"
    threshold: float = 0.5
    """Least probability of entailment or contradiction; below both, an item is missing."""
    window: int = 3
    """Sentences of the response that an entailment model sees at once."""
    max_tokens: int = 16
    """Of the reply in words, for each item."""


ChecklistVerifier = Callable[[Sequence[str], str, CheckSettings], Program[Covering]]
"""(items, response, settings) → program. No items: an empty result, and nobody is asked."""

CHECKLIST_VERIFIERS: Registry[ChecklistVerifier] = Registry("checklist verifiers", "veracity.judging.checklist")
_PROMPTS: dict[str, tuple[str, ...]] = {}


def all_missing(items: Sequence[str]) -> Covering:
    """What an empty response says of any list."""
    return tuple("missing" for _ in items)


def checklist_verifier(name: str, *prompts: str) -> Callable[[ChecklistVerifier], ChecklistVerifier]:
    """Decorator: register a checklist verifier under `name`, with the ids of the prompts that it uses."""
    _PROMPTS[name] = prompts
    return CHECKLIST_VERIFIERS.register(name)


def checklist_verifier_prompts(name: str) -> dict[str, str]:
    """Id → hash of the prompts of the verifier called `name`, for a result's record. ConfigError if there is none."""
    CHECKLIST_VERIFIERS.get(name)
    hashes = prompt_hashes()
    return {prompt: hashes[prompt] for prompt in _PROMPTS.get(name, ())}
