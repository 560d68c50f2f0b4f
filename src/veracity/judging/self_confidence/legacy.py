"""Which answers are equal in the published code of FactTune: by their ends, and depending on their order.

Reproduced to compare with published numbers; the equality that Veracity uses is `judging.confidence.keys`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ARTICLE = re.compile(r"^(?:an?|the)\s+")
_OUTER = " \t\n.,;:!?\"'`()[]{}-"


def legacy_bins(answers: Sequence[str]) -> list[list[str]]:
    """Greedy binning as published: an answer joins the first bin whose first member it equals by `legacy_equal`.

    That relation is not transitive, so bins depend on the order: [1985, 5, 1975, 75] has two, [5, 1985, 1975, 75] one.
    """
    bins: list[list[str]] = []
    for answer in answers:
        for members in bins:
            if legacy_equal(members[0], answer):
                members.append(answer)
                break
        else:
            bins.append([answer])
    return bins


def legacy_equal(first: str, second: str) -> bool:
    """Published equality: the same text, the same words, a plural s, or one that ends with the other.

    An end need not begin at a word and may follow a negation or a comma (`1985` is `5`, `German` is `man`, `not 1961`
    is `1961`, `Lyon, Paris` is `Paris`), and every text ends with the empty one.
    """
    a, b = legacy_normalise(first), legacy_normalise(second)
    same_words = set(a.split()) == set(b.split())
    return same_words or a.endswith(b) or b.endswith(a) or a == f"{b}s" or b == f"{a}s"


def legacy_normalise(answer: str) -> str:
    """Published normalisation: lower case, no articles, quotes, commas or hyphens; yes or no cuts off what follows.

    Periods inside become blanks, so that `U.S.A` is not `USA`.
    """
    text = _ARTICLE.sub("", answer.lower().strip(_OUTER))
    text = re.sub(r"\s+and$", "", text)
    if said := re.match(r"(yes|no)[,! ]", text):
        return said[1]
    text = re.sub(r"[,\"'`“”‘’-]", "", text)
    text = re.sub(r"[.?!]", " ", text)
    return " ".join(word for word in text.split() if word not in ("a", "an", "the"))
