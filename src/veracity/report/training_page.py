"""The page of any experiment that trains: headline, figures, tables and checks, as its own module made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from veracity.metrics.checks import Check
from veracity.report.page import Picture, duration
from veracity.report.tables import Table
from veracity.report.templating import page_templates
from veracity.store.atomic import atomic_write_text

TEMPLATE = "training.v1.html.j2"


@dataclass(frozen=True)
class TrainingPage:
    """What is shown, in order."""

    kind: str
    """What experiment it is: stands over the title."""
    name: str
    headline: str
    """Empty where nothing was evaluated yet."""
    intro: Sequence[str]
    """Paragraphs: what was done."""
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    checks: Sequence[Check] = ()
    details: Sequence[Table] = ()
    """Tables that are folded away."""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    failures: pl.DataFrame | None = None

    def render(self) -> str:
        """The page as text."""
        names = ("kind", "name", "headline", "intro", "pictures", "tables", "checks", "details")
        shown = {name: getattr(self, name) for name in names}
        return page_templates().get_template(TEMPLATE).render(shown | self._settings())

    def write(self, run_folder: Path) -> Path:
        """Write `report.html` into the run folder, and give back its path."""
        path = run_folder / "report.html"
        atomic_write_text(path, self.render())
        return path

    def _settings(self) -> dict[str, Any]:
        """The manifest in words; empty parts where it has none."""
        recipe, seconds = self.manifest.get("recipe"), self.manifest.get("wall_s")
        parts = ("packages", "seeds", "names", "models", "hashes", "machine", "requests")
        return {
            **{part: dict(self.manifest.get(part) or {}) for part in parts},
            "finished": bool(self.manifest),
            "recipe": yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True).strip() if recipe else None,
            "written": str(self.manifest.get("written") or "")[:16].replace("T", " "),
            "duration": None if seconds is None else duration(float(seconds)),
            "cost": self.manifest.get("cost"),
            "failures": 0 if self.failures is None else self.failures.height,
            "failure_rows": [] if self.failures is None else self.failures.head(10).to_dicts(),
        }
