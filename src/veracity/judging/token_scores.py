"""A text's tokens with their log-probabilities with and without a context: what a difference of sums is made of.

Paradigms that score a text twice keep this beside the sums, so that a score can be read off the text. It is made of
replies that were asked for anyway.
"""

from __future__ import annotations

from dataclasses import dataclass

from veracity.core.requests import Scored


@dataclass(frozen=True, slots=True)
class TokenScores:
    """Tokens in their order, each with two natural-log probabilities."""

    tokens: tuple[str, ...]
    given: tuple[float, ...]
    """With the context."""
    base: tuple[float, ...]
    """Without it."""

    @classmethod
    def of(cls, given: Scored, base: Scored) -> TokenScores | None:
        """From two replies about one text; None where the text was cut into other tokens after the other prompt.

        That happens at its very beginning, where a token may hold characters of the prompt too; then no token stands
        against another, while the sums stay what they are.
        """
        if given.tokens != base.tokens:
            return None
        return cls(given.tokens, given.logprobs, base.logprobs)
