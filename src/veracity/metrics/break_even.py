"""When does declining to answer pay? The break-even of a reward, and the tipping point of abstention under it.

Let a question be answered n times, each time attempted with probability 1 − α and then right with probability q: any
other sample is right with probability p = q(1 − α). A reward pays c for a right answer, w for a wrong one, and for
an abstention a₁ where no other sample of the group is right, a₀ where one is. Then abstaining instead of attempting
gains

    gain(q, α) = a₀ + (a₁ − a₀)(1 − p)^(n−1) − (q·c + (1 − q)·w)

*Break-even* is the q at which the gain is 0: less sure answers are trained away. For SimpleFact (c, w, a₁, a₀ = 1, 0,
1, 0) it falls as groups grow, .50 for n = 2 and .11 for n = 20 where nobody abstains yet. Above it there is a *tipping
point* α*: a policy that starts with more abstention than that, from a cautious system prompt say, is rewarded for
abstaining further, since fewer attempts make it rarer that somebody is right. TruthRL (arXiv 2509.25760; 1, −1, 0, 0)
has break-even ½ and KnowRL (arXiv 2506.19807; 2, −1, 1, 1) two thirds at any n and α.

The analysis is ours; published is that SimpleFact over-abstains. It looks at expected rewards of one question with
independent samples, and says which way training is pushed, not how fast nor what one question teaches of another.
Where all samples of a group earn the same, nothing is learned at all (`without_signal`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl
from scipy.optimize import brentq

from veracity.core.errors import DataError
from veracity.core.estimate import Estimate
from veracity.core.judged import Group, JudgedResponse, Outcome
from veracity.core.problem import Problem
from veracity.metrics.answer_rows import ANSWERS
from veracity.stats.proportion import clustered_proportion

Region = Literal["abstains", "depends", "attempts"]
"""Where training pushes a question: to abstention from any start, by where it starts, to attempts from any start."""


@dataclass(frozen=True, slots=True)
class Payoffs:
    """What a reward pays for each outcome."""

    correct: float
    wrong: float
    abstained_alone: float
    """An abstention in a group where nobody is right."""
    abstained_beside: float
    """An abstention in a group where somebody is right."""

    @classmethod
    def of(cls, reward: Callable[[Group], list[float | None]]) -> Payoffs:
        """Read off a reward by trying it on groups of one and two responses.

        Raises:
            ValueError: it gives none, or pays for a right or wrong answer by who else is in the group.
        """
        outcomes: tuple[Outcome, ...] = ("correct", "incorrect", "abstained")
        alone = {o: _paid(reward, o)[0] for o in outcomes}
        beside = {o: _paid(reward, "correct", o)[1] for o in outcomes}
        if alone["correct"] != beside["correct"] or alone["incorrect"] != beside["incorrect"]:
            raise ValueError("the reward of an attempt depends on its group; this analysis holds where it does not")
        return cls(alone["correct"], alone["incorrect"], alone["abstained"], beside["abstained"])


@dataclass(frozen=True, slots=True)
class Movement:
    """How one kind of question moved in training."""

    level: str
    right: Estimate
    """q at the start: share of right answers among attempts; no data where nothing was attempted."""
    before: Estimate
    """Abstention at the start."""
    after: Estimate


def gain_of_abstaining(q: float, abstention: float, n: int, payoffs: Payoffs) -> float:
    """Expected reward of abstaining minus that of attempting. ValueError for shares outside [0, 1] or n < 1."""
    if not (0 <= q <= 1 and 0 <= abstention <= 1 and n >= 1):
        raise ValueError(f"shares lie in [0, 1] and a group has one sample at least, not {q}, {abstention} and {n}")
    nobody_else = (1 - q * (1 - abstention)) ** (n - 1)
    declined = payoffs.abstained_beside + (payoffs.abstained_alone - payoffs.abstained_beside) * nobody_else
    return declined - (q * payoffs.correct + (1 - q) * payoffs.wrong)


def break_even(n: int, payoffs: Payoffs, abstention: float = 0.0) -> float:
    """The q above which attempting pays, in [0, 1]: 0 if it always does, 1 if it never does.

    Raises ValueError for a reward that pays no more for a right answer than for a wrong one, or more for abstaining
    where somebody is right: the gain then need not fall in q.
    """
    if payoffs.correct < payoffs.wrong or payoffs.abstained_alone < payoffs.abstained_beside:
        raise ValueError(f"{payoffs} does not reward being right, or rewards abstaining beside a right answer more")
    if gain_of_abstaining(0.0, abstention, n, payoffs) <= 0:
        return 0.0
    if gain_of_abstaining(1.0, abstention, n, payoffs) >= 0:
        return 1.0
    return float(brentq(lambda q: gain_of_abstaining(q, abstention, n, payoffs), 0.0, 1.0))


def tipping_point(q: float, n: int, payoffs: Payoffs) -> float:
    """α* in [0, 1]: abstaining pays who starts with more abstention than this; 0 if it always pays, 1 if it never does.

    Closed form: (1 − q(1 − α*))^(n−1) = (q·c + (1 − q)·w − a₀) / (a₁ − a₀).
    """
    if gain_of_abstaining(q, 0.0, n, payoffs) >= 0:
        return 0.0
    if gain_of_abstaining(q, 1.0, n, payoffs) <= 0:
        return 1.0
    attempted = q * payoffs.correct + (1 - q) * payoffs.wrong
    needed = (attempted - payoffs.abstained_beside) / (payoffs.abstained_alone - payoffs.abstained_beside)
    return 1 - (1 - float(needed ** (1 / (n - 1)))) / q


def region(q: float, n: int, payoffs: Payoffs) -> Region:
    """Where training pushes a question that is answered right with probability `q` when attempted."""
    tipping = tipping_point(q, n, payoffs)
    if 0 < tipping < 1:
        return "depends"
    return "abstains" if tipping == 0 else "attempts"


def without_signal(q: float, abstention: float, n: int) -> float:
    """Probability that all n samples are right, all are wrong or all abstain, so that nothing is learned."""
    attempted = 1 - abstention
    return math.fsum(share**n for share in (attempted * q, attempted * (1 - q), abstention))


def movements(rows: pl.DataFrame, start: str, trained: str, levels: Mapping[str, str]) -> tuple[Movement, ...]:
    """Abstention before and after training, by kind of question, over questions that both arms were graded on.

    Args:
        rows: an answers table.
        start: the arm of the policy that training started from.
        trained: the arm of the policy after it.
        levels: kind of each question by its id (its exposure, its data set); questions without one are left out.

    Raises:
        DataError: no question has a kind and graded answers in both arms.
    """
    graded = ANSWERS.check(rows).filter(pl.col("grade").is_not_null() & pl.col("item").is_in(list(levels)))
    arms = [graded.filter(pl.col("arm") == arm) for arm in (start, trained)]
    both = set(arms[0]["item"]) & set(arms[1]["item"])
    if not both:
        raise DataError(f"no question of a known kind was graded for both {start!r} and {trained!r}", path=ANSWERS.name)
    found = []
    for level in dict.fromkeys(levels.values()):
        items = [item for item in both if levels[item] == level]
        if items:
            before, after = (table.filter(pl.col("item").is_in(items)) for table in arms)
            attempted = before.filter(pl.col("grade") != "not_attempted")
            right = clustered_proportion((attempted["grade"] == "correct").to_numpy(), attempted["cluster"].to_list())
            found.append(Movement(level, right, _declined(before), _declined(after)))
    return tuple(found)


def as_predicted(movement: Movement, n: int, payoffs: Payoffs) -> bool | None:
    """Whether abstention moved the way that its start predicts; None where nothing was attempted, or nothing moved."""
    change = movement.after.value - movement.before.value
    if not movement.right.n or change == 0:
        return None
    return (gain_of_abstaining(movement.right.value, movement.before.value, n, payoffs) > 0) == (change > 0)


def _declined(rows: pl.DataFrame) -> Estimate:
    declined = (rows["grade"] == "not_attempted").to_numpy()
    return clustered_proportion(declined, rows["cluster"].to_list(), direction="neither")


def _paid(reward: Callable[[Group], list[float | None]], *outcomes: Outcome) -> list[float]:
    """What each response of a group with these outcomes is paid."""
    responses = tuple(JudgedResponse("", 1, abstained=o == "abstained", outcome=o) for o in outcomes)
    paid = reward(Group(Problem("tried", "none", "?", ("yes",)), responses))
    given = [value for value in paid if value is not None]
    if len(given) < len(outcomes):
        raise ValueError("the reward needs more than the outcome of a short answer; there is no break-even to speak of")
    return given
