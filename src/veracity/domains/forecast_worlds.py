"""Small worlds whose future can be computed: leagues by Elo ratings, dice, a queue at a counter.

Each question states all that decides it, so its true probability follows from the text: by enumerating every course of
the games that are left, by convolution, by the distribution after each minute. What happened is drawn from that. All
names are invented; a question depends on (seed, world, index) alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations, product
from math import prod
from random import Random

from veracity.core.identity import derive_seed
from veracity.world.language import pick, shuffled

FIRST_DAY = date(2031, 1, 6)
TOWNS = ("Arnholt", "Brevik", "Calder", "Dunmoor", "Eskby", "Farrow", "Glenmar", "Hollin", "Imber", "Jarrow Fen",
         "Kelstead", "Lorne", "Mardle", "Norwick", "Orrin", "Pelham Sands")  # fmt: skip
COUNTERS = ("harbour office", "post office", "ticket booth", "bakery", "ferry desk", "library desk", "pharmacy")
SIDES = (4, 6, 8, 10, 12)
CERTAIN = 0.02
"""Questions nearer to certainty than this are drawn anew."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A yes-or-no question about a small world."""

    title: str
    description: str
    asked: date
    closes: date
    probability: float
    """Of yes, given the description."""
    happened: bool
    item: str
    """What it shares with other questions: the league, the table, the counter."""


def elo(difference: float) -> float:
    """Expected score of the side that is rated `difference` points higher (Elo, 1978): 1 / (1 + 10^(−d/400))."""
    return float(1 / (1 + 10 ** (-difference / 400)))


def forecast(world: str, index: int, seed: int) -> Forecast:
    """Question `index` of a world."""
    return WORLDS[world](index, seed)


def league(index: int, seed: int) -> Forecast:
    """Four sides, half of whose games are played: who will be first, or ahead of whom? Two questions a league."""
    place, which = divmod(index, 2)
    rng = Random(derive_seed(seed, "forecast league", place))
    sides = shuffled(rng, TOWNS)[:4]
    rated = {side: 1400 + 10 * int(rng.random() * 41) for side in sides}
    games = list(combinations(sides, 2))
    chances = [elo(rated[a] - rated[b]) for a, b in games]
    wins = _wins(sides, games, [rng.random() < p for p in chances])
    final = _added(wins, _wins(sides, games, [rng.random() < p for p in chances]))
    pairs = shuffled(rng, [(a, b) for a, b in product(sides, sides) if a != b])
    courses = [
        (
            prod(p if won else 1 - p for p, won in zip(chances, course, strict=True)),
            _added(wins, _wins(sides, games, course)),
        )
        for course in product((True, False), repeat=len(games))
    ]
    likely = {pair: sum(weight for weight, table in courses if _ahead(table, *pair, which)) for pair in pairs}
    side, rival = next((pair for pair in pairs if CERTAIN < likely[pair] < 1 - CERTAIN), pairs[0])
    title = (
        f"Will {side} end the season with at least as many wins as every other side?"
        if which == 0
        else f"Will {side} end the season with more wins than {rival}?"
    )
    asked, closes = _days(place, 21)
    lines = [f"{s}: rated {rated[s]}, {wins[s]} wins so far" for s in sides]
    description = (
        "Four sides play a league in which each meets each other twice. The first round is over; in the second, each "
        "meets each other once more. A game has no draw. A side that is rated d points above its opponent wins in "
        "1 / (1 + 10^(-d/400)) of such games, whatever happened before.\n" + "\n".join(lines)
    )
    happened = _ahead(final, side, rival, which)
    return Forecast(title, description, asked, closes, likely[side, rival], happened, f"league {seed}/{place}")


def dice(index: int, seed: int) -> Forecast:
    """Fair dice, some of them rolled already: will they show at least so much together?"""
    rng = Random(derive_seed(seed, "forecast dice", index))
    sides = [pick(rng, SIDES) for _ in range(2 + int(rng.random() * 4))]
    shown = [1 + int(rng.random() * sides[0])] if rng.random() < 0.5 else []
    left = sides[len(shown) :]
    totals = {sum(shown): 1.0}
    for side in left:
        grown: dict[int, float] = {}
        for total, p in totals.items():
            for face in range(1, side + 1):
                grown[total + face] = grown.get(total + face, 0.0) + p / side
        totals = grown
    least = {t: sum(p for total, p in totals.items() if total >= t) for t in totals}
    target = pick(rng, sorted(t for t, p in least.items() if CERTAIN < p < 1 - CERTAIN))
    rolled = sum(shown) + sum(1 + int(rng.random() * side) for side in left)
    town = pick(rng, TOWNS)
    asked, closes = _days(index, 1)
    told = f" The first of them was rolled already and shows {shown[0]}." if shown else ""
    description = (
        f"At the games night of {town}, fair dice with {_listed([str(s) for s in sides])} sides are rolled, one of "
        f"each, numbered from 1.{told} The others are rolled at the end."
    )
    title = f"Will all {len(sides)} dice together show at least {target}?"
    return Forecast(title, description, asked, closes, least[target], rolled >= target, f"dice {seed}/{index}")


def queue(index: int, seed: int) -> Forecast:
    """A counter where people arrive and are served by the minute: how many stand there at the end?"""
    rng = Random(derive_seed(seed, "forecast queue", index))
    start, minutes = int(rng.random() * 6), 5 + int(rng.random() * 16)
    arrive, serve = (5 * (3 + int(rng.random() * 12)) for _ in range(2))
    now = _after(start, minutes, arrive / 100, serve / 100)
    least = [sum(now[k:]) for k in range(len(now))]
    possible = [k for k, p in enumerate(least) if CERTAIN < p < 1 - CERTAIN]
    if not possible:
        return queue(index + 1_000_003, seed)
    target = pick(rng, possible)
    waiting = start
    for _ in range(minutes):
        waiting += rng.random() < arrive / 100
        waiting -= waiting > 0 and rng.random() < serve / 100
    counter, town = pick(rng, COUNTERS), pick(rng, TOWNS)
    asked, closes = _days(index, 1)
    description = (
        f"At the {counter} of {town}, {start} people stand in the queue. In each minute, first one more joins it in "
        f"{arrive} % of cases; then, if anybody stands there, one is served and leaves in {serve} % of cases. Minutes "
        f"do not depend on each other."
    )
    title = f"Will at least {target} people stand in the queue after {minutes} minutes?"
    return Forecast(title, description, asked, closes, least[target], waiting >= target, f"queue {seed}/{index}")


WORLDS: Mapping[str, Callable[[int, int], Forecast]] = {"league": league, "dice": dice, "queue": queue}


def forecasts(worlds: Sequence[str], n: int, seed: int) -> Iterator[tuple[str, int, Forecast]]:
    """(world, index, question) of `n` questions, of each world in turn."""
    for i in range(n):
        index, which = divmod(i, len(worlds))
        yield worlds[which], index, forecast(worlds[which], index, seed)


def _wins(sides: Sequence[str], games: Sequence[tuple[str, str]], first_won: Sequence[bool]) -> dict[str, int]:
    table = dict.fromkeys(sides, 0)
    for (a, b), won in zip(games, first_won, strict=True):
        table[a if won else b] += 1
    return table


def _ahead(table: Mapping[str, int], side: str, rival: str, which: int) -> bool:
    return table[side] == max(table.values()) if which == 0 else table[side] > table[rival]


def _added(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {side: left[side] + right[side] for side in left}


def _after(start: int, minutes: int, arrive: float, serve: float) -> list[float]:
    """Probability of each length of the queue after so many minutes."""
    now = [0.0] * (start + minutes + 1)
    now[start] = 1.0
    for _ in range(minutes):
        came = [p * (1 - arrive) + (now[k - 1] * arrive if k else 0.0) for k, p in enumerate(now)]
        stay = [p * (1 - serve if k else 1.0) for k, p in enumerate(came)]
        now = [p + (came[k + 1] * serve if k + 1 < len(came) else 0.0) for k, p in enumerate(stay)]
    return now


def _days(index: int, length: int) -> tuple[date, date]:
    asked = FIRST_DAY + timedelta(days=index % 700)
    return asked, asked + timedelta(days=length)


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
