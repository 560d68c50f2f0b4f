r"""Brier reward of a stated belief: −((1 − correct_option) − x)², where the answer ends with \finalBeliefProb{x}.

x is the probability of the first of two options. The last mark counts; `70%` is 0.7. A number outside [0, 1] is
refused, as is an answer without a mark or a problem without a known truth: there is no reward then, not a low or a high
one.
"""

import re

MARK = re.compile(r"\\finalBeliefProb\{([^{}]*)\}")
NUMBER = re.compile(r"\s*\$?\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(\\?%|per ?cent)?\s*\$?\s*", re.IGNORECASE)


class OutOfRangeError(ValueError):
    """The number is no probability."""


class NoTruthError(ValueError):
    """It is not known which option is right."""


def belief(text: str) -> float:
    """The probability in the last mark; ValueError where there is none, OutOfRangeError where it is not in [0, 1]."""
    marks = MARK.findall(text)
    if not marks:
        raise ValueError("the answer holds no \\finalBeliefProb{…}")
    signed = re.fullmatch(r"\s*[+-](.*)", marks[-1], re.DOTALL)
    found = NUMBER.fullmatch(signed[1] if signed else marks[-1])
    if found is None:
        raise ValueError(f"{marks[-1][:40]!r} is no number")
    value = float(found[1]) / (100 if found[2] else 1) * (-1 if marks[-1].lstrip().startswith("-") else 1)
    if not 0 <= value <= 1:
        raise OutOfRangeError(f"{marks[-1][:40]!r} is not within 0 and 1")
    return abs(value)


def reward(probability: float, correct_option: object) -> float:
    """In [−1, 0]; NoTruthError unless the right option is the first (0) or the second (1)."""
    if isinstance(correct_option, bool) or correct_option not in (0, 1):
        raise NoTruthError("the problem does not say which of two options is right")
    truth = 1 if correct_option == 0 else 0
    return -((truth - probability) ** 2) + 0.0


def grade(sample: dict, item: dict) -> float:  # type: ignore[type-arg]
    """What OpenAI's Python graders are called as."""
    return reward(belief(sample["output_text"]), item.get("correct_option"))
