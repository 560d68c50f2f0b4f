"""`veracity analyze`: what do runs say together, and how sure is that?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from veracity.cli.runs import RunsFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veracity.core.finding import Finding


def analyze(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs by name or folder.")],
    analyzers: Annotated[
        str, typer.Option(help="Names, with commas between; all by default. See `veracity analyzers`.")
    ] = "",
    settings: Annotated[
        Path | None, typer.Option(help="YAML file with options: a mapping by analyzer.", exists=True, dir_okay=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstraps, permutations and splits.")] = 0,
    resamples: Annotated[int, typer.Option(min=100, help="Draws of each bootstrap.")] = 2000,
    out: Annotated[Path | None, typer.Option(help="Folder for the tree; inside the runs folder by default.")] = None,
    runs_folder: RunsFolder = Path("runs"),
) -> None:
    """Analyze runs of truth-seeking: compare policies, relate metrics, attribute, choose what to train on.

    Writes tables, figures and a page under analyzer/algorithm/domain/mode/prompt/model.
    """
    from veracity.analysis.base import analyze as analyzed
    from veracity.analysis.scores import read_run
    from veracity.cli.console import make_console
    from veracity.experiments.running import find_run
    from veracity.report.analysis import write_analysis

    folders = [find_run(name, runs_folder) for name in runs]
    names = [name.strip() for name in analyzers.split(",") if name.strip()]
    with make_console().status("analysing; all analyzers of a run take about a minute"):
        found = analyzed(
            [read_run(folder) for folder in folders], analyzers=names or None, options=_options(settings), seed=seed,
            resamples=resamples,
        )  # fmt: skip
    title = ", ".join(folder.resolve().name for folder in folders)
    _summarise(found)
    folder = out or runs_folder / "analyses" / "_and_".join(folder.resolve().name for folder in folders)
    with make_console().status("drawing tables, figures and the page"):
        page = write_analysis(found, folder, title=title)
    typer.echo(f"analysis: {page}")


def list_analyzers() -> None:
    """List the analyzers with what each asks, the scales it looks at, and its options."""
    from veracity.analysis.base import ANALYZERS
    from veracity.cli.console import make_console

    console = make_console()
    for name, kind in ANALYZERS:
        asks = (kind.__doc__ or "").splitlines()[0]
        console.print(f"{name} ({', '.join(kind.scales())}): {asks}", markup=False)
        for key, field in kind.Options.model_fields.items():
            console.print(f"    {key}: {field.description}", style="bright_black", markup=False)


def _options(path: Path | None) -> dict[str, Any]:
    """The options by analyzer. ConfigError unless the file holds a mapping of mappings."""
    import yaml

    from veracity.core.errors import ConfigError

    if path is None:
        return {}
    try:
        read = yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no YAML that can be read: {error}") from None
    if not isinstance(read, dict) or not all(isinstance(value, dict) for value in read.values()):
        raise ConfigError(f"{path}: give options by analyzer, as `performance_comparison: {{x: name}}`")
    return read


def _summarise(found: Sequence[Finding]) -> None:
    from collections import Counter

    from veracity.cli.console import make_console

    console = make_console()
    for name, count in Counter(finding.analyzer for finding in found).items():
        console.print(f"{name.replace('_', ' ')}: {count} finding{'s' if count > 1 else ''}", markup=False)
