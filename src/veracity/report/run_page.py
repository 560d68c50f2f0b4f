"""The page of a run: headline, figures, tables and checks of any experiment, in one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from veracity.metrics.checks import Check
from veracity.report.pictures import Picture
from veracity.report.tables import Table
from veracity.report.templating import page_templates
from veracity.store.atomic import atomic_write_text

TEMPLATE = "run.v1.html.j2"


@dataclass(frozen=True)
class RunPage:
    """What is shown, in order."""

    kind: str
    """What experiment it is: stands over the title."""
    name: str
    headline: str
    """Empty where nothing was evaluated yet."""
    intro: Sequence[str]
    """Paragraphs: what was done, and what was left out."""
    warnings: Sequence[str] = ()
    """What makes the headline doubtful: stands under it."""
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    checks: Sequence[Check] = ()
    question: str = "Did it work?"
    """What the checks answer."""
    rules: str = "By rules that the settings declare before the run."
    """What the checks go by; may be empty."""
    details: Sequence[Table] = ()
    """Tables that are folded away."""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    failures: pl.DataFrame | None = None

    def write(self, run_folder: Path, template: str = TEMPLATE, **more: Any) -> Path:
        """Write `report.html` into the run folder, and give back its path.

        `more` is what a template that extends the usual one shows besides.
        """
        shown = {own.name: getattr(self, own.name) for own in fields(self) if own.name not in ("manifest", "failures")}
        path = run_folder / "report.html"
        atomic_write_text(path, page_templates().get_template(template).render(shown | self._settings() | more))
        return path

    def _settings(self) -> dict[str, Any]:
        """The manifest in words; empty parts where it has none."""
        recipe, seconds = self.manifest.get("recipe"), self.manifest.get("wall_s")
        parts = ("packages", "seeds", "names", "models", "hashes", "machine", "requests", "timings_s")
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


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
