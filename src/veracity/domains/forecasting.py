"""`forecasting`: will it happen? Exports of forecasting sites, and small worlds whose true probability is computable.

Published schema (JSON, JSONL, …): `id`, `title`, `outcomes` (two), `endTime`; `source`, `description`, `category`,
`startTime`, `outcomePrices`, `resolution` (one of the outcomes), `marketType`. What such sites publish is under their
terms, not open data.

Rows as the sites' interfaces give them are read, too: Polymarket's markets (`question`, `startDate`, `endDate`) and
Metaculus' posts (an inner `question`, `created_at`, `scheduled_resolve_time`).

* Every question states when it closes (and when it was asked, if the row says so).
* **Prices never reach the prompt**: `outcomePrices` is a detail (`market_price`, of the first option, unless it is the
  resolution itself), and sentences of the description that quote a price or a community's forecast are withheld and
  counted (`withheld`). A model that sees the market's number repeats it.
* Without `resolution`, a market whose price is at least 0.99 is resolved so. One that is open has no correct option.
* Rows that are no closed yes-or-no question (no closing date, not two outcomes, annulled, a scale) are left out, and
  how many is said in the source.
* `after`: only questions that close after this day, such as the last day of a model's training data.

The bare name gives the sample: `n` questions about leagues, dice and queues of a `seed`, all kinds or those that
`worlds` names (`league,dice`). Detail `true_probability` is the probability of the first option, given the text; what
happened is drawn from it. With `reports` of k, the text states the worlds' probability and k reports of sources of
stated reliability; then `true_probability` takes them into account, and simulated agents can work it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Annotated, Any, Self

from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from veracity.core.errors import ConfigError
from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.core.registry import nearest
from veracity.domains.base import domain
from veracity.domains.dataset import DatasetRow, Numbers, Place, Placed, Text, Texts, problems_of, read_rows
from veracity.domains.forecast_worlds import WORLDS, Forecast, forecasts
from veracity.domains.hub import HubSet
from veracity.domains.provenance import GENERATED, Provenance, stated
from veracity.domains.tables import Record
from veracity.models.simulated.evidence import Beliefs, bayes, read_evidence
from veracity.world.language import pick

RESOLVED = 0.99
"""Price from which a market counts as resolved."""
VOID = ("ambiguous", "annulled")
SCALAR = {"long", "short"}
QUOTE = re.compile(
    r"\b(?:community (?:prediction|forecast|median)|implied (?:probability|odds|chance)"
    r"|market (?:price|odds|probability)|(?:currently|now) (?:trading|priced)"
    r"|(?:trading|trades|priced) at|betting odds)\b",
    re.IGNORECASE,
)
RELIABILITIES = (55, 60, 65, 70, 75, 80, 85, 90)

stated(
    "forecasting",
    published=Provenance(
        "exports of Metaculus and Polymarket that users make themselves",
        "the sites' terms; not open data",
        "Look at whether questions close after the model's training data end: `after=YYYY-MM-DD`.",
    ),
    sample=GENERATED,
)


def _day(value: Any) -> Any:
    """The day of a date or a time, in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"is no date ({value!r:.40}); write YYYY-MM-DD, or a time in ISO 8601") from None
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).date()
    return value


Day = Annotated[date, BeforeValidator(_day)]


class ForecastRow(DatasetRow):
    """One question of two outcomes."""

    lists = ("questions", "results", "markets")
    id_column = "id"

    id: Annotated[Text, BeforeValidator(str)]
    title: Text = Field(validation_alias=AliasChoices("title", "question"))
    outcomes: Texts
    source: str = ""
    description: str = ""
    category: str = ""
    startTime: Annotated[  # noqa: N815 - the published name
        Day | None, Field(validation_alias=AliasChoices("startTime", "startDate", "created_at"))
    ] = None
    endTime: Annotated[  # noqa: N815 - the published name
        Day | None, Field(validation_alias=AliasChoices("endTime", "endDate", "scheduled_resolve_time"))
    ] = None
    outcomePrices: Numbers | None = None  # noqa: N815 - the published name
    resolution: str | None = None
    marketType: str | None = None  # noqa: N815 - the published name
    trueProbability: float | None = Field(default=None, ge=0, le=1)  # noqa: N815 - beside the published ones
    item: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.outcomePrices is not None and len(self.outcomePrices) != len(self.outcomes):
            raise ValueError(f"has {len(self.outcomes)} outcomes and {len(self.outcomePrices)} prices; give one each")
        if self.outcomePrices is not None and not all(0 <= price <= 1 for price in self.outcomePrices):
            raise ValueError(f"has prices outside 0 to 1: {self.outcomePrices}; give them as probabilities")
        if self.startTime and self.endTime and self.startTime > self.endTime:
            raise ValueError(f"closes on {self.endTime}, before it was asked on {self.startTime}; correct the dates")
        said = self.resolution
        if said is not None and said.casefold() not in (*(o.casefold() for o in self.outcomes), *VOID):
            raise ValueError(f"resolution {said!r} is none of the outcomes {list(self.outcomes)}; correct it")
        return self

    @property
    def happened(self) -> int | None:
        """Index of the outcome that came true; None while the question is open, or was annulled."""
        if self.resolution is not None:
            said = self.resolution.casefold()
            return next((i for i, outcome in enumerate(self.outcomes) if outcome.casefold() == said), None)
        prices = self.outcomePrices or ()
        return prices.index(max(prices)) if prices and max(prices) >= RESOLVED else None

    @property
    def market_price(self) -> float | None:
        """Price of the first outcome; None where there is none, or where it is the resolution."""
        prices = self.outcomePrices or ()
        return prices[0] if prices and max(prices) < RESOLVED else None


@domain("forecasting")
def forecasting(
    *,
    path: str = "",
    hub: str = "",
    config: str = "",
    part: str = "",
    revision: str = "",
    after: str = "",
    worlds: str = "league,dice,queue",
    n: int = 4000,
    reports: int = 0,
    seed: int = 0,
) -> Iterator[Problem]:
    """Will it happen? Exports of forecasting sites without their prices, or small worlds of known true probability."""
    given = HubSet(hub, part, config, revision)
    if path or given != HubSet("", ""):
        source, placed = read_rows("forecasting", ForecastRow, path, given)
        records: Placed = ((place, _unpacked(record)) for place, record in placed)
    else:
        source, records = _sample(worlds, n, reports, seed)
    first = _after(after)

    def left_out(row: ForecastRow) -> str:
        if row.endTime is None:
            return "no closing date"
        if len(row.outcomes) != 2 or row.marketType not in ("binary", "normal", None):
            return "not two outcomes"
        if {o.casefold() for o in row.outcomes} == SCALAR:
            return "a scale, not an event"
        if (row.resolution or "").casefold() in VOID:
            return "annulled or ambiguous"
        return f"closes by {first}" if first and row.endTime <= first else ""

    return problems_of(ForecastRow, problem_of, source, records, left_out)


def problem_of(row: ForecastRow) -> Problem:
    """The question with its dates, and without any price."""
    described, withheld = without_quotes(row.description.strip())
    asked = f"The question was asked on {row.startTime}. " if row.startTime else ""
    parts = [described, f"{asked}It closes on {row.endTime}.", f"Question: {row.title}"]
    return Problem(
        id=row.id,
        domain="forecasting",
        question="\n\n".join(part for part in parts if part),
        options=row.outcomes,
        correct=row.happened,
        cluster=row.item or row.title,
        meta=(
            ("true_probability", row.trueProbability),
            ("market_price", row.market_price),
            ("asked", str(row.startTime or "")),
            ("closes", str(row.endTime or "")),
            ("category", row.category),
            ("site", row.source),
            ("withheld", withheld),
        ),
    )


def without_quotes(text: str) -> tuple[str, int]:
    """(`text` without the sentences that quote a price or a forecast of others, how many those were)."""
    sentences = re.findall(r"\S.*?(?:(?<=[.!?])\s+|\n+|\Z)", text, re.DOTALL)
    kept = [s for s in sentences if not (QUOTE.search(s) and re.search(r"\d", s))]
    return "".join(kept).strip(), len(sentences) - len(kept)


def _unpacked(record: Record) -> Record:
    """A post of Metaculus with its inner question spread out; any other row as it is."""
    inner = record.get("question")
    if not isinstance(inner, dict):
        return record
    found = {**inner, **record, "resolution": inner.get("resolution"), "source": record.get("source") or "metaculus"}
    if not isinstance(found.get("title"), str):
        found["title"] = inner.get("title")
    if inner.get("type", "binary") == "binary":
        found.setdefault("outcomes", ["Yes", "No"])
    return {name: value for name, value in found.items() if name != "question"}


def _after(day: str) -> date | None:
    try:
        return date.fromisoformat(day) if day else None
    except ValueError:
        raise ConfigError(f"forecasting: after={day!r} is no date; write after=YYYY-MM-DD") from None


def _sample(worlds: str, n: int, reports: int, seed: int) -> tuple[str, Placed]:
    names = [name.strip() for name in worlds.split(",") if name.strip()]
    wrong = next((name for name in names if name not in WORLDS), None)
    if wrong is not None or not names or n < 1 or reports < 0:
        what = f"{wrong!r} is no world{nearest(wrong, list(WORLDS))}" if wrong else "something is missing or below 0"
        raise ConfigError(f"forecasting: {what}; worlds are {', '.join(WORLDS)}, n at least 1, reports at least 0")
    source = f"{' and '.join(names)} worlds of the seed {seed}, not comparable to published numbers"
    records = (
        (Place(Path(source), place), _record(f"{world}-{seed}-{index}", world, found, reports))
        for place, (world, index, found) in enumerate(forecasts(names, n, seed), start=1)
    )
    return source, records


def _record(id: str, world: str, found: Forecast, reports: int) -> dict[str, Any]:
    told, probability = _reported(id, found, reports) if reports else ("", found.probability)
    return {
        "id": id,
        "source": world,
        "title": found.title,
        "description": "\n".join(filter(None, (found.description, told))),
        "category": world,
        "startTime": found.asked,
        "endTime": found.closes,
        "outcomes": ["Yes", "No"],
        "resolution": "Yes" if found.happened else "No",
        "marketType": "binary",
        "trueProbability": probability,
        "item": found.item,
    }


def _reported(id: str, found: Forecast, count: int) -> tuple[str, float]:
    """(the base rate and `count` reports about what happened, the probability of yes given them)."""
    rng = Random(derive_seed(0, "forecast reports", id))
    belief: Beliefs = (round(found.probability, 4), 1 - round(found.probability, 4))
    lines = [f"Before any evidence, the probability of Yes is {belief[0]:.4f}."]
    for number in range(1, count + 1):
        percent = pick(rng, RELIABILITIES)
        says = found.happened == (rng.random() < percent / 100)
        lines.append(
            f"Report {number}, from a source that is right in {percent} % of cases, says: {'Yes' if says else 'No'}."
        )
    for piece in read_evidence("\n".join(lines), ("Yes", "No"), ()):
        belief = bayes(belief, piece.likelihoods)
    return "\n".join(lines), belief[0]
