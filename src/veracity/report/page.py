"""The report of a run: one self-contained HTML file, and its figures as PNG and SVG beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from veracity.metrics.checks import few_seeds
from veracity.metrics.probe_rows import Probe
from veracity.metrics.retention import Retention, retention
from veracity.report.contents import Contents, read_contents
from veracity.report.examples import examples
from veracity.report.figures import acquisition_figure, forgetting_figure, loss_figure, update_figure
from veracity.report.headline import headline
from veracity.report.pictures import Picture, picture
from veracity.report.run_page import duration
from veracity.report.tables import (
    Table,
    category_table,
    estimates_table,
    main_table,
    moments,
    probe_table_of_all,
    saturations,
    status_table,
    strict_table,
)
from veracity.report.templating import page_templates
from veracity.store.atomic import atomic_write_text

TEMPLATE = "gv_gap.v1.html.j2"


def write_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/` into the run folder and give back the page's path.

    Works on unfinished runs too: what is missing is said on the page. Raises StoreError if the folder does not exist
    or a table in it is damaged.
    """
    contents = read_contents(Path(run_folder))
    page = render(contents, Path(run_folder) / "figures")
    path = Path(run_folder) / "report.html"
    atomic_write_text(path, page)
    return path


def render(contents: Contents, figures: Path) -> str:
    """The page as text; the figures are written to the folder `figures`."""
    shown: dict[str, Any] = {"name": contents.name, "facts": _facts_of(contents), **_settings(contents)}
    return page_templates().get_template(TEMPLATE).render(shown | _findings(contents, figures))


def _findings(contents: Contents, figures: Path) -> dict[str, Any]:
    """Everything that comes from the probes; empty parts where there are none yet."""
    stored = [estimates_table(contents.estimates)] if contents.estimates else []
    if contents.probes is None:
        none: dict[str, Any] = dict.fromkeys(("tables", "pictures", "checks", "examples", "saturation"), ())
        return none | {"headline": None, "caution": "", "details": stored, "recognised_by": "forced_choice"}
    scored, probe = contents.scored, contents.recognised_by
    at = moments(scored, probe)
    detail = [strict_table(contents.probes, scored, at), probe_table_of_all(contents.curves, at)]
    detail += [category_table(scored, probe, at), status_table(contents.probes), *stored]
    return {
        "headline": headline(scored, probe),
        "recognised_by": probe,
        "tables": [main_table(scored, probe, at)],
        "details": [table for table in detail if table is not None],
        "pictures": _pictures(contents, probe, figures),
        "checks": contents.checks,
        "caution": few_seeds(scored),
        "examples": examples(contents.probes, scored, at),
        "saturation": saturations(scored, probe),
    }


def _pictures(contents: Contents, probe: Probe, folder: Path) -> list[Picture]:
    curves = contents.curves
    phases = set(curves["phase"])
    found = []
    if "acquisition" in phases:
        found.append(("acquisition", acquisition_figure(curves, probe)))
    if "update" in phases:
        found.append(("update", update_figure(curves, probe)))
    if "continual" in phases:
        found.append(("forgetting", forgetting_figure(curves, _retentions(contents, probe), probe)))
    if contents.losses is not None and contents.losses.height:
        found.append(("loss", loss_figure(contents.losses)))
    return [picture(figure, folder, name, *CAPTIONS[name]) for name, figure in found]


def _retentions(contents: Contents, probe: Probe) -> list[Retention]:
    delays = sorted(set(contents.curves.filter(contents.curves["phase"] == "continual")["delay"]))
    found = [retention(contents.scored, probe=probe, delay=d) for d in delays]
    return [kept for kept in found if kept is not None]


def _facts_of(contents: Contents) -> dict[str, int]:
    """What was asked, counted: facts, subjects, seeds, probes."""
    if contents.probes is None:
        return {}
    counted = {c: contents.probes[c].n_unique() for c in ("fact", "subject", "relation", "seed")}
    return counted | {"rows": contents.probes.height}


def _settings(contents: Contents) -> dict[str, Any]:
    """The manifest in words; empty parts where it has none."""
    manifest = contents.manifest
    recipe = manifest.get("recipe")
    seconds = manifest.get("wall_s", manifest.get("wall_time_s"))
    failures = contents.failures
    return {
        "finished": bool(manifest),
        "recipe": yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True).strip() if recipe else None,
        "packages": dict(manifest.get("packages") or manifest.get("versions") or {}),
        "seeds": manifest.get("seeds"),
        "models": dict(manifest.get("models") or {}),
        "hashes": dict(manifest.get("hashes") or {}),
        "machine": dict(manifest.get("machine") or {}),
        "written": str(manifest.get("written") or "")[:16].replace("T", " "),
        "states": [r for r in manifest.get("saturation") or [] if isinstance(r, dict)],
        "duration": None if seconds is None else duration(float(seconds)),
        "failures": None if failures is None else failures.height,
        "failure_rows": [] if failures is None else failures.head(10).to_dicts(),
    }


CAPTIONS = {
    "acquisition": (
        "Learning the facts",
        "Share of facts at each epoch of acquisition. Solid: the value being taught; dashed: controls that were never "
        "taught. Bands are 95 % intervals, clustered by subject; chance is marked. The dotted line is where the later "
        "phases start.",
    ),
    "update": (
        "Updating the facts",
        "Every fact gets a new value. Below, the new answer replaces the old one in what the model says; above, the "
        "old answer is recognised for as long as its line stays over the dashed one of a value that was never taught. "
        "Pale lines lead in from acquisition.",
    ),
    "forgetting": (
        "Forgetting the facts",
        "The model trains on text that says nothing of the facts. Beneath the curves, the share of the starting value "
        "that is left at the end; “from chance” measures recognition from 50 %, where nothing is known.",
    ),
    "loss": (
        "Losses on the training sentences",
        "Loss on sentences with the old and the new value, over all tokens and over the tokens of the answer alone. "
        "Bold: mean over seeds; faint: each seed. In the last column each line is one starting point.",
    ),
}
"""Title and caption of each figure, by its file name."""

__all__ = ["Picture", "Table", "duration", "render", "write_report"]
