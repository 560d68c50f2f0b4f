"""What a run folder holds, read once for the page and the terminal; what is missing is None, not an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from veracity.core.errors import StoreError
from veracity.core.estimate import Estimate
from veracity.metrics.checks import Check, checks
from veracity.metrics.curves import curves
from veracity.metrics.probe_rows import Probe, check_probe_rows
from veracity.metrics.series import recognition_probe, scored_rows
from veracity.report.stored import stored_run


@dataclass(frozen=True)
class Contents:
    """A run, ready to be reported."""

    name: str
    probes: pl.DataFrame | None
    losses: pl.DataFrame | None
    failures: pl.DataFrame | None
    estimates: Mapping[str, Estimate]
    manifest: Mapping[str, Any]
    """Empty while the run is not finished."""

    @cached_property
    def scored(self) -> pl.DataFrame:
        """The scored probe rows; raises StoreError where there are none."""
        if self.probes is None:
            raise StoreError(f"{self.name}: there is no table of probes to report; let the run get further")
        return scored_rows(self.probes)

    @cached_property
    def curves(self) -> pl.DataFrame:
        """All curves, pooled over seeds."""
        return curves(self.scored)

    @cached_property
    def checks(self) -> list[Check]:
        """The six checks; empty without probes."""
        return [] if self.probes is None else checks(self.probes, self.losses)

    @property
    def recognised_by(self) -> Probe:
        """The probe that measures recognition in this run."""
        return recognition_probe(self.scored)


def read_contents(run_folder: Path) -> Contents:
    """Read a run folder, finished or not. Raises StoreError if it does not exist or a table is damaged."""
    folder = stored_run(run_folder)
    stored = {name: folder.read_table(name) for name in _TABLES if name in folder.tables()}
    probes = stored.get("probes")
    if probes is not None:
        probes = None if probes.height == 0 else check_probe_rows(probes)
    losses, failures = stored.get("losses"), stored.get("failures")
    manifest = folder.manifest() or {}
    return Contents(run_folder.resolve().name, probes, losses, failures, folder.estimates(), manifest)


_TABLES = ("probes", "losses", "failures")
