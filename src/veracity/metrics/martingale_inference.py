"""How sure the line of changes on beliefs is: standard errors of the slope, and tests of the line as a whole.

A martingale has intercept and slope 0, so both are tested together: a slope of 0 with a drift is none. Rows that share
a source item are not independent; errors that take them so are told beside the others, as papers report them.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats as distributions

from veracity.metrics.martingale_fit import Changes
from veracity.stats.cluster import cluster_codes

ROUNDING = 1e-9
"""Changes no larger than this are none, and a test of them would test floating-point numbers."""


@dataclass(frozen=True, slots=True)
class SlopeErrors:
    """Standard errors of the least-squares slope, from the assumptions that each makes."""

    classic: float
    """Rows independent, residuals of one variance."""
    hc3: float
    """Rows independent."""
    by_trajectory: float
    """Rows of one trajectory dependent (CR1)."""
    by_source: float
    """Rows of one source item dependent (CR1), so those of one trajectory too. NaN for both with one cluster."""


@dataclass(frozen=True, slots=True)
class JointTest:
    """Wald test that intercept and slope are both 0, as a martingale's are; cluster-robust by source item."""

    statistic: float
    """F with 2 and `freedom` degrees of freedom."""
    freedom: int
    p_value: float


def slope_errors(changes: Changes) -> SlopeErrors:
    """Standard errors of the least-squares slope, by statsmodels. ValueError unless three rows and two beliefs."""
    fit = _model(changes).fit()
    return SlopeErrors(
        classic=float(fit.bse[1]),
        hc3=float(fit.HC3_se[1]),
        by_trajectory=_clustered_error(changes, changes.paths),
        by_source=_clustered_error(changes, changes.clusters),
    )


def joint_test(changes: Changes) -> JointTest | None:
    """By least squares, which takes reading noise for a slope: see `instrumented_joint_test`.

    None with fewer than three source items, or where nothing changes or every row lies on the line.
    """
    codes, count = cluster_codes(changes.clusters, len(changes))
    if count < 3 or np.abs(changes.change).max() <= ROUNDING:
        return None
    fit = _model(changes).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
    if not np.linalg.det(fit.cov_params()) > 0:
        return None
    found = fit.f_test(np.eye(2))
    return JointTest(float(found.fvalue), int(found.df_denom), float(found.pvalue))


def instrumented_joint_test(changes: Changes) -> JointTest | None:
    """By two-stage least squares, each reading the other's instrument, so that reading noise does not count.

    Rows read once are left out. None with fewer than three source items, where nothing changes, or where
    readings do not go together.
    """
    rows = changes.subset(np.isfinite(changes.noise))
    codes, count = cluster_codes(rows.clusters, len(rows))
    if count < 3 or np.abs(rows.change).max() <= ROUNDING:
        return None
    ones = np.ones(2 * len(rows))
    x = np.column_stack([ones, np.concatenate([rows.first, rows.second])])
    z = np.column_stack([ones, np.concatenate([rows.second, rows.first])])
    cross = z.T @ x
    if not abs(np.linalg.det(cross)) > 1e-9:
        return None
    change = np.concatenate([rows.after, rows.after]) - x[:, 1]
    found = np.linalg.solve(cross, z.T @ change)
    scores = np.zeros((count, 2))
    np.add.at(scores, np.concatenate([codes, codes]), z * (change - x @ found)[:, None])
    bread = np.linalg.inv(cross)
    variance = bread @ (scores.T @ scores) @ bread.T * count / (count - 1)
    if not np.linalg.det(variance) > 0:
        return None
    statistic = float(found @ np.linalg.solve(variance, found)) / 2
    return JointTest(statistic, count - 1, float(distributions.f.sf(statistic, 2, count - 1)))


def _model(changes: Changes) -> Any:
    import statsmodels.api as sm  # heavy: only where standard errors are wanted

    if len(changes) < 3 or np.ptp(changes.before) == 0:
        raise ValueError("standard errors of a slope need three changes and two different beliefs before them")
    return sm.OLS(changes.change, sm.add_constant(changes.before))


def _clustered_error(changes: Changes, groups: Sequence[Hashable]) -> float:
    codes, count = cluster_codes(groups, len(changes))
    if count < 2:
        return math.nan
    fit = _model(changes).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
    with np.errstate(invalid="ignore"):  # the intercept's variance may round to just below zero
        return float(fit.bse[1])
