"""The system prompts that truth-seeking is studied under: each there by its whole id, each its own text."""

import pytest

from veracity.core.errors import ConfigError
from veracity.models.system_prompts import system_prompt

NAMES = (
    "baseline", "confirmatory", "critical", "epistemic-humility", "bayesian-updating", "accuracy-reward",
    "truth-seeking", "adversarial-thinking", "truth-over-comfort", "evidence-focused", "critical-thinking",
    "scientific-mindset", "metacognitive", "long-brainstorming", "qualitative-rubrics",
)  # fmt: skip


def test_all_are_there_and_differ() -> None:
    found = [system_prompt(name) for name in NAMES]
    assert [prompt.id for prompt in found if prompt] == [f"{name}.v1" for name in NAMES]
    assert len({prompt.text for prompt in found if prompt}) == 15
    assert not any("{" in prompt.text for prompt in found if prompt)  # nothing was left to be filled in


def test_a_part_of_a_name_is_none() -> None:
    with pytest.raises(ConfigError, match="critical-thinking"):
        system_prompt("critical_thinking")
    with pytest.raises(ConfigError):
        system_prompt("critical-think")
