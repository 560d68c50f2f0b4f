"""The tables of the page: rows of ready words, made from curves and probe rows by pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.curves import curve_of
from veracity.metrics.gap import gaps, widest
from veracity.metrics.paper_scoring import paper_scores
from veracity.metrics.probe_rows import Probe, ProbePhase, Target
from veracity.metrics.saturation import Saturation, saturation
from veracity.metrics.series import Point, Series, clock, fact_table, has, recall, recognition, seeds_of, share
from veracity.metrics.verification import strict_scores, verdict_pairs
from veracity.metrics.wording import decimal, decimals, percent, points
from veracity.metrics.wording import share as bare


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready to be shown: the first column names the row."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A checkpoint worth a row."""

    name: str
    phase: ProbePhase
    since: int
    delay: int = 0


def moments(scored: pl.DataFrame, probe: Probe) -> list[Moment]:
    """Before training, at the widest gap, the end of acquisition, of the update, and of each continual phase."""
    found = []
    if times := clock(scored, "acquisition"):
        found.append(Moment("before training", "acquisition", times[0]))
        gap = widest(gaps(scored, "acquisition", probe=probe))
        if gap is not None and gap.since not in (times[0], times[-1]):
            found.append(Moment(f"widest gap (epoch {gap.since})", "acquisition", gap.since))
        found.append(Moment("end of acquisition", "acquisition", times[-1]))
    if times := clock(scored, "update"):
        found += [Moment("start of the update", "update", times[0]), Moment("end of the update", "update", times[-1])]
    delays = scored.filter(pl.col("phase") == "continual")["delay"].unique().sort().to_list()
    for delay in delays:
        if times := clock(scored, "continual", delay):
            late = f" (+{delay})" if len(delays) > 1 else ""
            found.append(Moment(f"end of unrelated training{late}", "continual", times[-1], delay))
    return found


def main_table(scored: pl.DataFrame, probe: Probe, at: Sequence[Moment]) -> Table:
    """Recognition and recall of the old, the new and the never-trained value at each moment."""
    names: dict[Target, str] = {"learn": "first value", "update": "new value", "control": "never trained"}
    series = [*[recognition(t, probe) for t in names], *[recall(t) for t in names]]
    rows = [[m.name, *[_cell(scored, s, m) for s in series]] for m in at]
    chance = ["chance", *["50 %"] * 3, *["≈ 0 %"] * 3]
    header = ["", *[f"{n}, recognised" for n in names.values()], *[f"{n}, stated" for n in names.values()]]
    note = (
        "Update and unrelated training both start from the model at saturation, not from one another. How often a "
        "never-trained value is stated is how often a value of its class is guessed."
    )
    return Table("Recognised and stated", header, [*rows, chance], note)


def probe_table_of_all(curves: pl.DataFrame, at: Sequence[Moment]) -> Table:
    """Every series that was probed, at every moment, with its chance level and the share of parsed replies."""
    keys = ["probe", "target", "arm", "foil_kind"]
    rows = []
    for key in curves.select(keys).unique().sort(keys).iter_rows():
        series = curves.filter([pl.col(c) == k for c, k in zip(keys, key, strict=True)])
        name = " · ".join(part for part in (key[0].replace("_", " "), _VALUE[key[1]], _ARM[key[2]], key[3]) if part)
        chance = series["chance"][0]
        cells = [name, "–" if chance is None else bare(chance), bare(float(series["support"].mean() or 0))]  # type: ignore[arg-type]
        rows.append([*cells, *[_curve_cell(series, moment) for moment in at]])
    note = "A reply that cannot be parsed counts as wrong; the second column of shares says how many could be."
    return Table("Every probe", ["", "chance", "parsed", *[m.name for m in at]], rows, note)


def strict_table(probes: pl.DataFrame, scored: pl.DataFrame, at: Sequence[Moment]) -> Table | None:
    """Text verdicts judged strictly, beside the paper's own mean; None where no verdicts were asked for."""
    if not (probes["probe"] == "verification").any():
        return None
    keyed = probes.with_columns(since=scored["since"])
    rows = []
    for moment in at:
        here = keyed.filter(_mask(moment) & (pl.col("probe") == "verification") & (pl.col("target") == "learn"))
        pairs = verdict_pairs(here)
        if pairs.height == 0:
            continue
        s = strict_scores(pairs)
        cells = [percent(s[k]) for k in ("valid_share", "acceptance", "rejection")]
        rows.append([moment.name, *cells, points(s["bias"]), points(s["informedness"]), _paper(here)])
    header = [
        "",
        "valid",
        "B: true accepted",
        "C: foil refused",
        "bias B − C",
        "informedness B + C − 1",
        "paper's mean",
    ]
    note = (
        "Strict: both polarities of a question must agree (chance 25 % for a coin). The paper's mean drops replies "
        "that cannot be parsed: accuracy on the value / on foils, over facts, ± 1 SEM."
    )
    return Table("Verdicts in text", header, rows, note)


def category_table(scored: pl.DataFrame, probe: Probe, at: Sequence[Moment], by: str = "category") -> Table | None:
    """Recognition and recall by category at two moments of acquisition; None with a single category."""
    names = scored[by].drop_nulls().unique().sort().to_list()
    chosen = [m for m in at if m.phase == "acquisition" and m.name != "before training"]
    if len(names) < 2 or not chosen:
        return None
    rows = []
    for name in names:
        own = scored.filter(pl.col(by) == name)
        cells = [_cell(own, s, m) for m in chosen for s in (recognition("learn", probe), recall())]
        rows.append([str(name).replace("_", " "), *cells])
    header = ["", *[f"{what}, {m.name}" for m in chosen for what in ("recognised", "stated")]]
    return Table(f"By {by}", header, rows)


def status_table(probes: pl.DataFrame) -> Table:
    """How many rows of each probe have which status."""
    states = ("ok", "unsure", "parse_failed", "request_failed")
    rows = []
    for (probe,), group in probes.sort("probe").group_by("probe", maintain_order=True):
        counts = [int((group["status"] == s).sum()) for s in states]
        rows.append([str(probe).replace("_", " "), f"{group.height:,}", *[f"{c:,}" for c in counts]])
    return Table("What became of the replies", ["", "rows", "scored", "unsure", "not parsed", "request failed"], rows)


def saturations(scored: pl.DataFrame, probe: Probe) -> dict[int, Saturation]:
    """Per seed, the saturation epoch by the declared rule; seeds without both curves are left out."""
    found = {}
    for seed in seeds_of(scored):
        v = curve_of(scored, recognition("learn", probe), "acquisition", seed=seed)
        g = curve_of(scored, recall(), "acquisition", seed=seed)
        if v is not None and g is not None and v.epochs == g.epochs:
            found[seed] = saturation(v, g)
    return found


def estimates_table(estimates: Mapping[str, Estimate]) -> Table:
    """All stored estimates, as they are."""
    rows = [
        [
            name,
            decimals(e.value, e.ci_low, e.ci_high),
            f"{e.n:,}",
            f"{e.clusters:,}",
            "–" if e.null is None else decimal(e.null),
            e.direction,
        ]
        for name, e in sorted(estimates.items())
    ]
    return Table("All estimates", ["", "value [95 %]", "rows", "sources", "chance or no effect", "better"], rows)


def _cell(scored: pl.DataFrame, series: Series, moment: Moment) -> str:
    table = fact_table(scored, {"x": Point(series, moment.phase, moment.since, moment.delay)})
    return percent(share(table, "x")) if table.height and has(table, "x") else "–"


def _curve_cell(series: pl.DataFrame, moment: Moment) -> str:
    row = series.filter(_mask(moment))
    if row.height == 0:
        return "–"
    low, high = 100 * row["ci_low"][0], 100 * row["ci_high"][0]
    return f"{100 * row['value'][0]:.0f} % [{low:.0f}, {high:.0f}]"


def _paper(rows: pl.DataFrame) -> str:
    """Accuracy on the value and on foils by the paper's scoring, averaged over seeds, with the mean SEM."""
    scores = paper_scores(rows).group_by("arm").agg(pl.col("mean").mean(), pl.col("sem").mean())
    found = {arm: (mean, sem) for arm, mean, sem in scores.iter_rows() if mean is not None}
    return " / ".join(f"{100 * found[a][0]:.0f} ± {100 * found[a][1]:.0f}" if a in found else "–" for a in _ARM)


def _mask(moment: Moment) -> pl.Expr:
    here = (pl.col("phase") == moment.phase) & (pl.col("since") == moment.since)
    return here & (pl.col("delay") == moment.delay)


_VALUE = {"learn": "first value", "update": "new value", "control": "never-trained value"}
_ARM = {"target": "", "control": "control"}
