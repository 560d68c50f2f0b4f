"""`evidence`: which of two urns was chosen, given draws in plain words; every probability is known exactly.

The prior, the balls and the draws are stated, and drawn from the distributions that they state. So over many problems a
reader who applies Bayes' rule is calibrated, and its changes of belief are a martingale, by construction: what measures
truth-seeking can be measured on it. Simulated agents read these problems as every other reader does.

Details: `true_probability` (of the first option, given all that is stated), `prior_probability`, `draws`.
"""

from __future__ import annotations

from collections.abc import Iterator

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.provenance import GENERATED, stated
from veracity.models.simulated.urns import urn_problems

stated("evidence", sample=GENERATED)


@domain("evidence")
def evidence(*, n: int = 4000, draws: int = 4, seed: int = 0) -> Iterator[Problem]:
    """Which of two urns was chosen, given draws; `n` problems of `draws` draws, every probability known exactly."""
    if n < 1 or draws < 0:
        raise ConfigError(f"evidence needs n of at least 1 and draws of at least 0, not n={n}, draws={draws}")
    for problem in urn_problems(n, draws=draws, seed=seed):
        yield Problem(
            id=problem.id,
            domain="evidence",
            question=problem.text(),
            options=problem.names,
            correct=problem.truth,
            cluster=problem.id,
            source=f"urns of the seed {seed}, not comparable to published numbers",
            meta=(
                ("true_probability", problem.posterior()[0]),
                ("prior_probability", problem.prior),
                ("draws", draws),
            ),
        )
