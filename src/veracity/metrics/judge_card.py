"""The judge's own quality: what it says where the truth is known, how often it fails, and what that does to a result.

A judge is whoever turns a model's words into a label: a grader, an extractor, a verifier, a detector of abstentions. On
items whose truth is known its labels are compared with it; items that it failed on are counted, and no label is made up
for them. One label is the positive one (`supported`, `correct`, …): its sensitivity and specificity are what the bias
of a measured share depends on.

Sources: Cohen, 1960, Educational and Psychological Measurement 20 (kappa); Rogan and Gladen, 1978, American Journal of
Epidemiology 107 (the corrected share); Lang and Reiczigel, 2014, Preventive Veterinary Medicine 113 (its interval).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats as distributions

from veracity.core.errors import VeracityError
from veracity.core.estimate import Direction, Estimate
from veracity.metrics.table_schema import TableSchema
from veracity.stats.cluster import Floats, bootstrap_statistic
from veracity.stats.proportion import clustered_proportion

FAILURE_LIMIT = 0.02
"""Share of rows without a judgement above which a run's numbers are not to be trusted."""

JUDGEMENTS = TableSchema(
    name="judgements table",
    columns={
        "judge": pl.String(),  # who judged: a name of `LABELS`, verifier
        "item": pl.String(),
        "cluster": pl.String(),  # source item: the unit of every interval
        "text": pl.String(),  # what was judged
        "truth": pl.String(),  # the right label
        "label": pl.String(),  # what the judge said; null where it failed
        "status": pl.String(),  # judged, judge_failed, no_evidence, request_failed
        "seconds": pl.Float64(),  # share of the wall time of the stage; null where not measured
        "cost": pl.Float64(),  # US dollars; null where not known
    },
    allowed={"status": frozenset({"judged", "judge_failed", "no_evidence", "request_failed"})},
    required=frozenset({"judge", "item", "cluster", "text", "truth", "status"}),
    key=("judge", "item"),
)
"""Columns of `tables/judgements.parquet`."""


LABELS: Mapping[str, tuple[str, str]] = {
    "grader": ("correct", "incorrect"),
    "grader's judge": ("correct", "incorrect"),
    "abstention detector": ("declines", "answers"),
    "extractor": ("listed", "missed"),
    "pairwise judge": ("win", "loss"),
}
"""Positive and negative label of the judges that do not say `supported` and `refuted`."""


class UnreliableJudgeError(VeracityError):
    """Judges failed on more rows than a result can bear; `judges` holds the share of each."""

    def __init__(self, judges: Mapping[str, Estimate], run: str = "") -> None:
        shares = ", ".join(f"{name} on {100 * e.value:.1f} % of {e.n:,} rows" for name, e in judges.items())
        place = f"{run}: " if run else ""
        super().__init__(
            f"{place}judges failed on more than {100 * FAILURE_LIMIT:.0f} % of rows ({shares}); everything else is "
            "stored and reported, but do not rely on the numbers before you know why (“Failures” in the report, and "
            "tables/failures.parquet). Use another judge, or one at all (judge=MODEL) where rules decided alone"
        )
        self.judges, self.run = dict(judges), run

    def __reduce__(self) -> tuple[type[UnreliableJudgeError], tuple[dict[str, Estimate], str]]:
        return UnreliableJudgeError, (self.judges, self.run)


@dataclass(frozen=True, slots=True)
class JudgeCard:
    """What is known about one judge; a rate that no row can tell has `n` 0."""

    judge: str
    positive: str
    """The label that sensitivity and specificity are about."""
    agreement: Estimate
    """Share of judged items whose label is the true one; `null` is what chance gives with these margins."""
    kappa: Estimate | None
    """Cohen's; None where truth and judge know one label only, so that chance agrees always."""
    false_support: Estimate
    """Among items that are not positive, the share called positive (1 − specificity)."""
    false_refute: Estimate
    """Among positive items, the share called `negative`. A judge that may also say "not enough" misses more."""
    sensitivity: Estimate
    """Among positive items, the share called positive."""
    specificity: Estimate
    """Among items that are not positive, the share not called positive."""
    failures: Estimate
    """Share of all items without a judgement."""
    failed: Mapping[str, int]
    """Items without a judgement, by status."""
    seconds: float | None
    """Mean seconds an item; None where not measured."""
    cost: float | None
    """Mean US dollars an item; None where not known."""


def judge_cards(judgements: pl.DataFrame, *, seed: int = 0) -> list[JudgeCard]:
    """The cards of all judges of a JUDGEMENTS table, in its order."""
    names = judgements["judge"].unique(maintain_order=True).to_list()
    labels = {name: LABELS.get(name, ("supported", "refuted")) for name in names}
    return [
        judge_card(judgements.filter(pl.col("judge") == name), positive=yes, negative=no, seed=seed)
        for name, (yes, no) in labels.items()
    ]


def judge_card(rows: pl.DataFrame, *, positive: str, negative: str, seed: int = 0) -> JudgeCard:
    """The card of one judge.

    Args:
        rows: Its rows of a JUDGEMENTS table.
        positive: The label that a result counts, as `supported` or `correct`.
        negative: Its opposite, as `refuted` or `incorrect`; there may be further labels.
        seed: Of kappa's bootstrap.

    Raises:
        ValueError: rows of several judges, or none.
    """
    names = rows["judge"].unique().to_list()
    if len(names) != 1:
        raise ValueError(f"a card is of one judge, not of {sorted(names)}")
    judged = rows.filter(pl.col("status") == "judged")
    called, truly = pl.col("label") == positive, pl.col("truth") == positive
    agreed, chance = _agreement(judged)
    failed = rows.filter(pl.col("status") != "judged").group_by("status").len().sort("status")
    return JudgeCard(
        judge=str(names[0]),
        positive=positive,
        agreement=_share(judged, pl.col("label") == pl.col("truth"), "higher", null=chance if agreed else None),
        kappa=cohens_kappa(
            judged["truth"].to_list(), judged["label"].to_list(), judged["cluster"].to_list(), seed=seed
        ),
        false_support=_share(judged.filter(~truly), called, "lower"),
        false_refute=_share(judged.filter(truly), pl.col("label") == negative, "lower"),
        sensitivity=_share(judged.filter(truly), called, "higher"),
        specificity=_share(judged.filter(~truly), ~called, "higher"),
        failures=_share(rows, pl.col("status") != "judged", "lower"),
        failed=dict(failed.iter_rows()),
        seconds=_mean(rows, "seconds"),
        cost=_mean(rows, "cost"),
    )


def cohens_kappa(
    first: Sequence[str], second: Sequence[str], clusters: Sequence[str], *, seed: int = 0
) -> Estimate | None:
    """Cohen's kappa of two raters, (observed − chance) / (1 − chance), with a cluster-bootstrap interval; null 0.

    None where there are no rows or chance agreement is 1 (both used one and the same label throughout).
    """
    labels = sorted({*first, *second})
    if len(labels) < 2:
        return None
    pairs = np.array(
        [[a == b, *(a == x for x in labels), *(b == x for x in labels)] for a, b in zip(first, second, strict=True)]
    )
    count = len(labels)

    def kappa(means: Floats) -> Floats:
        chance = (means[:, 1 : 1 + count] * means[:, 1 + count :]).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((means[:, 0] - chance) / (1 - chance))

    return bootstrap_statistic(pairs.astype(float), clusters, kappa, seed=seed, null=0.0)


def corrected_share(measured: Estimate, sensitivity: Estimate, specificity: Estimate) -> Estimate | None:
    """What the share would be without the judge's errors: p = (p̂ + sp − 1) / (se + sp − 1), clipped to [0, 1].

    The interval carries the uncertainty of all three, by Lang and Reiczigel's formulas at effective sample sizes
    (share·(1 − share)/se², at most the rows, so that clusters count as such; where a share is 0 or 1, the number of
    clusters) and with Student's quantile at `measured`'s clusters − 1, as few clusters ask for.
    It assumes that the judge errs here as often as on the items of its card.

    Returns:
        None where the judge is no better than chance (se + sp ≤ 1), or one of the three has no rows.
    """
    if not (measured.n and sensitivity.n and specificity.n):
        return None
    youden = sensitivity.value + specificity.value - 1
    if youden <= 0:
        return None
    value = min(1.0, max(0.0, (measured.value + specificity.value - 1) / youden))
    found = _lang_reiczigel(measured, sensitivity, specificity)
    if found is None:
        return Estimate(value, math.nan, 0.0, 1.0, measured.n, measured.clusters, measured.direction, measured.null)
    low, high, spread = found
    return Estimate(
        value,
        spread,
        min(value, max(0.0, low)),
        max(value, min(1.0, high)),
        measured.n,
        measured.clusters,
        measured.direction,
        measured.null,
    )


def failing(shares: Mapping[str, Estimate], limit: float = FAILURE_LIMIT) -> dict[str, Estimate]:
    """The judges that failed on more than `limit` of their rows. `shares`: failures by judge."""
    return {name: share for name, share in shares.items() if share.n and share.value > limit}


def require_reliable(shares: Mapping[str, Estimate], *, run: str = "", limit: float = FAILURE_LIMIT) -> None:
    """Do nothing if every judge failed on at most `limit` of its rows; UnreliableJudgeError naming the others."""
    if bad := failing(shares, limit):
        raise UnreliableJudgeError(bad, run)


def _lang_reiczigel(p: Estimate, se: Estimate, sp: Estimate) -> tuple[float, float, float] | None:
    """Lower end, upper end and standard error; None where the shrunk judge is no better than chance, or one cluster."""
    if p.clusters < 2:
        return None
    z = float(distributions.t.ppf(0.975, p.clusters - 1))
    n = effective_rows(p) + z * z
    share = (effective_rows(p) * p.value + z * z / 2) / n
    n_se, n_sp = effective_rows(se) + 2, effective_rows(sp) + 2
    sens, spec = ((n_se - 2) * se.value + 1) / n_se, ((n_sp - 2) * sp.value + 1) / n_sp
    youden = sens + spec - 1
    if youden <= 0:
        return None
    centre = (share + spec - 1) / youden
    of_se, of_sp = sens * (1 - sens) / n_se, spec * (1 - spec) / n_sp
    spread = math.sqrt(share * (1 - share) / n + centre**2 * of_se + (1 - centre) ** 2 * of_sp) / youden
    shift = 2 * z * z * (centre * of_se - (1 - centre) * of_sp)
    return centre + shift - z * spread, centre + shift + z * spread, spread


def effective_rows(share: Estimate) -> float:
    """Independent rows that would give a share with this standard error; clusters where it is 0 or 1 or has none."""
    if share.value in (0.0, 1.0) or math.isnan(share.se) or share.se == 0:
        return float(share.clusters)
    return min(float(share.n), max(1.0, share.value * (1 - share.value) / share.se**2))


def _agreement(judged: pl.DataFrame) -> tuple[int, float]:
    """Judged rows, and the agreement that chance gives with their margins."""
    if not judged.height:
        return 0, math.nan
    truth = dict(judged["truth"].value_counts(normalize=True).iter_rows())
    label = dict(judged["label"].value_counts(normalize=True).iter_rows())
    return judged.height, float(sum(share * label.get(name, 0.0) for name, share in truth.items()))


def _share(rows: pl.DataFrame, hit: pl.Expr, direction: Direction, null: float | None = None) -> Estimate:
    values = rows.select(hit.alias("hit"))["hit"].to_numpy()
    return clustered_proportion(values, rows["cluster"].to_list(), direction=direction, null=null)


def _mean(rows: pl.DataFrame, column: str) -> float | None:
    """Mean over the rows that have a value; None where none has."""
    present = rows[column].drop_nulls()
    return float(present.sum()) / len(present) if len(present) else None
