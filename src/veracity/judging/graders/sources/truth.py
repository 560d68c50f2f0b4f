"""The truth as a number: 1 where the first of two options is right, 0 where the second is."""


def grade(sample: dict, item: dict) -> float:  # type: ignore[type-arg]
    """What OpenAI's Python graders are called as."""
    correct = item.get("correct_option")
    if isinstance(correct, bool) or correct not in (0, 1):
        raise ValueError("the problem does not say which of two options is right")
    return float(1 - correct)
