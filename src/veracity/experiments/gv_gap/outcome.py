"""What `gv-gap` found: the saturation epoch by the declared rule, and the estimates that a reader asks for first."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from veracity.core.errors import ConfigError
from veracity.core.estimate import Estimate

if TYPE_CHECKING:
    import polars as pl

    from veracity.metrics.saturation import Saturation

STATED_RULE = "stated in the settings"


def find_saturation(probes: pl.DataFrame, seed: int, stated: int | None) -> Saturation:
    """The epoch of acquisition from which later phases start: the stated one, or by the rule of the metrics."""
    from veracity.metrics.curves import curve_of
    from veracity.metrics.saturation import Saturation, saturation
    from veracity.metrics.series import recall, recognition, recognition_probe, scored_rows

    if stated is not None:
        return Saturation(stated, True, STATED_RULE, {})
    scored = scored_rows(probes)
    verification = curve_of(scored, recognition("learn", recognition_probe(probes)), "acquisition", seed=seed)
    generation = curve_of(scored, recall(), "acquisition", seed=seed)
    if verification is None or generation is None:
        raise ConfigError("saturation needs generation and recognition of the learned value; set saturation_epoch")
    return saturation(verification, generation)


def saturation_row(found: Saturation, seed: int) -> dict[str, Any]:
    """For the manifest: JSON-ready, numbers that are not there left out."""
    row = asdict(found)
    numbers = {name: value for name, value in row["numbers"].items() if not math.isnan(value)}
    return {"seed": seed, **row, "numbers": numbers}


def estimates_of(probes: pl.DataFrame, losses: pl.DataFrame) -> dict[str, Estimate]:
    """The numbers of the six checks, the widest gap, and strict verification at the end of acquisition."""
    from veracity.metrics.checks import checks
    from veracity.metrics.gap import gaps, widest
    from veracity.metrics.series import recognition_probe, scored_rows

    scored = scored_rows(probes)
    found: dict[str, Estimate] = {}
    top = widest(gaps(scored, "acquisition", probe=recognition_probe(probes)))
    if top is not None:
        found |= {"widest gap, raw": top.raw, "widest gap, from chance": top.corrected}
    for check in checks(probes, losses):
        name = re.sub(r"\s+", " ", check.name)
        found |= {f"{name}: {key}": value for key, value in check.numbers.items() if isinstance(value, Estimate)}
    return found | _strict_verification(probes)


def _strict_verification(probes: pl.DataFrame) -> dict[str, Estimate]:
    """B, C, bias and informedness of text verdicts about the learned value at the last epoch of acquisition."""
    import polars as pl

    from veracity.metrics.verification import strict_scores, verdict_pairs

    of_value = (pl.col("phase") == "acquisition") & (pl.col("target") == "learn")
    rows = probes.filter(of_value & (pl.col("probe") == "verification"))
    if not rows.height:
        return {}
    pairs = verdict_pairs(rows.filter(pl.col("epoch") == rows["epoch"].max()))
    return {f"verification, {name}": value for name, value in strict_scores(pairs).items()}
