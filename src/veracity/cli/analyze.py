"""`veracity analyze`: what do runs say together, and how sure is that?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from veracity.cli.runs import RunsFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from veracity.core.finding import Overview

PATIENCE = 2.0
"""Seconds between lines where nothing can be animated."""


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
    every_figure: Annotated[
        bool, typer.Option("--every-figure", help="Draw what is not on the page, too; takes minutes.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the tree; what an analysis wrote there before is replaced.")
    ] = None,
    runs_folder: RunsFolder = Path("runs"),
) -> None:
    """Analyze runs of truth-seeking: compare policies, relate metrics, attribute, choose what to train on.

    Writes a page with what matters, and tables, figures and pages under analyzer/algorithm/domain/mode/prompt/model.
    """
    from veracity.analysis.base import analyze as analyzed
    from veracity.analysis.overview import overviews
    from veracity.analysis.scores import read_run
    from veracity.experiments.running import find_run
    from veracity.report.analysis import write_analysis

    names = [name.strip() for name in analyzers.split(",") if name.strip()]
    options = _options(settings)
    folders = [find_run(name, runs_folder) for name in runs]
    with _progress() as told:
        told("reading tables")
        parts = overviews(
            analyzed(
                [read_run(folder) for folder in folders], analyzers=names or None, options=options, seed=seed,
                resamples=resamples, progress=told,
            )
        )  # fmt: skip
        folder = out or runs_folder / "analyses" / "_and_".join(folder.resolve().name for folder in folders)
        title = ", ".join(folder.resolve().name for folder in folders)
        page = write_analysis(parts, folder, title=title, every_figure=every_figure, progress=told)
    _summarise(parts)
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


def _progress() -> AbstractContextManager[Callable[[str], None]]:
    """Takes what is being done: a spinner on a terminal, elsewhere a line whenever the last one is a while ago."""
    import time
    from contextlib import contextmanager

    from veracity.cli.console import make_console

    console = make_console()

    @contextmanager
    def shown() -> Iterator[Callable[[str], None]]:
        if console.is_terminal:
            with console.status("analysing") as status:
                yield status.update
            return
        last = [time.monotonic()]

        def line(text: str) -> None:
            if time.monotonic() - last[0] >= PATIENCE:
                last[0] = time.monotonic()
                typer.echo(f"… {text}", err=True)

        yield line

    return shown()


def _summarise(parts: Sequence[Overview]) -> None:
    """What each analyzer found, in a sentence, or that it had not enough to say."""
    from veracity.cli.console import make_console

    console = make_console()
    for part in parts:
        count = len(part.findings)
        name = part.analyzer.replace("_", " ")
        console.print(f"{name}: {count} finding{'s' if count > 1 else ''}", style="bold", markup=False)
        for answer in part.answers or ["Not enough was measured to answer."]:
            console.print(f"  {answer}", markup=False)
    if not parts:
        console.print("Nothing was found: no analyzer had enough to say.")
