"""SimpleFact's reward by group: facts where somebody is right, caution where nobody is.

Outcomes of a group of n answers to one question are correct (C), process-correct (P), abstained (A) or wrong (W):

    any C:   1 for C, ½ for P, 0 for A and W
    no C:    1 for A, 0 for P and W

`both` is this table; `fact` is its first line alone (0 for all where nobody is right), `caution` its second (0 for all
where anybody is). Training first by `fact` and then by `caution` is a schedule: `veracity.rewards.schedule`.

The table and the four settings come from the project's own notes; nothing is published. That P is never "somebody is
right", that P is what `core.judged.Outcome` says, and the zeros of `fact` and `caution` are reconstructions. `wrong` is
a remedy of our own: a term that does not depend on the group (−0.1, say), added for every wrong answer: guessing then
costs something where somebody is right. A group in which all are wrong stays without a signal for trainers that compare
within the group, whatever the term.
"""

from __future__ import annotations

from typing import Literal

from veracity.core.judged import Group, Outcome
from veracity.rewards.base import reward

Mode = Literal["fact", "caution", "both"]


@reward("simplefact", "outcome")
def simplefact(group: Group, *, mode: Mode = "both", process: float = 0.5, wrong: float = 0.0) -> list[float | None]:
    """Rewards by the table above; `process` is what P earns in its first line.

    Where a grade failed it is open which line holds, unless somebody is known to be right. Then an answer has a reward
    only if both lines give it the same, and every other one None.
    """
    outcomes = [response.outcome for response in group.responses]
    branches = (True,) if "correct" in outcomes else (False, True) if None in outcomes else (False,)
    tables = [_table(mode, known, process, wrong) for known in branches]
    return [None if o is None else _agreed([table[o] for table in tables]) for o in outcomes]


def _table(mode: Mode, somebody_is_right: bool, process: float, wrong: float) -> dict[Outcome, float]:
    """What each outcome earns."""
    worth: dict[Outcome, float] = {"correct": 0.0, "process_correct": 0.0, "abstained": 0.0, "incorrect": wrong}
    if somebody_is_right and mode != "caution":
        worth |= {"correct": 1.0, "process_correct": process}
    if not somebody_is_right and mode != "fact":
        worth["abstained"] = 1.0
    return worth


def _agreed(values: list[float]) -> float | None:
    return values[0] if len(set(values)) == 1 else None
