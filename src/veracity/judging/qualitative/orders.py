"""In which orders a judge sees its examples."""

from __future__ import annotations

from itertools import permutations

from veracity.core.errors import ConfigError
from veracity.judging.qualitative.base import MOST_PERMUTED, FewShot, QualitativeSettings, VerdictQuery


def orders(examples: int, strategy: FewShot) -> tuple[tuple[int, ...], ...]:
    """The orders of `examples` examples; one empty order where none are shown.

    Raises:
        ConfigError: examples are wanted and there are none, or there are too many for every order of them.
    """
    if strategy == "disabled":
        return ((),)
    if examples == 0:
        raise ConfigError(f"few_shot={strategy} needs examples; give some, or set few_shot=disabled")
    given = tuple(range(examples))
    if strategy == "static":
        return (given,)
    if strategy == "latin_square":
        return tuple(given[shift:] + given[:shift] for shift in given)
    if examples > MOST_PERMUTED:
        raise ConfigError(
            f"every order of {examples} examples is too many verdicts (at most {MOST_PERMUTED} examples); "
            "set few_shot=latin_square, which balances places as well"
        )
    return tuple(permutations(given))


def verdict_queries(examples: int, settings: QualitativeSettings) -> tuple[VerdictQuery, ...]:
    """All verdicts that one trajectory gets: every order, in every round."""
    shown = orders(examples, settings.few_shot)
    return tuple(VerdictQuery(order, number) for number in range(settings.rounds) for order in shown)
