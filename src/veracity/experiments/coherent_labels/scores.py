"""How near labels come to a truth: as they stand, and up to the flip.

Coherence knows no word: labels and their exact opposite are equally predictable from themselves. So accuracy is told
twice: as labels stand, and *up to the flip*, where each labelling of all statements is taken the way round that is
nearer the truth. The latter is above one half by chance alone; how far is told beside it, as its null: what it would
be if a coin said, problem by problem, whether its labels are nearer the truth than the same ones dealt out anew among
its statements, or as much farther from it. Of two statements, one of which is called true, that is right or wrong; and
who calls all of four answers false is right about three of them by chance alone.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from veracity.core.estimate import Estimate
from veracity.core.identity import derive_seed
from veracity.stats.cluster import Floats, bootstrap_statistic, cluster_codes
from veracity.stats.proportion import clustered_proportion

TOSSES = 2000
LONGEST = "agreement with the longest answer up to the flip"
LEAST_GAP = 0.2
"""Between accuracy without examples and with true ones, for a share of it to mean something."""


def label_estimates(labels: pl.DataFrame, searches: pl.DataFrame, seed: int) -> dict[str, Estimate]:
    """`<model>, <method>: <measure>` → its estimate; intervals resample problems' source items, for these seeds."""
    found: dict[str, Estimate] = {}
    for (model, method), rows in labels.group_by("model", "method", maintain_order=True):
        clusters = _first(rows)["cluster"].to_list()
        name = f"{model}, {method}"
        found |= _against_truth_and_length(name, rows, seed)
        if rows["seed"].n_unique() > 1:
            found[f"{name}: agreement between seeds up to the flip"] = between_seeds(rows, clusters, seed)
        if (best := best_seed(searches, str(model))) is not None and method == "coherent":
            own = rows.filter(pl.col("seed") == best)
            found |= _against_truth_and_length(f"{name}, best utility", own, seed)
    found |= gap_closed(labels, seed)
    return {name: estimate for name, estimate in found.items() if estimate.n}


def _against_truth_and_length(name: str, rows: pl.DataFrame, seed: int) -> dict[str, Estimate]:
    clusters = _first(rows)["cluster"].to_list()
    truth, longer = agreement(rows, "truth"), agreement(rows, "longer")
    return {
        f"{name}: accuracy": as_they_stand(truth, clusters, balanced=_balanced(rows)),
        f"{name}: accuracy up to the flip": up_to_flip(truth, dealt(rows, "truth"), clusters, seed),
        f"{name}: {LONGEST}": up_to_flip(longer, dealt(rows, "longer"), clusters, seed),
    }


def agreement(rows: pl.DataFrame, with_: str) -> Floats:
    """(seeds, statements): 1 where a label is what the column says, 0 where not, NaN where either is unknown."""
    given, said = _by_seed(rows, "label"), _by_seed(rows, with_)
    return 1 - np.abs(given - said)


def dealt(rows: pl.DataFrame, with_: str) -> Floats:
    """The same if the labels of each problem were dealt out anew among its statements: what is expected then."""
    return _dealt(_by_seed(rows, "label"), _by_seed(rows, with_), _first(rows)["item"].to_list())


def aligned(same: Floats) -> Floats:
    """Each labelling the way round that agrees with more than half; one without any value stays."""
    shares = np.array([np.nanmean(row) if not np.isnan(row).all() else math.nan for row in same])
    return np.where((shares < 0.5)[:, None], 1 - same, same)


def as_they_stand(same: Floats, clusters: Sequence[Hashable], *, balanced: bool = True) -> Estimate:
    """Share of right labels, over all seeds; its null is ½ where half of the statements are true."""
    return _share(same, clusters, 0.5 if balanced else None)


def up_to_flip(same: Floats, expected: Floats, clusters: Sequence[Hashable], seed: int) -> Estimate:
    """The same, each labelling the nearer way round, with what chance would give; `expected` as of `chance`."""
    return _share(aligned(same), clusters, chance(same, expected, clusters, seed))


def chance(same: Floats, expected: Floats, clusters: Sequence[Hashable], seed: int) -> float | None:
    """Mean of max(a, 1 − a) over tosses, a being the agreement if a coin chose each cluster's side of `expected`.

    With n clusters of two statements that are right or wrong together, about ½ + 0.4 / √n.

    Args:
        same: (seeds, statements), as `agreement` has it.
        expected: The same of labels dealt out anew within each problem, as `dealt` has it.
        clusters: Source item of each statement; all its problems are tossed together.
        seed: Of the tosses.
    """
    codes, count = cluster_codes(clusters, same.shape[1])
    signs = np.random.Generator(np.random.PCG64(derive_seed(seed, "tosses"))).choice([-1.0, 1.0], (TOSSES, count))
    found = []
    for row, by_chance in zip(same, expected, strict=True):
        known = ~np.isnan(row)
        if known.any():
            middle = float((2 * by_chance[known] - 1).sum())
            beyond = np.bincount(codes[known], weights=2 * (row - by_chance)[known], minlength=count)
            found.append(float(np.mean(0.5 + np.abs(middle + signs @ beyond) / (2 * known.sum()))))
    return float(np.mean(found)) if found else None


def between_seeds(rows: pl.DataFrame, clusters: Sequence[Hashable], seed: int) -> Estimate:
    """Share of labels that two seeds give alike, each pair the nearer way round, over all pairs."""
    items = _first(rows)["item"].to_list()
    pairs = list(combinations(_by_seed(rows, "label"), 2))
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    return up_to_flip(1 - np.abs(first - second), _dealt(first, second, items), clusters, seed)


def gap_closed(labels: pl.DataFrame, seed: int) -> dict[str, Estimate]:
    """Of the way from no examples to true ones, the share that each other method goes, all up to the flip."""
    found: dict[str, Estimate] = {}
    for (model,), own in labels.group_by("model", maintain_order=True):
        by_method = {str(m): rows for (m,), rows in own.group_by("method", maintain_order=True)}
        if not {"zero_shot", "gold_examples"} <= set(by_method):
            continue
        clusters = _first(own)["cluster"].to_list()
        means = {m: _by_statement(aligned(agreement(rows, "truth"))) for m, rows in by_method.items()}
        none, gold = means.pop("zero_shot"), means.pop("gold_examples")
        if not np.nanmean(gold) - np.nanmean(none) >= LEAST_GAP:
            continue
        for method, mean in means.items():
            found[f"{model}, {method}: share of the gold gap"] = bootstrap_statistic(
                np.stack([mean, none, gold], axis=1), clusters, _share_of_gap, seed=seed
            )
    return found


def best_seed(searches: pl.DataFrame, model: str) -> int | None:
    """Of the search that labelled most, of these with the greatest utility: chosen without the truth."""
    own = searches.filter((pl.col("model") == model) & pl.col("utility").is_not_null())
    ranked = own.sort("labelled", "utility", "seed", descending=[True, True, False])
    return int(ranked["seed"][0]) if ranked.height else None


def _share_of_gap(means: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((means[:, 0] - means[:, 1]) / (means[:, 2] - means[:, 1]))


def _share(same: Floats, clusters: Sequence[Hashable], null: float | None) -> Estimate:
    shares = _by_statement(same)
    known = ~np.isnan(shares)
    kept = [cluster for cluster, is_known in zip(clusters, known, strict=True) if is_known]
    return clustered_proportion(shares[known], kept, direction="higher", null=null)


def _by_seed(rows: pl.DataFrame, column: str) -> Floats:
    """(seeds, statements) of a true-or-false column, NaN where it says nothing."""
    table = rows.with_columns(pl.col(column).cast(pl.Float64))
    return np.array([own[column].to_list() for _, own in table.group_by("seed", maintain_order=True)], dtype=float)


def _dealt(given: Floats, said: Floats, items: Sequence[str]) -> Floats:
    """Expected agreement where each problem keeps how many of its labels are true: p q + (1 − p)(1 − q)."""
    codes, count = cluster_codes(items, given.shape[1])
    known = ~np.isnan(given + said)
    sizes = np.array([np.bincount(codes, weights=row, minlength=count) for row in known])
    p, q = (
        np.array([np.bincount(codes, weights=row, minlength=count) for row in np.where(known, side, 0.0)])
        / np.maximum(sizes, 1)
        for side in (given, said)
    )
    return np.asarray(np.where(known, (p * q + (1 - p) * (1 - q))[:, codes], math.nan))


def _by_statement(same: Floats) -> Floats:
    """Mean over the seeds that have a value."""
    count = (~np.isnan(same)).sum(axis=0)
    return np.where(count > 0, np.nansum(same, axis=0) / np.maximum(count, 1), math.nan)


def _first(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a statement."""
    return rows.unique("statement", keep="first", maintain_order=True)


def _balanced(rows: pl.DataFrame) -> bool:
    return _first(rows)["truth"].drop_nulls().mean() == 0.5
