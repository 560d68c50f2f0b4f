"""Items in other words, written by a model: consistent examples for texts that no template can write.

A paraphrase that drops, adds or changes a number or date is thrown away: it would be called consistent and is not. What
else it changes is not checked, so the labels of such examples are only as good as the model.
"""

from __future__ import annotations

from collections.abc import Sequence

from veracity.core.requests import Generate, Program, Sampling, user
from veracity.judging.prompting import render
from veracity.judging.verifying.quantities import quantities
from veracity.judging.verifying.reading import numbered_lines

PROMPT = "checklist.paraphrase.v1"


def paraphrased(items: Sequence[str], *, role: str = "judge", max_tokens: int = 64) -> Program[dict[str, str]]:
    """Item → the same in other words, one request for all; items without a usable line are left out.

    Give `lambda item, rng: found.get(item, item)` to `check_examples`. `max_tokens` counts for each item.
    """
    if not items:
        return {}
    text = render(PROMPT, items=items)
    reply = yield Generate(role, user(text), sampling=Sampling(max_tokens=max_tokens * len(items)))
    if reply.samples[0].finish == "length":
        return {}
    lines = numbered_lines(reply.text, len(items)) or {}
    said = {item: lines[n][0] for n, item in enumerate(items, 1) if len(lines.get(n, [])) == 1}
    return {item: words for item, words in said.items() if words != item and quantities(words) == quantities(item)}
